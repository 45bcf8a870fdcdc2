# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: nodes, listeners, identities and rights.

Each takes the dictionary that vars/main.yml of the role puts together, and
returns data; none reads or writes anything.
"""

import ipaddress
import re

PROTOCOLS = {
    "plaintext": "PLAINTEXT",
    "ssl": "SSL",
    "mtls": "SSL",
    "sasl_plain": "SASL_PLAINTEXT",
    "sasl_scram": "SASL_PLAINTEXT",
    "sasl_ssl": "SASL_SSL",
}
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
FILE_PROVIDER = "org.apache.kafka.common.config.provider.FileConfigProvider"

#: The broker's own account on the controller listener, where that asks for
#: a password.
CONTROLLER_USER = "controller"
#: The common name of a certificate is its owner, whatever else it says.
PRINCIPAL_RULE = r"RULE:^CN=([^,]+).*$/CN=$1/,DEFAULT"

#: A name that JAAS, librdkafka and kafka-acls take without quoting.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*$")
UUID = re.compile(r"[A-Za-z0-9_-]{22}$")
WEAK = 8


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


def kafka_node_list(nodes, hostvars, own):
    """The nodes of a cluster with their addresses, from the inventory.

    "own" is this host's entry, whose values the role knows better.
    """
    if not nodes:
        return [own]
    found = []
    for host, node in nodes.items():
        entry = dict(node or {}, host=host)
        if host == own["host"]:
            entry.update(listen=own["listen"], advertised=own["advertised"])
        else:
            known = hostvars.get(host, {})
            entry.update(
                listen=known.get("kafka_listen_address", ""),
                advertised=known.get("kafka_advertised_address", ""),
            )
        found.append(entry)
    return found


def kafka_tls_addresses(spec):
    """What a certificate of this node has to name."""
    node = own_node(spec)
    addresses = [node_address(node), node["host"]]
    if not is_wildcard(node["listen"]):
        addresses.append(node["listen"])
    addresses += spec["tls_addresses"]
    return sorted({str(address) for address in addresses if address})


def kafka_bootstrap(spec):
    """Where the node itself is asked, as HOST:PORT."""
    node = own_node(spec)
    address = node_address(node)
    if not is_cluster(spec) and not is_wildcard(node["listen"]):
        address = node["listen"]
    return f"{bracket(address)}:{spec['port']}"


def kafka_bootstrap_all(spec):
    """Where the cluster is asked: any of its nodes."""
    if not is_cluster(spec):
        return kafka_bootstrap(spec)
    return ",".join(
        f"{bracket(node_address(node))}:{spec['port']}"
        for node in spec["nodes"]
    )


def kafka_has_identities(spec):
    return has_sasl(spec) or controller_protocol(spec).startswith("SASL")


def mechanism(spec):
    return "PLAIN" if spec["security"] == "sasl_plain" else spec["mechanism"]


def has_sasl(spec):
    return spec["security"].startswith("sasl_")


def has_tls(spec):
    return spec["security"] in ("ssl", "mtls", "sasl_ssl")


def is_cluster(spec):
    return len(spec["nodes"]) > 1


def has_authorizer(spec):
    """Rights need somebody to have them: where clients say who they are."""
    return has_sasl(spec) or spec["security"] == "mtls"


def controller_protocol(spec):
    """On one node the controller listens on loopback and needs no TLS."""
    if not is_cluster(spec):
        return "SASL_PLAINTEXT" if has_authorizer(spec) else "PLAINTEXT"
    if spec["security"] == "plaintext":
        return "PLAINTEXT"
    return "SSL" if spec["controller_security"] == "mtls" else "SASL_SSL"


def needs_tls(spec):
    """Whether the node needs a certificate."""
    return has_tls(spec) or controller_protocol(spec).endswith("SSL")


def own_node(spec):
    return next(n for n in spec["nodes"] if n["host"] == spec["host"])


def present(spec):
    """The users that shall be able to log in."""
    return [u for u in spec["users"] if u.get("state") != "absent"]


def principal(spec, user):
    """The name that Kafka knows a client by."""
    return f"User:CN={user}" if spec["security"] == "mtls" else f"User:{user}"


def super_users(spec):
    users = [principal(spec, spec["admin_user"])]
    if controller_protocol(spec) == "SSL" or spec["security"] == "mtls":
        users += [f"User:CN={node['host']}" for node in spec["nodes"]]
    if controller_protocol(spec).startswith("SASL"):
        users.append(f"User:{CONTROLLER_USER}")
    return users + [
        name if ":" in name else principal(spec, name)
        for name in spec["super_users"]
    ]


# -- what goes into the files ----


def quoted(text):
    """A value in JAAS, which knows C's escapes."""
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def jaas(name, login, accounts=None):
    """A JAAS entry; login is (user, password), accounts is for PLAIN."""
    options = {"username": login[0], "password": login[1]}
    options.update(
        {f"user_{user}": word for user, word in (accounts or {}).items()}
    )
    words = " ".join(
        f"{key}={quoted(options[key])}" for key in sorted(options)
    )
    return f"{name} required {words};"


