# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: nodes and identities that cannot work.

Each returns one sentence for each thing, with the variable to set.
"""

import ipaddress
import math
import posixpath
import re
from collections.abc import Mapping

from ..plugin_utils.kafka_identities import (
    CONTROLLER_USER,
    PROTOCOLS,
    controller_protocol,
    has_authorizer,
    has_sasl,
    kafka_admin_users,
    listener_protocol,
    needs_tls,
    present,
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
from ..plugin_utils.truth import truth

#: What a name of a topic may begin with.
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
#: What grants need, which of them, an example, what there is without it.
NEEDED = (
    ("topics", {"notifier", "listener"}, "notifications.", "notifications."),
    ("groups", {"listener"}, "nova", "every group"),
)
# For fullmatch(): a "$" would let a line end through.
#: A name that JAAS, librdkafka and kafka-acls take without quoting.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LISTENER = re.compile(r"[A-Z][A-Z0-9_]*")
UUID = re.compile(r"[A-Za-z0-9_-]{22}")
WEAK = 8
#: Where messages are unless a node is told.
DATA_DIRS = ("/var/lib/kafka/data",)
#: The same of what two nodes on one machine cannot share, and of the ports
#: at which nodes find each other.
PLACES = {"kafka_config_dir": "/etc/kafka", "kafka_service_name": "kafka"}
PORTS = {"kafka_controller_port": 9093, "kafka_port": 9092}
#: Longest name that a certificate has room for.
LONGEST_NAME = 64
#: What everybody tries first; digits and signs around it change nothing.
KNOWN = {
    *("", "abcdefgh", "admin", "administrator", "changeit", "changeme"),
    *("devstack", "kafka", "letmein", "openstack", "passw0rd", "password"),
    *("q2w3e4r", "q2w3e4r5t", "qaz2wsx", "qazwsx", "qwerty", "qwertyuiop"),
    *("secret", "supersecret", "welcome"),
}
AROUND = ("0123456789.,:;!?#%&*+-_= ", "0123456789.,:;!?#$%&*+-_=@ ")
#: What everybody writes for letters.
FOR_LETTERS = [str.maketrans("@03$51", f"aoess{one}") for one in "li"]
#: What Kafka can limit.
QUOTAS = (
    "consumer_byte_rate",
    "controller_mutation_rate",
    "producer_byte_rate",
    "request_percentage",
)
#: What access rules can be about, by what it is done to.
OPERATIONS = {
    "topic": (
        *("ALL", "ALTER", "ALTER_CONFIGS", "CREATE", "DELETE", "DESCRIBE"),
        *("DESCRIBE_CONFIGS", "READ", "WRITE"),
    ),
    "group": (
        *("ALL", "ALTER_CONFIGS", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS"),
        "READ",
    ),
    "cluster": (
        *("ALL", "ALTER", "ALTER_CONFIGS", "CLUSTER_ACTION", "CREATE"),
        *("DESCRIBE", "DESCRIBE_CONFIGS", "IDEMPOTENT_WRITE"),
    ),
    "transactional_id": ("ALL", "DESCRIBE", "WRITE"),
}
#: Kafka compares it letter by letter with the name that it has of a client.
PRINCIPAL = re.compile(r"User:\S(.*\S)?")


def _once(word):
    """novanova is nova."""
    return re.sub(r"^(.+?)\1+$", r"\1", word)


def _words_of(password):
    """What a password is without what everybody does to a word."""
    word = _once(password.lower())
    cut = {word}
    for signs in AROUND:
        cut |= {word.strip(signs), word.lstrip(signs), word.rstrip(signs)}
    read = {one.translate(table) for one in cut for table in FOR_LETTERS}
    return {_once(one) for one in cut | read}


def _password_problem(setting, word, name="", common=False):
    """What is wrong with a password.

    :param common: whether one that everybody knows will do
    """
    word = word or ""
    if not word:
        return (
            f"{setting} is missing: set it to a long random text, in a file "
            "of Ansible Vault."
        )
    if len(word) < WEAK:
        return (
            f"{setting} has fewer than {WEAK} characters: set it to a long "
            "random text, in a file of Ansible Vault."
        )
    known = KNOWN | {name.lower()}
    if not common and not known.isdisjoint(_words_of(word)):
        return (
            f"{setting} is one that is tried first (a common word, the name "
            "of the account, digits alone): set it to a long random text, in "
            "a file of Ansible Vault."
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
        if not NAME.fullmatch(name):
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
                name,
                # Who lets it cross a network unencrypted is trying things
                # out, as DevStack's users do.
                common=spec["allow_plaintext"],
            )
        for quota, limit in (user.get("quotas") or {}).items():
            if quota not in QUOTAS:
                yield (
                    f"The quotas of {name} in kafka_users have {quota}: write "
                    f"one of {', '.join(QUOTAS)}."
                )
            elif limit is not None and not _is_limit(limit):
                yield (
                    f"{quota} of {name} in kafka_users is {limit!r}: write a "
                    "number above 0, or null for no limit."
                )
        if spec["security"] in ("plaintext", "ssl"):
            yield (
                f"kafka_users has the user {name}, but kafka_security is "
                f"{spec['security']}, where nobody is asked for a name: set "
                "kafka_security to sasl_ssl, or empty kafka_users."
            )


def _prefix_problem(where, key, prefix):
    """What is wrong with one of a user's topics or groups; "*" is every."""
    if prefix == "*":
        return ""
    bare = prefix.rstrip("*")
    if bare != prefix and bare:
        return (
            f"{key} of {where} has {prefix!r}, and is the beginning of names "
            f"anyway: write {bare} without the asterisk."
        )
    if key == "topics" and not TOPIC.fullmatch(prefix):
        return (
            f"topics of {where} has {prefix!r}, with which no name begins: "
            "write letters, digits, dots, dashes and underscores, like "
            "notifications., or * for every topic."
        )
    if not bare:
        return (
            f"{key} of {where} has {prefix!r}: write the beginning of a "
            "name, or * for every one."
        )
    return ""


