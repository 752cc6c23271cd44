"""An ASGI application that echoes on two paths and refuses the rest, for servers that speak HTTP/2."""

PATHS = {"/", "/ws/permissions/"}


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": message["type"] + ".complete"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"There is nothing here.\n"})
    else:
        await receive()
        if scope["path"] not in PATHS:
            await send({"type": "websocket.close"})
            return
        chosen = "chat" if "chat" in scope["subprotocols"] else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message.get("text"), "bytes": message.get("bytes")})