def kafka_secrets(spec):
    """The settings that nobody else may read, for a file of their own."""
    admin = (spec["admin_user"], spec["admin_password"])
    secrets = {}
    if has_sasl(spec):
        secrets["admin.password"] = admin[1]
        if mechanism(spec) == "PLAIN":
            accounts = {u["name"]: u["password"] for u in present(spec)}
            accounts[admin[0]] = admin[1]
            secrets["jaas.clients"] = jaas(PLAIN, admin, accounts)
        else:
            secrets["jaas.clients"] = jaas(SCRAM, admin)
    if controller_protocol(spec).startswith("SASL"):
        word = spec["controller_password"]
        secrets["controller.password"] = word
        secrets["jaas.controller"] = jaas(
            PLAIN, (CONTROLLER_USER, word), {CONTROLLER_USER: word}
        )
    return secrets


def _tls_settings(spec):
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": spec["tls_dir"] + "/node.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": spec["tls_dir"] + "/ca.pem",
        "ssl.principal.mapping.rules": PRINCIPAL_RULE,
    }


def _identity_settings(spec, clients):
    settings = {}

    def secret(key):
        return "${file:%s:%s}" % (spec["secrets_file"], key)  # noqa: UP031

    if has_sasl(spec):
        name = mechanism(spec)
        settings["sasl.enabled.mechanisms"] = name
        settings["sasl.mechanism.inter.broker.protocol"] = name
        settings[
            f"listener.name.{clients.lower()}.{name.lower()}.sasl.jaas.config"
        ] = secret("jaas.clients")
    controller = controller_protocol(spec)
    if controller.startswith("SASL"):
        prefix = "listener.name.controller."
        settings["sasl.mechanism.controller.protocol"] = "PLAIN"
        settings[prefix + "sasl.enabled.mechanisms"] = "PLAIN"
        settings[prefix + "plain.sasl.jaas.config"] = secret("jaas.controller")
    if controller == "SSL":
        settings["listener.name.controller.ssl.client.auth"] = "required"
    if spec["security"] == "mtls":
        settings[f"listener.name.{clients.lower()}.ssl.client.auth"] = (
            "required"
        )
    if has_sasl(spec) or controller.startswith("SASL"):
        settings["config.providers"] = "file"
        settings["config.providers.file.class"] = FILE_PROVIDER
    if has_authorizer(spec):
        settings["authorizer.class.name"] = AUTHORIZER
        settings["super.users"] = ";".join(super_users(spec))
        settings["allow.everyone.if.no.acl.found"] = "false"
    return settings


def kafka_node_settings(spec):
    """What server.properties says of the node, its peers and identities."""
    clients = PROTOCOLS[spec["security"]]
    controller = controller_protocol(spec)
    node = own_node(spec)
    port, controller_port = spec["port"], spec["controller_port"]
    if is_cluster(spec):
        controller_listen = node["listen"]
        voters = [bracket(node_address(peer)) for peer in spec["nodes"]]
    else:
        controller_listen = "127.0.0.1"
        voters = ["127.0.0.1"]
    protocols = {"CONTROLLER": controller, clients: clients}
    settings = {
        "advertised.listeners": (
            f"{clients}://{bracket(node_address(node))}:{port}"
        ),
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": ",".join(
            f"{voter}:{controller_port}" for voter in voters
        ),
        "inter.broker.listener.name": clients,
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocols[name]}" for name in sorted(protocols)
        ),
        "listeners": (
            f"{clients}://{bracket(node['listen'])}:{port},"
            f"CONTROLLER://{bracket(controller_listen)}:{controller_port}"
        ),
        "node.id": node["id"],
        "process.roles": "broker,controller",
    }
    if is_cluster(spec):
        settings["advertised.listeners"] += (
            f",CONTROLLER://{bracket(node_address(node))}:{controller_port}"
        )
    if needs_tls(spec):
        settings.update(_tls_settings(spec))
    settings.update(_identity_settings(spec, clients))
    return settings