def _grant_problems(spec):
    for user in present(spec):
        where = f"{user['name']} in kafka_users"
        for key, grants, like, default in NEEDED:
            needing = [
                one for one in user.get("grants") or [] if one in grants
            ]
            if needing and key in user and not user[key]:
                yield (
                    f"{key} of {where} is empty, and {needing[0]} is granted: "
                    f"write the beginnings of their names, like [{like}], "
                    f"leave it out for {default}, or remove the grant."
                )
            for prefix in user.get(key) or []:
                yield _prefix_problem(where, key, prefix)


def _is_limit(limit):
    try:
        number = float(limit)
    except (TypeError, ValueError):
        return False
    return math.isfinite(number) and number > 0 and limit is not True


def _operation_problem(where, rule):
    allowed = OPERATIONS[rule["resource"]]
    if rule.get("state") == "absent":
        # What another tool added without a use may be taken away.
        allowed = sorted({one for some in OPERATIONS.values() for one in some})
    wrong = [one for one in rule["operations"] if one.upper() not in allowed]
    if not rule["operations"]:
        return (
            f"{where} has no operations: write some of {', '.join(allowed)}."
        )
    if wrong:
        return (
            f"{where} has the operation {wrong[0]}, which a "
            f"{rule['resource']} has not: write one of {', '.join(allowed)}."
        )
    return ""


def _address_of_kafka(host):
    """An address as Kafka's Java writes it, in full; empty if it is none."""
    bare, percent, scope = host.partition("%")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.version == 4:
        return str(address)
    groups = address.exploded.split(":")
    return ":".join(f"{int(one, 16):x}" for one in groups) + percent + scope


def _useless_problems(where, rule):
    """What keeps a rule from ever being for anybody or anything."""
    who, host, name = rule["principal"], rule.get("host") or "*", rule["name"]
    if ":" in who and not PRINCIPAL.fullmatch(who):
        right = who.partition(":")[2].strip() or "NAME"
        yield (
            f"{where} is for none of the names of clients, which begin with "
            f"User: in Kafka: write User:{right}."
        )
    written = _address_of_kafka(host)
    if host != "*" and not written:
        yield (
            f"{where} has the host {host!r}, and Kafka knows clients by their "
            "addresses alone: write one address, without a mask, or * for "
            "any."
        )
    elif host not in ("*", written):
        yield (
            f"{where} has the host {host!r}, which Kafka writes in another "
            f"way: write {written}."
        )
    prefixed = rule.get("pattern") == "prefixed"
    if not name:
        yield f"{where} has an empty name: write one, or * for every one."
    elif name == "*" and prefixed:
        yield (
            f"{where} has the name * with the pattern prefixed, which is for "
            "names that begin with an asterisk: write the pattern literal."
        )
    elif (
        rule["resource"] == "topic"
        and name != "*"
        and not TOPIC.fullmatch(name)
    ):
        bare = name.rstrip("*")
        advice = "write letters, digits, dots, dashes and underscores"
        if bare != name and TOPIC.fullmatch(bare):
            advice = f"write {bare} with the pattern prefixed"
        yield f"{where} has the name {name!r}, which no topic has: {advice}."


