# SPDX-License-Identifier: Apache-2.0
"""Nodes of a cluster that cannot work together.

Each returns one sentence for each thing, with the variable to set. "spec" is
the dictionary that vars/main.yml of the role kafka puts together.
"""

import posixpath
import re
from collections.abc import Mapping

from ..module_utils.kafka_directories import is_in
from .kafka_account_problems import password_problem
from .kafka_identities import (
    controller_protocol,
)
from .kafka_nodes import (
    ROLES,
    brokers,
    controllers,
    is_cluster,
    is_loopback,
    is_wildcard,
    node_address,
    own_node,
)

UUID = re.compile(r"[A-Za-z0-9_-]{22}")
#: Kafka keeps it as a number of 32 bits.
LARGEST_ID = 2**31 - 1
#: Where messages are unless a node is told.
DATA_DIRS = ("/var/lib/kafka/data",)
#: The same of what two nodes on one machine cannot share, and of the ports
#: at which nodes find each other.
PLACES = {"kafka_config_dir": "/etc/kafka", "kafka_service_name": "kafka"}
PORTS = {"kafka_controller_port": 9093, "kafka_port": 9092}


def _shape_problems(node):
    wrong = set(node.get("roles") or ROLES) - set(ROLES)
    if isinstance(node.get("roles"), str):
        yield (
            f"kafka_node_roles of {node['host']} is text: write a list, "
            f"like [{node['roles']}]."
        )
    elif wrong:
        yield (
            f"kafka_node_roles of {node['host']} has {min(wrong)}: write "
            "broker, controller, or both."
        )
    number = node.get("id")
    if (
        isinstance(number, bool)
        or not isinstance(number, int)
        or not 0 <= number <= LARGEST_ID
    ):
        yield (
            f"kafka_nodes gives {node['host']} the id {number!r}: write a "
            f"number from 0 to {LARGEST_ID}, without quotes."
        )
    known = str(node.get("directory_id") or "")
    if known and not UUID.fullmatch(known):
        yield (
            f"kafka_nodes gives {node['host']} the directory_id {known}, "
            "which has not the 22 characters of one: let "
            "playbooks/new_cluster.yml write the file."
        )


def _reach_problems(node):
    if is_wildcard(node_address(node)):
        yield (
            f"Nobody can connect to {node_address(node)}: set "
            f"kafka_advertised_address of {node['host']} to its name or "
            "address, or leave it out."
        )
    if is_loopback(node_address(node)):
        yield (
            f"{node['host']} would tell the other nodes to connect to "
            f"{node_address(node)}, which is themselves: set "
            f"kafka_advertised_address of {node['host']}."
        )


def _both_in(first, second):
    """Two directories of which one is in the other, or is the other."""
    for one in first:
        for two in second:
            path, there = (
                posixpath.normpath(str(each)) for each in (one, two)
            )
            if path == there or is_in(path, there):
                return path
            if is_in(there, path):
                return there
    return ""


def _place(node, name):
    return (node.get("places") or {}).get(name, {**PLACES, **PORTS}[name])


def _shared_problems(spec):
    """Two nodes on one machine may not write to the same directory."""
    own = own_node(spec)
    if not own.get("machine"):
        return
    for node in spec["nodes"]:
        if node is own or node.get("machine") != own["machine"]:
            continue
        both = _both_in(
            own.get("data_dirs") or DATA_DIRS,
            node.get("data_dirs") or DATA_DIRS,
        )
        shared = ["kafka_data_dirs"] if both else []
        shared += [
            name for name in PLACES if _place(own, name) == _place(node, name)
        ]
        if shared:
            yield (
                f"{own['host']} and {node['host']} are one machine, "
                f"{own['machine']}, and share "
                f"{both or _place(own, shared[0])}: give each "
                f"{' and '.join(shared)} of its own, or another machine."
            )


def _meeting_problems(spec):
    """Where nodes cannot find each other."""
    own = own_node(spec)
    for node in spec["nodes"]:
        if node is own:
            continue
        for name in PORTS:
            mine, other = str(_place(own, name)), str(_place(node, name))
            if mine != other:
                yield (
                    f"{name} is {mine} on {own['host']} and {other} on "
                    f"{node['host']}, and nodes find each other at one port: "
                    "write it once, for the group kafka."
                )
        if node_address(node) == node_address(own):
            yield (
                f"{own['host']} and {node['host']} would both be found at "
                f"{node_address(own)}: set kafka_advertised_address of each "
                "to its own name or address."
            )


