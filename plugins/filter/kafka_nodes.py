# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: its nodes, and where they are found.

Each takes the dictionary that vars/main.yml of the role puts together, and
returns data; none reads or writes anything.
"""

from collections.abc import Mapping

from ..plugin_utils.kafka_node_problems import PLACES, PORTS
from ..plugin_utils.kafka_nodes import (
    bindings,
    bracket,
    brokers,
    controllers,
    does,
    is_cluster,
    is_loopback,
    is_wildcard,
    listener_advertised,
    node_address,
    own_node,
)

#: Variables of a node that have to do with those of the others.
COMPARED = (*PLACES, *PORTS)
#: Connections that lead nowhere else, whatever address a host has.
LOCAL = ("ansible.builtin.local", "local")


def _list_or_none(value):
    """What another host has; what is wrong there, that host is told."""
    return value if isinstance(value, list) else None


def _roles(value):
    """As a list, or text, of which the problems of nodes know what to say."""
    if value is None or isinstance(value, (list, str)):
        return value
    return [str(value)]


def _machine(known):
    """Where Ansible connects to; behind one address may be several."""
    if known.get("ansible_connection") in LOCAL:
        return "that of Ansible (ansible_connection)"
    host, port = known.get("ansible_host"), known.get("ansible_port")
    if host and port:
        host = f"{host} port {port}"
    return f"{host} (ansible_host)" if host else ""


def kafka_node_list(nodes, hostvars, own):
    """The nodes of a cluster with their addresses, from the inventory.

    In the order of their names: one that came back with another id changes
    no setting of the others, which need no restart then.
    "own" is this host's entry, whose values the role knows better. Its id is
    text where the command line gives it, and ids are compared as numbers.
    """
    if not nodes:
        return [{**own, "id": int(own["id"])}]
    found = []
    for host, node in sorted(nodes.items(), key=lambda item: str(item[0])):
        # Not get(): of a host that is not there Ansible makes an error.
        known = hostvars[host] if host in hostvars else {}  # noqa: SIM401
        # What is no dictionary is told later; here it must not stop us.
        entry = dict(node if isinstance(node, Mapping) else {}, host=host)
        entry["machine"] = _machine(known)
        if host == own["host"]:
            entry.update(
                listen=own["listen"],
                advertised=own["advertised"],
                roles=own.get("roles"),
                data_dirs=own.get("data_dirs"),
                places=own.get("places"),
            )
        else:
            entry.update(
                known=host in hostvars,
                listen=str(known.get("kafka_listen_address") or ""),
                advertised=str(known.get("kafka_advertised_address") or ""),
                roles=_roles(known.get("kafka_node_roles")),
                data_dirs=_list_or_none(known.get("kafka_data_dirs")),
                places={
                    name: known[name] for name in COMPARED if name in known
                },
            )
        found.append(entry)
    return found


def kafka_ids(spec, role):
    """The ids of the nodes that are brokers, or controllers."""
    return [node["id"] for node in spec["nodes"] if does(node, role)]


def kafka_hosts(spec, role):
    """Inventory names of those nodes, in a cluster."""
    found = spec["nodes"] if is_cluster(spec) else []
    return [node["host"] for node in found if does(node, role)]


def kafka_open_ports(spec):
    """Ports that other machines have to reach, as texts."""
    return [
        str(one["port"])
        for one in bindings(spec)
        if not is_loopback(one["address"])
    ]


def kafka_peers(spec):
    """Where this node must reach the others: address, port, its setting.

    One that leaves may be gone already.
    """
    own = own_node(spec)
    found = []
    for node in spec["nodes"] if is_cluster(spec) else []:
        ports = []
        if does(node, "controller"):
            ports.append(spec["controller_port"])
        if does(node, "broker") and does(own, "broker"):
            ports.append(spec["port"])
        found += [
            {
                "address": node_address(node),
                "port": port,
                "setting": f"kafka_advertised_address of {node['host']}",
            }
            for port in ports
            if node is not own and node["host"] != spec["leaving"]
        ]
    return found


def kafka_bootstrap(spec):
    """Where the node itself is asked, as HOST:PORT.

    Clients cannot ask a controller: for one that is nothing else, its brokers
    are asked.
    """
    node = own_node(spec)
    if not does(node, "broker"):
        return kafka_bootstrap_all(spec)
    address = node_address(node)
    if not is_cluster(spec) and not is_wildcard(node["listen"]):
        address = node["listen"]
    return f"{bracket(address)}:{spec['port']}"


def kafka_bootstrap_all(spec):
    """Where the cluster is asked: any of its brokers."""
    if not is_cluster(spec):
        return kafka_bootstrap(spec)
    return ",".join(
        f"{bracket(node_address(node))}:{spec['port']}"
        for node in brokers(spec)
    )


def kafka_tls_addresses(spec):
    """What a certificate of this node has to name."""
    node = own_node(spec)
    addresses = [node_address(node), node["host"]]
    if not is_wildcard(node["listen"]):
        addresses.append(node["listen"])
    addresses += [listener_advertised(spec, one) for one in spec["listeners"]]
    addresses += spec["tls_addresses"]
    return sorted({str(address) for address in addresses if address})


def kafka_initial_controllers(spec):
    """The first voters, as kafka-storage takes them; empty for one node.

    A static quorum is in the settings instead.
    """
    if not is_cluster(spec) or spec["quorum"] == "static":
        return ""
    return ",".join(
        "{}@{}:{}:{}".format(
            node["id"],
            bracket(node_address(node)),
            spec["controller_port"],
            node["directory_id"],
        )
        for node in controllers(spec)
        if node.get("directory_id")
    )


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_bindings": bindings,
            "kafka_bootstrap": kafka_bootstrap,
            "kafka_bootstrap_all": kafka_bootstrap_all,
            "kafka_hosts": kafka_hosts,
            "kafka_ids": kafka_ids,
            "kafka_initial_controllers": kafka_initial_controllers,
            "kafka_node_list": kafka_node_list,
            "kafka_open_ports": kafka_open_ports,
            "kafka_peers": kafka_peers,
            "kafka_tls_addresses": kafka_tls_addresses,
        }
