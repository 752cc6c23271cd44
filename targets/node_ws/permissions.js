// The permissions service itself: users and tokens, who may come in, what a message is answered with.
"use strict";

const { createHash } = require("node:crypto");

const ORIGINS = (process.env.ALLOWED_ORIGINS || "https://app.example").split(",");
const HOST = /^([\w.~-]+|\[[0-9A-Fa-f:.]+\])(:\d{0,5})?$/;
const TOKEN = /^[!#$%&'*+.^`|~\w-]+$/;
const FEATURES = {
  permission_notifications: true,
  role_updates: true,
  menu_access_updates: true,
  cache_invalidation: true,
  heartbeat: true,
};

class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

class MessageError extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }
}

const digest = (secret) => createHash("sha256").update(secret).digest("hex");
const serverTime = () => new Date().toISOString();

// User ids go up to 2^63 - 1 and numbers only to 2^53, so ids are strings here, and written by `withUserId`.
function seed() {
  const users = new Map();
  const tokens = new Map();
  const user = (id, groups = [], permissions = [], active = true) =>
    users.set(id, { id, groups, permissions: new Set(permissions), roles: [], menus: [], active });
  const token = (name, userId, rest = {}) => {
    const secret = process.env[`${name}_TOKEN`] || `${name.toLowerCase().replaceAll("_", "-")}-demo-token`;
    tokens.set(digest(secret), { userId, notBefore: 0, notAfter: Infinity, revoked: false, ...rest });
  };
  user("1", ["editors", "staff"], ["articles.view"]);
  user("2", ["viewers"]);
  user("9007199254740993");
  user("907", [], [], false);
  token("ALICE", "1");
  token("BOB", "2");
  token("CAROL", "9007199254740993");
  for (let n = 1; n <= 6; n++) {
    user(`90${n}`);
    token(`DISPOSABLE_${n}`, `90${n}`);
  }
  token("EXPIRED", "1", { notAfter: Date.now() - 3600_000 });
  token("NOT_YET", "1", { notBefore: Date.now() + 86400_000 });
  token("REVOKED", "1", { revoked: true });
  token("INACTIVE", "907");
  return { users, tokens };
}

const state = seed();
const reset = () => Object.assign(state, seed());

function isGood(key) {
  const token = state.tokens.get(key);
  const now = Date.now();
  return Boolean(token) && !token.revoked && token.notBefore <= now && now < token.notAfter
    && state.users.get(token.userId).active;
}

// Coming in.

function channelOf(path) {
  if (path === "/ws/permissions/") return "own";
  if (path === "/ws/permissions/anonymous" || path === "/ws/permissions/anonymous/") return "anonymous";
  const match = /^\/ws\/permissions\/([1-9][0-9]{0,18})\/$/.exec(path);
  return match && BigInt(match[1]) < 2n ** 63n ? match[1] : null;
}

// Every token that the handshake carries. An empty one in the query or the cookie counts as none.
function secretsOf(query, headers, subprotocols) {
  const secrets = new URLSearchParams(query).getAll("token");
  const pairs = (headers.cookie || []).flatMap((value) => value.split(";")).map((pair) => pair.trim());
  const cookies = pairs.filter((pair) => pair.startsWith("session=")).map((pair) => pair.slice(8));
  // A browser adds its cookies to what any page asks for: without Origin they prove nothing.
  if (cookies.some(Boolean) && !headers.origin) throw new Refusal(403, "A cookie needs an Origin.");
  if (new Set(secrets).size > 1 || new Set(cookies).size > 1) throw new Refusal(401, "Two tokens.");
  const carried = new Set([...secrets, ...cookies].filter(Boolean));
  for (const value of headers.authorization || []) {
    const [, scheme, secret] = /^(\S*) *(.*)$/.exec(value);
    if (scheme.toLowerCase() === "bearer") carried.add(secret);
  }
  for (let i = 0; i < subprotocols.length; i++) {
    if (subprotocols[i] === "bearer") carried.add(subprotocols[++i] ?? "");
  }
  return carried;
}

