# SPDX-License-Identifier: Apache-2.0
"""Who listens where, as the kernel tells it."""

from __future__ import annotations

import socket
from pathlib import Path

from running import load

plugin = load("plugins/filter/listening.py")


def own(port: int) -> list[dict[str, object]]:
    table = "".join(
        path.read_text()
        for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
        if path.exists()
    )
    return [s for s in plugin.listening(table) if s["port"] == port]


def test_a_listening_socket_is_seen_with_its_address_and_account() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert own(port) == []
        server.listen()
        (seen,) = own(port)
        # A connected socket is not one that listens.
        with socket.create_connection(("127.0.0.1", port)):
            assert len(own(port)) == 1
    assert seen["address"] == "127.0.0.1"
    assert seen["loopback"] is True
    assert seen["uid"] == Path("/proc/self").stat().st_uid
    assert own(port) == []


def test_a_wildcard_is_not_loopback() -> None:
    with socket.socket() as server:
        server.bind(("0.0.0.0", 0))  # noqa: S104
        server.listen()
        (seen,) = own(server.getsockname()[1])
    assert seen["loopback"] is False


def test_ipv6_loopback_is_recognised() -> None:
    line = (
        "   0: 00000000000000000000000001000000:1111 "
        "00000000000000000000000000000000:0000 0A 00000000:00000000 "
        "00:00000000 00000000   106        0 1 1 0 100 0 0 10 0"
    )
    (seen,) = plugin.listening(line)
    assert seen == {
        "address": "::1",
        "port": 0x1111,
        "uid": 106,
        "loopback": True,
    }