def kafka_node_defaults(spec):
    """Settings that follow from the number of nodes; users may differ."""
    nodes = len(spec["nodes"])
    copies = min(3, nodes)
    in_sync = 2 if nodes >= 3 else 1
    settings = {
        "group.initial.rebalance.delay.ms": 0 if nodes == 1 else 3000,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.replication.factor": copies,
    }
    if spec["share_groups"]:
        settings["share.coordinator.state.topic.min.isr"] = in_sync
        settings["share.coordinator.state.topic.replication.factor"] = copies
    if nodes > 1:
        settings["default.replication.factor"] = copies
        settings["min.insync.replicas"] = in_sync
    if has_authorizer(spec):
        settings["auto.create.topics.enable"] = False
    return settings


def kafka_client_settings(spec):
    """Settings of librdkafka with which the role itself asks the brokers."""
    settings = {"security.protocol": PROTOCOLS[spec["security"]]}
    if has_tls(spec):
        settings["ssl.ca.location"] = spec["tls_dir"] + "/ca.pem"
    if spec["security"] == "mtls":
        settings["ssl.certificate.location"] = spec["tls_dir"] + "/node.pem"
        settings["ssl.key.location"] = spec["tls_dir"] + "/node.pem"
    if has_sasl(spec):
        settings["sasl.mechanism"] = mechanism(spec)
        settings["sasl.username"] = spec["admin_user"]
        settings["sasl.password"] = spec["admin_password"]
    return settings


def kafka_command_settings(spec):
    """The same for Kafka's own command line tools."""
    settings = {"security.protocol": PROTOCOLS[spec["security"]]}
    if has_tls(spec):
        settings.update(_tls_settings(spec))
        del settings["ssl.principal.mapping.rules"]
        if spec["security"] != "mtls":
            del (
                settings["ssl.keystore.type"],
                settings["ssl.keystore.location"],
            )
    if has_sasl(spec):
        name = mechanism(spec)
        settings["sasl.mechanism"] = name
        settings["sasl.jaas.config"] = jaas(
            PLAIN if name == "PLAIN" else SCRAM,
            (spec["admin_user"], spec["admin_password"]),
        )
    return settings


def kafka_scram_users(spec):
    """The accounts that a new cluster is born with."""
    if not has_sasl(spec) or mechanism(spec) == "PLAIN":
        return []
    accounts = [(spec["admin_user"], spec["admin_password"])] + [
        (user["name"], user["password"]) for user in present(spec)
    ]
    return [
        {"name": name, "password": word, "mechanism": mechanism(spec)}
        for name, word in accounts
    ]


def kafka_accounts(users):
    """The accounts of kafka_users, as the module kafka_users takes them."""
    return [
        {
            key: user[key]
            for key in ("name", "password", "state")
            if key in user
        }
        for user in users
    ]


def kafka_initial_controllers(spec):
    """The first voters, as kafka-storage takes them; empty for one node."""
    if not is_cluster(spec):
        return ""
    return ",".join(
        "{}@{}:{}:{}".format(
            node["id"],
            bracket(node_address(node)),
            spec["controller_port"],
            node["directory_id"],
        )
        for node in spec["nodes"]
    )


# -- rights ----

NOTIFIER = ("WRITE", "DESCRIBE")
LISTENER = ("READ", "DESCRIBE")