// Who asks for a channel. `headers` has a list of values for each name: IncomingMessage.headersDistinct.
function admit(channel, query, headers) {
  const origins = headers.origin || [];
  if (headers.host?.length !== 1 || !HOST.test(headers.host[0])) {
    throw new Refusal(400, "Exactly one valid Host is required.");
  }
  if (origins.length > 1 || !origins.every((origin) => ORIGINS.includes(origin))) {
    throw new Refusal(403, "This origin may not connect.");
  }
  const offered = (headers["sec-websocket-protocol"] || []).flatMap((value) => value.split(","));
  const subprotocols = offered.map((item) => item.trim());
  if (!subprotocols.every((item) => TOKEN.test(item))) throw new Refusal(400, "A subprotocol is a token.");
  const secrets = secretsOf(query, headers, subprotocols);
  if (secrets.size > 1) throw new Refusal(401, "Two tokens.");
  const key = secrets.size ? digest([...secrets][0]) : null;
  if (key !== null && !isGood(key)) throw new Refusal(401, "A valid token is required.");
  const user = key === null ? null : state.users.get(state.tokens.get(key).userId);
  if (channel !== "own" && channel !== "anonymous" && channel !== user?.id) {
    throw new Refusal(user ? 403 : 401, "This channel is not yours.");
  }
  return { user: channel === "anonymous" ? null : user?.id ?? null, key, groups: user?.groups ?? [] };
}

// Messages.

function withUserId(id, object) {
  const rest = JSON.stringify(object).slice(1);
  return `{"user_id":${id}${rest === "}" ? "" : ","}${rest}`;
}

function confirmation(caller) {
  const groups = caller.user === null ? [] : caller.groups;
  return withUserId(caller.user, {
    type: "connection_confirmed", groups, server_time: serverTime(), features: FEATURES,
  });
}

// JSON.parse rounds what a double cannot hold, so such a number is refused: it could not be given back.
function checkNumbers(_, value) {
  const whole = Number.isInteger(value);
  if (typeof value === "number" && (whole ? !Number.isSafeInteger(value) : !Number.isFinite(value))) {
    throw new MessageError("invalid_message", "A number is out of range.");
  }
  return value;
}

function decode(data, isBinary) {
  if (isBinary) throw new MessageError("invalid_message", "Messages are text.");
  let message;
  try {
    message = JSON.parse(data.toString());
  } catch {
    throw new MessageError("invalid_json", "The message is not JSON.");
  }
  if (!isObject(message)) throw new MessageError("invalid_message", "A message is an object.");
  return message;
}

const TOO_DEEP = new MessageError("invalid_message", "The message is nested too deeply.");
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function content(caller, { type, timestamp, data }) {
  if (typeof type !== "string") throw new MessageError("invalid_message", "type is a string.");
  if (data !== undefined && !isObject(data)) throw new MessageError("invalid_message", "data is an object.");
  if (timestamp !== undefined && !Number.isInteger(timestamp)) {
    throw new MessageError("invalid_message", "timestamp is an integer.");
  }
  switch (type) {
    case "connect":
      return null;
    case "heartbeat":
      return { type: "heartbeat_ack", timestamp, data, server_time: serverTime() };
    case "check_permission": {
      const permission = data?.permission;
      if (typeof permission !== "string") {
        throw new MessageError("invalid_message", "data.permission is a string.");
      }
      const allowed = caller.user !== null && state.users.get(caller.user).permissions.has(permission);
      return { type: "permission_result", data: { permission, allowed } };
    }
    default:
      throw new MessageError("unknown_type", "This type is unknown.");
  }
}

// The id that an answer gives back; an invalid one is not given back.
function idOf({ id }) {
  const length = typeof id === "string" ? [...id].length : 0;
  if (id !== undefined && (length < 1 || length > 64)) {
    throw new MessageError("invalid_message", "id is a string of 1 to 64 characters.");
  }
  return id;
}

// The answer to one message, or null when it has none.
function answer(caller, data, isBinary) {
  let id;
  try {
    const message = decode(data, isBinary);
    id = idOf(message);
    const reply = content(caller, message);
    return reply && JSON.stringify({ id, ...reply }, checkNumbers);
  } catch (error) {
    const { code, message } = error instanceof MessageError ? error : TOO_DEEP;
    return JSON.stringify({ type: "error", id, data: { code, message } });
  }
}

module.exports = {
  Refusal, admit, answer, channelOf, confirmation, digest, isGood, reset, serverTime, state, withUserId,
};