def _node_problems(spec):
    nodes = spec["nodes"]
    unknown = [
        str(node["host"])
        for node in nodes
        if not node.get("known", True) and node["host"] != spec["leaving"]
    ]
    if unknown:
        yield (
            f"kafka_nodes names {', '.join(unknown)}, which the inventory "
            "does not know: put it back into the group kafka, or take it out "
            "of the cluster with playbooks/remove_node.yml first."
        )
    for key in ("id", "directory_id"):
        values = [node[key] for node in nodes if node.get(key) is not None]
        for value in sorted(
            {v for v in values if values.count(v) > 1}, key=str
        ):
            hosts = [str(n["host"]) for n in nodes if n.get(key) == value]
            yield (
                "kafka_nodes gives {} the same {}, {}: give each node its "
                "own.".format(" and ".join(hosts), key, value)
            )
    if spec["quorum"] == "dynamic" and not any(
        node.get("directory_id") for node in controllers(spec)
    ):
        yield (
            "kafka_nodes gives no controller a directory_id: let "
            "playbooks/new_cluster.yml write the file."
        )
    voters = len(controllers(spec))
    if voters % 2 == 0:
        yield (
            f"kafka_nodes has {voters} controllers, and a quorum of {voters} "
            f"survives no more failures than one of {voters - 1}: have 1, 3 "
            "or 5 (kafka_node_roles says which nodes are)."
            if voters
            else "kafka_nodes has no controller: put controller into "
            "kafka_node_roles of 1, 3 or 5 nodes."
        )
    if not brokers(spec):
        yield (
            "kafka_nodes has no broker: put broker into kafka_node_roles of "
            "a node."
        )
    for node in nodes:
        yield from _shape_problems(node)
        yield from _reach_problems(node)
    yield from _shared_problems(spec)
    yield from _meeting_problems(spec)
    if is_loopback(own_node(spec)["listen"]):
        yield (
            f"kafka_listen_address of {spec['host']} is "
            f"{own_node(spec)['listen']}, where no other node can reach it: "
            "set it to an address of the machine, or to 0.0.0.0."
        )


def _alone_problems(spec):
    if set(own_node(spec).get("roles") or ROLES) != set(ROLES):
        yield (
            f"kafka_node_roles of {spec['host']} is not broker and "
            "controller, and a node alone has to be both: leave it out, "
            "or name the nodes of a cluster in kafka_nodes."
        )


def cluster_problems(spec):
    group = spec["group_hosts"]
    if not spec["given_nodes"]:
        if spec["host"] in group and len(group) > 1:
            yield (
                f"The group kafka has {len(group)} hosts, but kafka_nodes is "
                "empty: run playbooks/new_cluster.yml once, which writes the "
                "cluster's ids and secrets beside the inventory."
            )
        else:
            yield from _alone_problems(spec)
        return
    if spec["host"] not in spec["given_nodes"]:
        yield (
            f"kafka_nodes does not name {spec['host']}: add it there, or "
            "leave the host out of the play."
        )
        return
    if not is_cluster(spec):
        yield from _shape_problems(own_node(spec))
        yield from _alone_problems(spec)
    else:
        yield from _node_problems(spec)
        if spec["quorum"] == "dynamic" and spec["static_only"]:
            yield (
                "kafka_quorum is dynamic, which this kafka_version cannot: "
                "set it to static in the file of kafka_nodes."
            )
        if not spec["cluster_id"]:
            yield (
                "kafka_nodes is set, and kafka_cluster_id is empty: run "
                "playbooks/new_cluster.yml once, which writes both."
            )
        if controller_protocol(spec) == "SASL_SSL":
            yield password_problem(
                "kafka_controller_password", spec["controller_password"]
            )


def kafka_node_shape_problems(nodes):
    """What is wrong with how kafka_nodes is written."""
    problems = []
    for host, node in nodes.items():
        if not isinstance(node, Mapping) or "id" not in node:
            problems.append(
                f"kafka_nodes gives {host} no id: write {host}: {{id: 1}}, "
                "with a number that no other node has, or let "
                "playbooks/new_cluster.yml and add_node.yml write the file."
            )
            continue
        problems += [
            f"kafka_nodes gives {host} the key {key}, which means nothing "
            "there: write id and directory_id; what else a node needs are "
            "variables of the host."
            for key in sorted({*node} - {"id", "directory_id"})
        ]
    return problems