def _rules_of(who, user, old_broker):
    grants = user.get("grants") or []
    topics = user.get("topics") or ["notifications."]
    operations = []
    if "notifier" in grants:
        operations += NOTIFIER
        if user.get("create_topics"):
            operations.append("CREATE")
        if old_broker:
            yield {
                "principal": who,
                "resource": "cluster",
                "name": "kafka-cluster",
                "pattern": "literal",
                "operations": ["IDEMPOTENT_WRITE"],
            }
    if "listener" in grants:
        operations += LISTENER
        for group in user.get("groups") or ["*"]:
            yield {
                "principal": who,
                "resource": "group",
                "name": group,
                "pattern": "literal" if group == "*" else "prefixed",
                "operations": ["READ"],
            }
    if operations:
        for topic in topics:
            yield {
                "principal": who,
                "resource": "topic",
                "name": topic,
                "pattern": "literal" if topic == "*" else "prefixed",
                "operations": sorted(set(operations)),
            }


def kafka_rights(spec):
    """The access rules of the users' grants, and those written out."""
    if not has_authorizer(spec):
        return []
    rules = []
    for user in spec["users"]:
        who = principal(spec, user["name"])
        state = user.get("state") or "present"
        rules += [
            dict(rule, state=state)
            for rule in _rules_of(who, user, spec["old_broker"])
        ]
    return rules + spec["acls"]


# -- what is refused ----


def _password_problem(setting, word):
    if len(word or "") < WEAK:
        return (
            f"{setting} has fewer than {WEAK} characters: set it to a long "
            "random text, in a file of Ansible Vault."
        )
    if re.search(r"[\x00-\x1f\x7f]", word):
        return (
            f"{setting} holds a line end or another control character: "
            "write a text of one line."
        )
    return ""


def _user_problems(spec):
    own = {spec["admin_user"], CONTROLLER_USER}
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


def _node_problems(spec):
    nodes = spec["nodes"]
    for what, key in (("id", "id"), ("directory_id", "directory_id")):
        values = [node.get(key) for node in nodes]
        for value in sorted(
            {v for v in values if values.count(v) > 1}, key=str
        ):
            hosts = [n["host"] for n in nodes if n.get(key) == value]
            yield (
                "kafka_nodes gives {} the same {}, {}: give each node its "
                "own.".format(" and ".join(hosts), what, value)
            )
    if len(nodes) % 2 == 0:
        yield (
            f"kafka_nodes has {len(nodes)} nodes, and a quorum of "
            f"{len(nodes)} survives no more failures than one of "
            f"{len(nodes) - 1}: have 1, 3 or 5 nodes."
        )
    for node in nodes:
        if not isinstance(node.get("id"), int) or node["id"] < 0:
            yield (
                f"kafka_nodes gives {node['host']} the id {node.get('id')!r}: "
                "write a number, 0 or more."
            )
        if not UUID.match(str(node.get("directory_id", ""))):
            yield (
                f"kafka_nodes gives {node['host']} no directory_id of 22 "
                "characters: let playbooks/new_cluster.yml write the file."
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
        return
    if spec["host"] not in spec["given_nodes"]:
        yield (
            f"kafka_nodes does not name {spec['host']}: add it there, or "
            "leave the host out of the play."
        )
        return
    if is_cluster(spec):
        yield from _node_problems(spec)
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
                    f"kafka_security is {spec['security']}, and {setting} is "
                    "empty: name a PEM file on the controller, or set "
                    "kafka_pki_dir to a folder for a small certificate "
                    "authority of this role."
                )


def kafka_security_problems(spec):
    """One sentence for each thing that cannot work, most general first."""
    problems = list(_cluster_problems(spec))
    if spec["given_nodes"] and spec["host"] not in spec["given_nodes"]:
        return problems
    for part in (_listener_problems, _user_problems, _tls_problems):
        problems += part(spec)
    return [problem for problem in problems if problem]


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_accounts": kafka_accounts,
            "kafka_bootstrap": kafka_bootstrap,
            "kafka_client_settings": kafka_client_settings,
            "kafka_command_settings": kafka_command_settings,
            "kafka_bootstrap_all": kafka_bootstrap_all,
            "kafka_has_identities": kafka_has_identities,
            "kafka_initial_controllers": kafka_initial_controllers,
            "kafka_needs_tls": needs_tls,
            "kafka_node_defaults": kafka_node_defaults,
            "kafka_node_list": kafka_node_list,
            "kafka_node_settings": kafka_node_settings,
            "kafka_rights": kafka_rights,
            "kafka_scram_users": kafka_scram_users,
            "kafka_secrets": kafka_secrets,
            "kafka_security_problems": kafka_security_problems,
            "kafka_tls_addresses": kafka_tls_addresses,
        }
