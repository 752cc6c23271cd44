"""A Redis of one's own: the distribution's, on a free port of loopback, keeping nothing."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
import redis

from conformance.ports.waiting import wait_until
from conformance.target.launch import free_port

# What turns the reference server's profile into one of two nodes on a Redis.
TWO_NODES = {
    "\nanonymous = true": '\nnodes = ["ws://localhost:{port2}"]\nanonymous = true',
    '"--origin"': '"--redis", "{redis}", "--origin"',
}


def missing() -> str:
    """Return why there is no Redis to start, or an empty string."""
    return "" if shutil.which("redis-server") else "redis-server is not installed: apt install redis-server"


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """Start a Redis and yield its URL; it is ended by its process id."""
    if missing():
        pytest.skip(missing())
    port = free_port("127.0.0.1")
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        process = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", folder],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            wait_until(lambda: _answers(port), process=process)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(redis.ConnectionError), redis.Redis("127.0.0.1", port) as client:
        return bool(client.ping())
    return False
