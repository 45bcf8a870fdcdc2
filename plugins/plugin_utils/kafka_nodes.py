# SPDX-License-Identifier: Apache-2.0
"""The nodes of a cluster, and what each of them does.

"spec" is the dictionary that vars/main.yml of the role kafka puts together.
"""

import ipaddress

#: What a node does unless it is told.
ROLES = ("broker", "controller")


def bracket(address):
    return f"[{address}]" if ":" in address else address


def is_wildcard(address):
    return address in ("0.0.0.0", "::")  # noqa: S104


def is_loopback(address):
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def node_address(node):
    """Name or address at which the other nodes and clients find a node."""
    listen = node.get("listen") or ""
    return (
        node.get("advertised")
        or ("" if is_wildcard(listen) else listen)
        or node["host"]
    )


def is_cluster(spec):
    return len(spec["nodes"]) > 1


def own_node(spec):
    return next(n for n in spec["nodes"] if n["host"] == spec["host"])


def does(node, role):
    """Whether a node is a broker, or a controller."""
    return role in (node.get("roles") or ROLES)


def brokers(spec):
    return [node for node in spec["nodes"] if does(node, "broker")]


def controllers(spec):
    return [node for node in spec["nodes"] if does(node, "controller")]
