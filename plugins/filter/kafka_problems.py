# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: nodes and identities that cannot work.

Each returns one sentence for each thing, with the variable to set.
"""

import re

from ..plugin_utils.kafka_identities import (
    CONTROLLER_USER,
    PROTOCOLS,
    controller_protocol,
    has_sasl,
    kafka_admin_users,
    listener_protocol,
    needs_tls,
)
from ..plugin_utils.kafka_nodes import (
    ROLES,
    bindings,
    brokers,
    controllers,
    is_cluster,
    is_loopback,
    is_wildcard,
    listener_address,
    listener_advertised,
    node_address,
    own_node,
)

#: A name that JAAS, librdkafka and kafka-acls take without quoting.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$")
LISTENER = re.compile(r"[A-Z][A-Z0-9_]*$")
UUID = re.compile(r"[A-Za-z0-9_-]{22}$")
WEAK = 8


def _password_problem(setting, word):
    if len(word or "") < WEAK:
        return (
            f"{setting} has fewer than {WEAK} characters: set it to a long "
            "random text, in a file of Ansible Vault."
        )
    if len(set(word)) < WEAK // 2:
        return (
            f"{setting} repeats fewer than {WEAK // 2} characters: set it to "
            "a long random text, in a file of Ansible Vault."
        )
    if re.search(r"[\x00-\x1f\x7f]", word):
        return (
            f"{setting} holds a line end or another control character: "
            "write a text of one line."
        )
    return ""


def _user_problems(spec):
    own = {*kafka_admin_users(spec), CONTROLLER_USER}
    seen = set()
    for user in spec["users"]:
        name = str(user.get("name", ""))
        if not NAME.match(name):
            yield (
                f"kafka_users has a user {name!r}: write a name of letters, "
                "digits, dots, dashes and underscores."
            )
            continue
        if name in own:
            yield (
                f"kafka_users has the user {name}, whom the brokers use "
                "themselves: write another name."
            )
        if name in seen:
            yield f"kafka_users has the user {name} twice: remove one."
        seen.add(name)
        if has_sasl(spec) and user.get("state") != "absent":
            yield _password_problem(
                f"The password of {name} in kafka_users",
                user.get("password"),
            )
        if spec["security"] in ("plaintext", "ssl"):
            yield (
                f"kafka_users has the user {name}, but kafka_security is "
                f"{spec['security']}, where nobody is asked for a name: set "
                "kafka_security to sasl_ssl, or empty kafka_users."
            )


def _listener_problems(spec):
    chosen = spec["controller_security"]
    if "scram" in chosen:
        yield (
            f"kafka_controller_security is {chosen}, and a controller can "
            "check no SCRAM password before a leader is elected, which needs "
            "that check: set it to mtls or sasl_ssl."
        )
    elif chosen not in ("mtls", "sasl_ssl"):
        yield (
            f"kafka_controller_security is {chosen}: set it to mtls or "
            "sasl_ssl."
        )
    if has_sasl(spec) and (is_cluster(spec) or spec["admin_password"]):
        yield _password_problem("kafka_admin_password", spec["admin_password"])
    if spec["security"] in ("plaintext", "sasl_plain", "sasl_scram"):
        listen = own_node(spec)["listen"]
        if not is_loopback(listen) and not spec["allow_plaintext"]:
            yield (
                f"kafka_listen_address is {listen}, and with kafka_security "
                f"{spec['security']} everybody on the way can read every "
                "message: set it to 127.0.0.1, set kafka_security to "
                "sasl_ssl, or set kafka_allow_plaintext to true if that "
                "network is yours alone."
            )
    if spec["security"] == "sasl_scram" and spec["mechanism"] == "PLAIN":
        yield (
            "kafka_sasl_mechanism is PLAIN and kafka_security is "
            "sasl_scram: set kafka_security to sasl_plain, or "
            "kafka_sasl_mechanism to SCRAM-SHA-512."
        )


def _more_listener_problems(spec):
    taken = {"CONTROLLER", PROTOCOLS[spec["security"]]}
    for one in spec["listeners"]:
        name = str(one.get("name", ""))
        if not LISTENER.match(name) or name in taken:
            yield (
                f"kafka_listeners has a listener {name!r}: write a name of "
                "capital letters that no other listener has, and that is not "
                "CONTROLLER or {}.".format(PROTOCOLS[spec["security"]])
            )
            continue
        taken.add(name)
        listen = listener_address(spec, one)
        if spec["security"] == "mtls" and one.get("tls") is False:
            yield (
                f"The listener {name} in kafka_listeners has tls false, and "
                "with kafka_security mtls clients are known by their "
                "certificates: leave tls out."
            )
        elif (
            listener_protocol(spec, one).endswith("PLAINTEXT")
            and not is_loopback(listen)
            and not spec["allow_plaintext"]
        ):
            yield (
                f"The listener {name} in kafka_listeners is on {listen} "
                "without encryption, and everybody on the way can read every "
                "message: set its tls to true, its address to 127.0.0.1, or "
                "kafka_allow_plaintext to true if that network is yours "
                "alone."
            )
        advertised = listener_advertised(spec, one)
        if is_wildcard(advertised) or (
            is_loopback(advertised) and not is_loopback(listen)
        ):
            yield (
                f"The listener {name} in kafka_listeners is on {listen} and "
                f"would tell clients to connect to {advertised}: set its "
                "advertised_address to the name or address that they shall "
                "use."
            )


def _port_problems(spec):
    taken = {}
    for one in bindings(spec):
        if not 0 < one["port"] < 65536:
            yield (
                f"{one['port_setting']} is {one['port']}: write a number "
                "from 1 to 65535."
            )
        other = taken.setdefault(one["port"], one["port_setting"])
        if other != one["port_setting"]:
            yield (
                f"{other} and {one['port_setting']} are both {one['port']}: "
                "give each listener a port of its own."
            )


def _node_problems(spec):
    nodes = spec["nodes"]
    for key in ("id", "directory_id"):
        values = [node[key] for node in nodes if node.get(key) is not None]
        for value in sorted(
            {v for v in values if values.count(v) > 1}, key=str
        ):
            hosts = [n["host"] for n in nodes if n.get(key) == value]
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
        wrong = set(node.get("roles") or ROLES) - set(ROLES)
        if wrong:
            yield (
                f"kafka_node_roles of {node['host']} has {min(wrong)}: write "
                "broker, controller, or both."
            )
        if not isinstance(node.get("id"), int) or node["id"] < 0:
            yield (
                f"kafka_nodes gives {node['host']} the id {node.get('id')!r}: "
                "write a number, 0 or more."
            )
        known = str(node.get("directory_id") or "")
        if known and not UUID.match(known):
            yield (
                f"kafka_nodes gives {node['host']} the directory_id {known}, "
                "which has not the 22 characters of one: let "
                "playbooks/new_cluster.yml write the file."
            )
        if is_loopback(node_address(node)):
            yield (
                f"{node['host']} would tell the other nodes to connect to "
                f"{node_address(node)}, which is themselves: set "
                f"kafka_advertised_address of {node['host']}."
            )
    if is_loopback(own_node(spec)["listen"]):
        yield (
            f"kafka_listen_address of {spec['host']} is "
            f"{own_node(spec)['listen']}, where no other node can reach it: "
            "set it to an address of the machine, or to 0.0.0.0."
        )


def _cluster_problems(spec):
    group = spec["group_hosts"]
    if not spec["given_nodes"]:
        if spec["host"] in group and len(group) > 1:
            yield (
                f"The group kafka has {len(group)} hosts, but kafka_nodes is "
                "empty: run playbooks/new_cluster.yml once, which writes the "
                "cluster's ids and secrets beside the inventory."
            )
        elif set(own_node(spec).get("roles") or ROLES) != set(ROLES):
            yield (
                f"kafka_node_roles of {spec['host']} is not broker and "
                "controller, and a node alone has to be both: leave it out, "
                "or name the nodes of a cluster in kafka_nodes."
            )
        return
    if spec["host"] not in spec["given_nodes"]:
        yield (
            f"kafka_nodes does not name {spec['host']}: add it there, or "
            "leave the host out of the play."
        )
        return
    if is_cluster(spec):
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
            yield _password_problem(
                "kafka_controller_password", spec["controller_password"]
            )


def _tls_problems(spec):
    given = spec["tls_files"]
    if needs_tls(spec) and not spec["pki_dir"]:
        for setting in sorted(given):
            if not given[setting]:
                yield (
                    f"{setting} is empty, and the listeners of kafka_security "
                    f"{spec['security']} and kafka_listeners need it: name a "
                    "PEM file on the controller, or set kafka_pki_dir to a "
                    "folder for a small certificate authority of this role."
                )


def kafka_security_problems(spec):
    """One sentence for each thing that cannot work, most general first."""
    problems = list(_cluster_problems(spec))
    if spec["given_nodes"] and spec["host"] not in spec["given_nodes"]:
        return problems
    for part in (
        _listener_problems,
        _more_listener_problems,
        _port_problems,
        _user_problems,
        _tls_problems,
    ):
        problems += part(spec)
    return [problem for problem in problems if problem]


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_security_problems": kafka_security_problems,
        }
