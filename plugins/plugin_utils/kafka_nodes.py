# SPDX-License-Identifier: Apache-2.0
"""The nodes of a cluster, and what each of them does.

"spec" is the dictionary that vars/main.yml of the role kafka puts together.
"""

import ipaddress

#: Names that every machine has for itself.
LOCAL = ("ip6-localhost", "ip6-loopback", "localhost", "localhost6")

#: What a node does unless it is told.
ROLES = ("broker", "controller")


def bracket(address):
    return f"[{address}]" if ":" in address else address


def is_wildcard(address):
    try:
        return ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False


def is_loopback(address):
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address.split(".")[0].lower() in LOCAL


def node_address(node):
    """Name or address at which the other nodes and clients find a node."""
    listen = node.get("listen") or ""
    return (
        node.get("advertised")
        or ("" if is_wildcard(listen) else listen)
        or node["host"]
    )


def listener_address(spec, listener):
    """Where one of kafka_listeners listens."""
    return listener.get("address") or own_node(spec)["listen"]


def listener_advertised(spec, listener):
    """Name or address that its clients are told."""
    address = listener.get("address") or ""
    return (
        listener.get("advertised_address")
        or ("" if is_wildcard(address) else address)
        or node_address(own_node(spec))
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


def bindings(spec):
    """Addresses and ports of this node, and the variables they are from."""
    node = own_node(spec)
    alone = not is_cluster(spec)
    found = []
    if does(node, "broker"):
        found.append((node["listen"], "kafka_listen_address", "kafka_port"))
    if does(node, "controller"):
        found.append(
            (
                "127.0.0.1" if alone else node["listen"],
                "kafka_listen_address",
                "kafka_controller_port",
            )
        )
    found = [
        (address, setting, spec[port.removeprefix("kafka_")], port)
        for address, setting, port in found
    ]
    for one in spec["listeners"] if does(node, "broker") else []:
        setting = f"of {one['name']} in kafka_listeners"
        found.append(
            (
                listener_address(spec, one),
                f"the address {setting}",
                one["port"],
                f"the port {setting}",
            )
        )
    return [
        {
            "address": address,
            "address_setting": setting,
            "port": int(port),
            "port_setting": port_setting,
        }
        for address, setting, port, port_setting in found
    ]
