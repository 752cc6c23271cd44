// The permissions service on Node's HTTP server and the library `ws`: `node server.js PORT`.
"use strict";

const { STATUS_CODES, createServer } = require("node:http");
const { WebSocketServer, WebSocket } = require("ws");
const { control } = require("./control.js");
const { Refusal, admit, answer, channelOf, confirmation } = require("./permissions.js");

const MAX_MESSAGE_BYTES = 1024 * 1024;
const BACKLOG = 64 * 1024; // bytes that a client has not read: more, and it is not read either
const LARGEST_BACKLOG = 4 * 1024 * 1024; // more, and it is dropped: to skip an event would be a lie
const PING_INTERVAL = 6000; // a client that answers none is dropped at the next

// Path and query, undecoded; the absolute form means the same as the origin form (RFC 9112 section 3.2.2).
function targetOf(request) {
  const [path, query = ""] = request.url.replace(/^https?:\/\/[^/?#]+/i, "").split("?", 2);
  return [path, query];
}

const connections = new Set();
const perform = control(connections);

const server = createServer({ headersTimeout: 5000, connectionsCheckingInterval: 1000 }, (request, response) => {
  const [path, query] = targetOf(request);
  if (path.startsWith("/control/")) {
    response.writeHead(perform(request, path.slice("/control/".length), new URLSearchParams(query))).end();
  } else if (channelOf(path) !== null) {
    response.writeHead(426, { Upgrade: "websocket", Connection: "Upgrade" }).end("This is a WebSocket endpoint.\n");
  } else {
    response.writeHead(404).end("There is nothing here.\n");
  }
});

const websockets = new WebSocketServer({
  noServer: true,
  maxPayload: MAX_MESSAGE_BYTES,
  perMessageDeflate: true,
  handleProtocols: (offered) => (offered.has("bearer") ? "bearer" : false),
});

function refuse(socket, status, text) {
  socket.once("finish", () => socket.destroy());
  const challenge = status === 401 ? "WWW-Authenticate: Bearer\r\n" : "";
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain\r\nConnection: close\r\n` +
      `${challenge}Content-Length: ${text.length}\r\n\r\n${text}`,
  );
}

server.on("upgrade", (request, socket, head) => {
  socket.on("error", () => socket.destroy());
  const [path, query] = targetOf(request);
  const channel = channelOf(path);
  if (channel === null) return refuse(socket, 404, "There is nothing here.\n");
  if (request.httpVersion !== "1.1") return refuse(socket, 426, "WebSocket needs HTTP/1.1.\n");
  let caller;
  try {
    caller = admit(channel, query, request.headersDistinct);
  } catch (error) {
    if (error instanceof Refusal) return refuse(socket, error.status, `${error.message}\n`);
    throw error;
  }
  return websockets.handleUpgrade(request, socket, head, (websocket) => converse(websocket, caller));
});

// Serve one open connection until it ends.
function converse(websocket, caller) {
  const connection = {
    caller,
    push(text) {
      websocket.send(text);
      if (websocket.bufferedAmount > LARGEST_BACKLOG) websocket.terminate();
    },
    end(code) {
      connections.delete(connection);
      websocket.close(code);
    },
  };
  websocket.isAlive = true;
  websocket.on("pong", () => (websocket.isAlive = true));
  websocket.on("error", () => {}); // the library closes
  websocket.on("close", () => connections.delete(connection));
  websocket.on("message", (data, isBinary) => {
    const reply = answer(caller, data, isBinary);
    if (reply === null || websocket.readyState !== WebSocket.OPEN) return;
    websocket.send(reply, () => websocket.resume());
    if (websocket.bufferedAmount > BACKLOG) websocket.pause();
  });
  websocket.send(confirmation(caller));
  connections.add(connection);
}

setInterval(() => {
  for (const websocket of websockets.clients) {
    if (!websocket.isAlive) websocket.terminate();
    websocket.isAlive = false;
    websocket.ping();
  }
}, PING_INTERVAL).unref();

process.on("SIGTERM", () => {
  server.close();
  for (const websocket of websockets.clients) websocket.close(1001);
  setTimeout(() => process.exit(0), 500).unref();
});

server.listen(Number(process.argv[2]), "127.0.0.1");
