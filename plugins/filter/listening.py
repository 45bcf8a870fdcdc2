# SPDX-License-Identifier: Apache-2.0
"""Who listens on which TCP port, from the kernel's own tables."""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any

_LISTEN = "0A"


def _address(words: str) -> str:
    """Turn the kernel's hexadecimal address into the usual notation."""
    # Each 32-bit word is printed in the byte order of the machine.
    packed = b"".join(
        struct.pack("=I", int(words[start : start + 8], 16))
        for start in range(0, len(words), 8)
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed)


def listening(table: str) -> list[dict[str, Any]]:
    """List the listening sockets of /proc/net/tcp and /proc/net/tcp6.

    Each is a dictionary with ``address``, ``port``, ``uid`` (the account
    that opened it) and ``loopback``.
    """
    sockets = []
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 8 or fields[3] != _LISTEN:
            continue
        words, port = fields[1].split(":")
        address = _address(words)
        sockets.append(
            {
                "address": address,
                "port": int(port, 16),
                "uid": int(fields[7]),
                "loopback": ipaddress.ip_address(address).is_loopback,
            }
        )
    return sockets


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"listening": listening}