def _rights_problems(spec):
    for setting in ("acls", "super_users"):
        if spec[setting] and not has_authorizer(spec):
            yield (
                f"kafka_{setting} is set, but kafka_security is "
                f"{spec['security']}, where nobody is asked for a name: set "
                f"kafka_security to sasl_ssl, or empty kafka_{setting}."
            )
    for name in spec["super_users"]:
        known = PRINCIPAL if ":" in name else NAME
        # No asterisk: only access rules can be for everybody.
        if not known.fullmatch(name) or ";" in name or name == "User:*":
            yield (
                f"kafka_super_users has {name!r}: write the name of one of "
                "kafka_users, or User:NAME as Kafka knows it."
            )
    for rule in spec["acls"]:
        where = f"The rule for {rule['principal']} in kafka_acls"
        if ":" not in rule["principal"]:
            yield (
                f"{where} names no kind of principal: write "
                f"User:{rule['principal']}."
            )
        yield _operation_problem(where, rule)
        if rule.get("state") != "absent":
            yield from _useless_problems(where, rule)
        if rule["resource"] == "cluster" and rule["name"] != "kafka-cluster":
            yield (
                f"{where} names the cluster {rule['name']}: write "
                "kafka-cluster, which is what Kafka calls each."
            )


def _admin_problems(spec):
    name = spec["admin_user"]
    if has_sasl(spec) and (
        not NAME.fullmatch(name) or name == CONTROLLER_USER
    ):
        yield (
            f"kafka_admin_user is {name!r}: write a name of letters, digits, "
            f"dots, dashes and underscores that is not {CONTROLLER_USER}."
        )
    if has_sasl(spec) and (is_cluster(spec) or spec["admin_password"]):
        yield _password_problem(
            "kafka_admin_password", spec["admin_password"], name
        )


def _advertised_problems(spec):
    """Of a node alone; those of a cluster are looked at together."""
    node = own_node(spec)
    known_as = node.get("advertised") or node["listen"]
    if is_cluster(spec):
        return
    if is_wildcard(known_as):
        yield (
            f"Clients cannot connect to {known_as}: set "
            f"kafka_advertised_address to the name or address of "
            f"{spec['host']} that they shall use."
        )
    elif is_loopback(known_as) and not is_loopback(node["listen"]):
        yield (
            f"kafka_listen_address is {node['listen']}, and clients would be "
            f"told to connect to {known_as}, which is themselves: set "
            f"kafka_advertised_address to the name or address of "
            f"{spec['host']} that they shall use."
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
        if not LISTENER.fullmatch(name) or name in taken:
            yield (
                f"kafka_listeners has a listener {name!r}: write a name of "
                "capital letters that no other listener has, and that is not "
                "CONTROLLER or {}.".format(PROTOCOLS[spec["security"]])
            )
            continue
        taken.add(name)
        listen = listener_address(spec, one)
        unencrypted = one.get("tls") is not None and not truth(one["tls"])
        if spec["security"] == "mtls" and unencrypted:
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
        other = taken.setdefault(one["port"], one["port_setting"])
        if other != one["port_setting"]:
            yield (
                f"{other} and {one['port_setting']} are both {one['port']}: "
                "give each listener a port of its own."
            )


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
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        yield (
            f"kafka_nodes gives {node['host']} the id {number!r}: write a "
            "number, 0 or more, without quotes."
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
            if f"{path}/".startswith(f"{there}/"):
                return path
            if there.startswith(f"{path}/"):
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
                f"{own['machine']} (ansible_host), and share "
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


def _cluster_problems(spec):
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
            yield _password_problem(
                "kafka_controller_password", spec["controller_password"]
            )


def _tls_problems(spec):
    given = spec["tls_files"]
    if (
        needs_tls(spec)
        and spec["pki_dir"]
        and len(spec["host"]) > LONGEST_NAME
    ):
        yield (
            f"The inventory calls a node {spec['host']}, and a certificate "
            f"has room for {LONGEST_NAME} characters: give it a shorter name "
            "there, and this one as its ansible_host."
        )
    if needs_tls(spec) and not spec["pki_dir"].startswith(("/", "~")):
        if spec["pki_dir"]:
            yield (
                f"kafka_pki_dir is {spec['pki_dir']!r}: write an absolute "
                "path on the controller."
            )
            return
        for setting in sorted(given):
            if not given[setting]:
                yield (
                    f"{setting} is empty, and the listeners of kafka_security "
                    f"{spec['security']} and kafka_listeners need it: name a "
                    "PEM file on the controller, or set kafka_pki_dir to a "
                    "folder for a small certificate authority of this role."
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


def kafka_security_problems(spec):
    """One sentence for each thing that cannot work, most general first."""
    problems = list(_cluster_problems(spec))
    given = spec["given_nodes"]
    if problems and spec["host"] not in given:
        # The rest would only follow from it.
        return problems
    for part in (
        _advertised_problems,
        _listener_problems,
        _more_listener_problems,
        _port_problems,
        _admin_problems,
        _user_problems,
        _grant_problems,
        _rights_problems,
        _tls_problems,
    ):
        problems += part(spec)
    return [problem for problem in problems if problem]


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_node_shape_problems": kafka_node_shape_problems,
            "kafka_security_problems": kafka_security_problems,
        }
