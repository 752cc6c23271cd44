"""The permissions WebSocket protocol as a program: a small server that keeps every rule of it.

Read the modules in the order in which a connection meets them:

1. `binding` takes the port, on every address of the host and for this process alone;
2. `handshake` decides whether the bytes are an opening handshake (RFC 6455 section 4.2.1);
3. `routes` decides which channel the request target names;
4. `origin` decides whether the web page that asks may ask;
5. `identity` finds the bearer token and decides who is asking;
6. `session` answers the client's messages;
7. `events` delivers changes to the connections they concern;
8. `actions` makes those changes, `control` lets a tester ask for them by HTTP;
9. `server` puts the parts together, `state` is the database they share.
"""
