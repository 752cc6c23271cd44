"""Name, addresses and TCP: what keeps a client from any connection at all."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.conflicts.hidden import why_not
from tests.conflicts.situation import has_ipv6, port_for
from tests.doctor.asking import ask

IN_A_NETWORK = ("unshare", "--net", "sh", "-c")
# A cable whose other end nobody holds: what is sent there is lost, as behind a firewall that drops.
NOBODY_BEHIND = (
    "ip link add near type veth peer name far && ip addr add 192.0.2.1/24 dev near && "
    "ip link set near up && ip link set far up && "
    'ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev near && exec "$0" "$@"'
)


def test_name_that_does_not_resolve() -> None:
    found = ask("ws://no-such-host.invalid:8000/ws/permissions/")
    assert (found.code, found.data["cause"], found.data["layer"]) == (1, "name.unresolved", "name")
    assert found.last["steps"][0]["command"] == "getent hosts no-such-host.invalid"


def test_port_that_nobody_listens_on() -> None:
    port = port_for()
    found = ask(f"ws://localhost:{port}/")
    assert (found.code, found.data["cause"]) == (1, "tcp.refused")
    assert f"127.0.0.1:{port} refuses" in found.last["evidence"]


@pytest.fixture
def listening_elsewhere() -> Iterator[int]:
    if not has_ipv6():
        pytest.skip("this machine has no ::1")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        yield server.getsockname()[1]


def test_server_at_another_address(listening_elsewhere: int) -> None:
    found = ask(f"ws://127.0.0.1:{listening_elsewhere}/chat")
    assert (found.code, found.data["cause"]) == (1, "tcp.other-address")
    command = f"conformance doctor ws://localhost:{listening_elsewhere}/chat"
    assert command in [one["command"] for one in found.last["steps"]]
    assert any(f"[::1]:{listening_elsewhere}" in one for one in found.last["evidence"])


def test_packets_that_are_swallowed() -> None:
    if reason := why_not(("unshare", "--net")):
        pytest.skip(reason)
    if shutil.which("ip") is None:
        pytest.skip("ip is not installed")
    wrapper = (*IN_A_NETWORK, NOBODY_BEHIND)
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a pair of interfaces cannot be made here")
    found = ask("ws://192.0.2.7:8000/", wrapper=wrapper)
    assert (found.code, found.data["cause"]) == (1, "tcp.filtered")


def test_network_without_a_way_there() -> None:
    if reason := why_not(("unshare", "--net")):
        pytest.skip(reason)
    found = ask("ws://192.0.2.7:8000/", wrapper=("unshare", "--net"))
    assert (found.code, found.data["cause"]) == (1, "tcp.unreachable")
