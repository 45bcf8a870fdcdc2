# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: what goes into the files of its nodes.

Each takes the dictionary that vars/main.yml of the role puts together, and
returns data; none reads or writes anything.
"""

from ..plugin_utils.kafka_identities import (
    CONTROLLER_USER,
    PROTOCOLS,
    controller_protocol,
    has_authorizer,
    has_sasl,
    has_tls,
    listener_protocol,
    mechanism,
    needs_tls,
    present,
    super_users,
)
from ..plugin_utils.kafka_nodes import (
    ROLES,
    bracket,
    brokers,
    controllers,
    does,
    is_cluster,
    listener_address,
    listener_advertised,
    node_address,
    own_node,
)

SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
AUTHORIZER = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
FILE_PROVIDER = "org.apache.kafka.common.config.provider.FileConfigProvider"
#: The common name of a certificate is its owner, whatever else it says.
PRINCIPAL_RULE = r"RULE:^CN=([^,]+).*$/CN=$1/,DEFAULT"


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


def _identity_settings(spec, names):
    """How those who connect to the listeners of these names are known."""
    settings = {}

    def secret(key):
        return "${file:%s:%s}" % (spec["secrets_file"], key)  # noqa: UP031

    if has_sasl(spec):
        name = mechanism(spec)
        settings["sasl.enabled.mechanisms"] = name
        settings["sasl.mechanism.inter.broker.protocol"] = name
        for one in names:
            prefix = f"listener.name.{one.lower()}.{name.lower()}."
            settings[prefix + "sasl.jaas.config"] = secret("jaas.clients")
    controller = controller_protocol(spec)
    if controller.startswith("SASL"):
        prefix = "listener.name.controller."
        settings["sasl.mechanism.controller.protocol"] = "PLAIN"
        settings[prefix + "sasl.enabled.mechanisms"] = "PLAIN"
        settings[prefix + "plain.sasl.jaas.config"] = secret("jaas.controller")
    if controller == "SSL":
        settings["listener.name.controller.ssl.client.auth"] = "required"
    if spec["security"] == "mtls":
        for one in names:
            prefix = f"listener.name.{one.lower()}."
            settings[prefix + "ssl.client.auth"] = "required"
    if has_sasl(spec) or controller.startswith("SASL"):
        settings["config.providers"] = "file"
        settings["config.providers.file.class"] = FILE_PROVIDER
    if has_authorizer(spec):
        settings["authorizer.class.name"] = AUTHORIZER
        settings["super.users"] = ";".join(super_users(spec))
        settings["allow.everyone.if.no.acl.found"] = "false"
    return settings


def _quorum_settings(spec):
    """Where the controllers are found, and who they are if that is fixed."""
    port = spec["controller_port"]
    if not is_cluster(spec):
        return {"controller.quorum.bootstrap.servers": f"127.0.0.1:{port}"}
    found = [
        (node["id"], f"{bracket(node_address(node))}:{port}")
        for node in controllers(spec)
    ]
    if spec["quorum"] == "static":
        return {
            "controller.quorum.voters": ",".join(
                f"{number}@{where}" for number, where in found
            )
        }
    return {
        "controller.quorum.bootstrap.servers": ",".join(
            where for _number, where in found
        )
    }


def _client_listeners(spec):
    """Of a broker: (name, protocol, where it listens, what it advertises)."""
    node, port = own_node(spec), spec["port"]
    clients = PROTOCOLS[spec["security"]]
    found = [(clients, clients, node["listen"], node_address(node), port)]
    for one in spec["listeners"]:
        found.append(
            (
                one["name"],
                listener_protocol(spec, one),
                listener_address(spec, one),
                listener_advertised(spec, one),
                one["port"],
            )
        )
    return [
        (
            name,
            protocol,
            f"{name}://{bracket(listen)}:{port}",
            f"{name}://{bracket(advertised)}:{port}",
        )
        for name, protocol, listen, advertised, port in found
        if does(node, "broker")
    ]


def kafka_node_settings(spec):
    """What server.properties says of the node, its peers and identities."""
    clients = PROTOCOLS[spec["security"]]
    node = own_node(spec)
    controller_port = spec["controller_port"]
    # A controller says how it connects to brokers, too.
    protocols = {
        "CONTROLLER": controller_protocol(spec),
        clients: clients,
    }
    listen, advertise, names = [], [], [clients]
    for name, protocol, where, known_as in _client_listeners(spec):
        protocols[name] = protocol
        listen.append(where)
        advertise.append(known_as)
        if name != clients:
            names.append(name)
    if does(node, "controller"):
        where = bracket(node["listen"]) if is_cluster(spec) else "127.0.0.1"
        listen.append(f"CONTROLLER://{where}:{controller_port}")
        if is_cluster(spec):
            advertise.append(
                f"CONTROLLER://{bracket(node_address(node))}:{controller_port}"
            )
    settings = {
        "advertised.listeners": ",".join(advertise),
        "controller.listener.names": "CONTROLLER",
        **_quorum_settings(spec),
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocols[name]}" for name in sorted(protocols)
        ),
        "listeners": ",".join(listen),
        "node.id": node["id"],
        "process.roles": ",".join(role for role in ROLES if does(node, role)),
    }
    if does(node, "broker"):
        settings["inter.broker.listener.name"] = clients
    if needs_tls(spec):
        settings.update(_tls_settings(spec))
    settings.update(_identity_settings(spec, names))
    return settings


def kafka_node_defaults(spec):
    """Settings that follow from the number of brokers; users may differ."""
    nodes = len(brokers(spec))
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
        # A broker that is gone is missed after three heartbeats, and not
        # after four and a half: others lead its partitions earlier.
        settings["broker.session.timeout.ms"] = 6000
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


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_client_settings": kafka_client_settings,
            "kafka_command_settings": kafka_command_settings,
            "kafka_node_defaults": kafka_node_defaults,
            "kafka_node_settings": kafka_node_settings,
            "kafka_secrets": kafka_secrets,
        }
