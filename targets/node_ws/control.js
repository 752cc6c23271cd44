// What a conformance run may change: see docs/control.md. First the state, then the event.
"use strict";

const { randomUUID } = require("node:crypto");
const { digest, isGood, reset, serverTime, state, withUserId } = require("./permissions.js");

const FOREIGN_HEADERS = ["origin", "forwarded", "x-forwarded-for"]; // only a browser or a proxy adds them
const LOOPBACK = ["127.0.0.1", "::1", "::ffff:127.0.0.1"];

class Answer extends Error {
  constructor(status) {
    super();
    this.status = status;
  }
}

function required(query, name) {
  if (!query.has(name)) throw new Answer(400);
  return query.get(name);
}

function userOf(query) {
  const id = required(query, "user_id");
  if (!/^[1-9][0-9]{0,18}$/.test(id)) throw new Answer(400);
  if (!state.users.has(id)) throw new Answer(404);
  return state.users.get(id);
}

const listOf = (query, name) => required(query, name).split(",").filter(Boolean);

function tokensOf(query) {
  if (query.has("token")) {
    const token = state.tokens.get(digest(query.get("token")));
    if (!token) throw new Answer(404);
    return [token];
  }
  const user = userOf(query);
  return [...state.tokens.values()].filter((token) => token.userId === user.id);
}

// `connections` are those that are open: each has `caller`, `push(text)` and `end(code)`.
function control(connections) {
  function publish(type, data, user) {
    const event = JSON.stringify({ type, event_id: randomUUID(), server_time: serverTime() });
    const text = `${event.slice(0, -1)},"data":${user ? withUserId(user.id, data) : JSON.stringify(data)}}`;
    for (const connection of connections) {
      if (!user || connection.caller.user === user.id) connection.push(text);
    }
  }

  function closeUnauthenticated() {
    for (const connection of connections) {
      const { key } = connection.caller;
      if (key !== null && !isGood(key)) connection.end(4401);
    }
  }

  function setPermission(query, granted) {
    const user = userOf(query);
    const permission = required(query, "permission");
    if (!permission) throw new Answer(400);
    if (user.permissions.has(permission) === granted) return;
    user.permissions[granted ? "add" : "delete"](permission);
    publish("permission_changed", { permission, granted }, user);
  }

  function setList(query, name, type) {
    const user = userOf(query);
    const items = listOf(query, name);
    if (items.join() === user[name].join()) return;
    user[name] = items;
    publish(type, { [name]: items }, user);
  }

  const actions = {
    "grant": (query) => setPermission(query, true),
    "revoke": (query) => setPermission(query, false),
    "set-roles": (query) => setList(query, "roles", "role_updated"),
    "set-menus": (query) => setList(query, "menus", "menu_access_updated"),
    "invalidate-cache": (query) => {
      const scope = required(query, "scope");
      if (scope !== "user" && scope !== "all") throw new Answer(400);
      const keys = query.has("keys") ? listOf(query, "keys") : [];
      publish("cache_invalidated", { scope, keys }, scope === "user" ? userOf(query) : null);
    },
    "revoke-token": (query) => {
      for (const token of tokensOf(query)) token.revoked = true;
      closeUnauthenticated();
    },
    "expire-token": (query) => {
      for (const token of tokensOf(query)) token.notAfter = Math.min(token.notAfter, Date.now());
      closeUnauthenticated();
    },
    "deactivate-user": (query) => {
      userOf(query).active = false;
      closeUnauthenticated();
    },
    "reset": reset,
  };

  // The status that answers a request.
  return function perform(request, action, query) {
    if (process.env.CONTROL_ENABLED !== "1" || !Object.hasOwn(actions, action)) return 404;
    if (request.method !== "POST") return 405;
    if (!LOOPBACK.includes(request.socket.remoteAddress)) return 403;
    if (FOREIGN_HEADERS.some((name) => name in request.headers)) return 403;
    if (new Set(query.keys()).size < query.size) return 400;
    try {
      actions[action](query);
    } catch (error) {
      if (error instanceof Answer) return error.status;
      throw error;
    }
    return 204;
  };
}

module.exports = { control };
