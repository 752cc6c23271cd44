"""An echo server of a few lines: ``python echo.py PORT [VICE]``; a vice changes what comes back."""

import asyncio
import sys
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

Data = str | bytes


def corrupts_65536_bytes(message: Data) -> Data:
    """Change the last byte of messages of exactly that length."""
    if len(message) != 65536:
        return message
    return message[:-1] + ("?" if isinstance(message, str) else b"?")


def answers_binary_as_text(message: Data) -> Data:
    """Give binary data back as text where it could be text."""
    try:
        return message if isinstance(message, str) else message.decode()
    except UnicodeDecodeError:
        return message


def cuts_at_nul(message: Data) -> Data:
    """Take a NUL for the end, as C does."""
    return message.split("\0" if isinstance(message, str) else b"\0")[0]  # type: ignore[arg-type]


def drops_byte_order_marks(message: Data) -> Data:
    """Read text as files are read."""
    return message.removeprefix("\ufeff") if isinstance(message, str) else message


def cuts_at_150(message: Data) -> Data:
    """Give back what fits into a buffer."""
    return message[:150]


VICES: dict[str, Callable[[Data], Data]] = {
    one.__name__.replace("_", "-"): one
    for one in (
        corrupts_65536_bytes,
        answers_binary_as_text,
        cuts_at_nul,
        drops_byte_order_marks,
        cuts_at_150,
    )
}
vice = sys.argv[2] if len(sys.argv) > 2 else ""


class Impatient(ServerConnection):
    """Ends a connection that pings more than 60 times inside one message, as Node's ws does."""

    pings = 0
    inside = False

    def process_event(self, event: Event) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self.pings += self.inside
            if self.pings > 60:
                self.transport.close()
        elif isinstance(event, Frame):
            self.inside, self.pings = not event.fin, 0 if event.fin else self.pings
        super().process_event(event)


async def handler(connection: ServerConnection) -> None:
    if vice == "greets":
        await connection.send("Welcome!")
    async for message in connection:
        if vice == "takes-no-binary" and isinstance(message, bytes):
            await connection.close(1003)
        else:
            await connection.send(VICES.get(vice, lambda same: same)(message))


async def main() -> None:
    made = Impatient if vice == "limits-pings" else ServerConnection
    async with serve(handler, "127.0.0.1", int(sys.argv[1]), create_connection=made) as server:
        await server.serve_forever()


asyncio.run(main())
