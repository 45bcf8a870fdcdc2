# SPDX-License-Identifier: Apache-2.0
"""Whether the other machines of a cluster can be reached from here."""

import ipaddress
import socket
from concurrent import futures

#: Seconds for a connection to a peer; a port that nobody listens on answers.
CONNECT = 5


def loopback_of(name, port):
    """The loopback address that a name has here; empty if it has none."""
    for *_rest, where in socket.getaddrinfo(
        name, port, type=socket.SOCK_STREAM
    ):
        if ipaddress.ip_address(where[0].partition("%")[0]).is_loopback:
            return where[0]
    return ""


def look_at_peer(peer):
    """A refused connection is an answer: somebody may listen there later."""
    where = f"{peer['address']}:{peer['port']}"
    try:
        own = loopback_of(peer["address"], peer["port"])
        if own:
            return (
                f"{peer['address']} is {own} to this machine, which is this "
                f"machine itself: correct {peer['setting']}, or the line of "
                "that name in /etc/hosts."
            )
        with socket.create_connection(
            (peer["address"], peer["port"]), timeout=CONNECT
        ):
            return ""
    except ConnectionError:
        return ""
    except (socket.gaierror, UnicodeError):
        return (
            f"{peer['address']} is no name that this machine knows: correct "
            f"{peer['setting']}, or have it in the DNS or in /etc/hosts."
        )
    except OSError:
        return (
            f"{where} cannot be reached from here: open the port in the "
            f"firewalls between, or correct {peer['setting']}."
        )


def look_at_peers(peers):
    """All at once: each may take seconds."""
    if peers:
        with futures.ThreadPoolExecutor(len(peers)) as pool:
            told = pool.map(look_at_peer, peers)
            # Of several ports of one machine some are told alike.
            yield from dict.fromkeys(filter(None, told))
