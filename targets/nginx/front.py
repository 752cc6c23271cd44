"""Start a server and nginx in front: ``python front.py --port PORT [--tls FILE] -- COMMAND {upstream}``.

``{upstream}`` in the command becomes the port that nginx asks. The two live and die together; on SIGTERM the
server goes first, so that its farewell still passes through nginx.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

HERE = Path(__file__).resolve().parent
# Debian keeps it where PATH seldom looks.
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="where nginx listens")
    parser.add_argument("--upstream", type=int, help="the server's port (a free one)")
    parser.add_argument("--tls", type=Path, metavar="FILE", help="key and certificates in PEM form")
    parser.add_argument("--config", type=Path, default=HERE / "nginx.conf", help="the template to fill in")
    parser.add_argument("command", nargs="+", help="the server's command")
    return parser.parse_args()


def configuration(options: argparse.Namespace, folder: Path) -> str:
    """Return nginx's configuration, filled in."""
    tls = options.tls.resolve() if options.tls else None
    places = {
        "FOLDER": folder,
        "HOST": options.host,
        "PORT": options.port,
        "UPSTREAM": options.upstream,
        "TLS": " ssl http2" if tls else "",
        "CERTIFICATE": f"ssl_certificate {tls}; ssl_certificate_key {tls};" if tls else "",
    }
    text: str = options.config.read_text("utf-8")
    for name, value in places.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def stop(_signal: int, _frame: FrameType | None) -> None:
    """End as if by Ctrl-C."""
    raise KeyboardInterrupt


def listens(port: int) -> bool:
    """Whether something accepts connections on a port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def main() -> int:
    """Start both, wait until one ends, end the other."""
    options = parsed()
    if NGINX is None:
        print("nginx is not installed", file=sys.stderr)
        return 69
    if options.upstream is None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            options.upstream = free.getsockname()[1]
    signal.signal(signal.SIGTERM, stop)
    running: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        file = folder / "nginx.conf"
        file.write_text(configuration(options, folder), "utf-8")
        try:
            command = [word.replace("{upstream}", str(options.upstream)) for word in options.command]
            running.append(subprocess.Popen(command))
            while not listens(options.upstream):
                if (code := running[0].poll()) is not None:
                    return code or 70
                time.sleep(0.05)
            running.append(subprocess.Popen([NGINX, "-p", str(folder), "-c", str(file), "-e", "stderr"]))
            while all(one.poll() is None for one in running):
                time.sleep(0.1)
            return next(code for one in running if (code := one.poll()) is not None) or 70
        except KeyboardInterrupt:
            return 0
        finally:
            for one in running:
                one.terminate()
                one.wait()


if __name__ == "__main__":
    sys.exit(main())
