# SPDX-License-Identifier: Apache-2.0
"""Transport URLs as oslo.messaging reads them."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import quote

from ansible.errors import AnsibleFilterError

_PORT = re.compile(r"[0-9]{1,5}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def _split(host: Any, port: int) -> tuple[str, int]:
    """Tell the name and the port of ``name``, ``name:port``, ``[v6]:port``."""
    text = str(host).strip()
    bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.%]+)\](?::(.*))?", text)
    if bracketed:
        name, own = bracketed.groups()
    elif text.count(":") > 1:
        name, own = text, None
    else:
        name, _, own = text.partition(":")
    if own is None or own == "":
        return name, port
    if not _PORT.fullmatch(own):
        raise AnsibleFilterError(
            f"The port of host {text} is no number: write host:port."
        )
    return name, int(own)


def _is_host(name: str) -> bool:
    # Only addresses have a colon, and only they have nothing but numbers.
    if ":" not in name and not re.fullmatch(r"[0-9.]+", name):
        return bool(_HOST.fullmatch(name))
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _location(host: Any, port: int) -> str:
    if "@" in str(host):
        # Not quoted: it may hold a password.
        raise AnsibleFilterError(
            "A host contains @: write the host alone, or host:port; user and "
            "password have settings of their own."
        )
    name, port = _split(host, port)
    if not _is_host(name):
        raise AnsibleFilterError(
            f"{host} is no host name or address: write the host alone, "
            "host:port, or [IPv6]:port."
        )
    if ":" in name:
        name = f"[{name}]"
    if not 0 < port < 65536:
        raise AnsibleFilterError(
            f"Port {port} of host {name} is no TCP port: write a number "
            "from 1 to 65535."
        )
    return f"{name}:{port}"


def _quoted(text: Any) -> str:
    # Before ansible-core 2.19 what is encrypted in the midst of a file
    # (!vault) is no str.
    return quote(str(text), safe="")


def transport_url(
    hosts: list[Any],
    transport: str,
    port: int,
    *,
    user: str = "",
    password: str = "",
    vhost: str = "",
) -> str:
    """Build a transport URL for some hosts with the same credentials.

    Every character with a meaning in URLs is percent-encoded, which also
    keeps oslo.config from substituting ``$``. Errors never quote the
    password.
    """
    if not _SCHEME.fullmatch(transport):
        raise AnsibleFilterError(
            f"{transport} is no transport: write rabbit or kafka-driver."
        )
    if isinstance(hosts, str) or not hosts:
        raise AnsibleFilterError(
            "The list of hosts is empty: write at least one, as a list."
        )
    if password and not user:
        raise AnsibleFilterError(
            "A password is given without a user: write the user too."
        )
    credentials = ""
    if user:
        # The colon stays without a password: oslo.messaging would otherwise
        # take the host for one without credentials.
        credentials = f"{_quoted(user)}:{_quoted(password)}@"
    netloc = ",".join(
        credentials + _location(host, int(port)) for host in hosts
    )
    return f"{transport}://{netloc}/{_quoted(vhost)}"


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"transport_url": transport_url}
