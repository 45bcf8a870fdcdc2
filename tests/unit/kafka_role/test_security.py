# SPDX-License-Identifier: Apache-2.0
"""Nodes, listeners, identities and rights of the role kafka."""

import ipaddress

import pytest
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_accounts as ka,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_nodes as kn,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_problems as kp,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_role,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_settings as ks,
)
from ansible_collections.kafka_bus.openstack.plugins.plugin_utils import (
    kafka_identities as identities,
)
from ansible_collections.kafka_bus.openstack.plugins.plugin_utils import (
    kafka_nodes as nodes_of,
)

ANY = str(ipaddress.IPv4Address(0))
WORD = 'a"long \\ pass#word=!'
SHORT = "1234567"
IDS = [letter + "A" * 21 for letter in "ABCDE"]


def spec(security="plaintext", nodes=1, **more):
    hosts = [f"k{number}" for number in range(1, nodes + 1)]
    result = {
        "acls": [],
        "admin_password": WORD,
        "admin_user": "admin",
        "allow_plaintext": False,
        "cluster_id": "uwhPUHzhS96NLOgJeH29rA",
        "controller_password": WORD,
        "controller_port": 9093,
        "controller_security": "mtls",
        "given_nodes": hosts if nodes > 1 else [],
        "group_hosts": hosts,
        "host": "k1",
        "leaving": "",
        "listeners": [],
        "mechanism": "SCRAM-SHA-512",
        "nodes": [
            {
                "host": host,
                "id": number,
                "directory_id": IDS[number],
                "listen": ANY if nodes > 1 else "127.0.0.1",
                "advertised": f"{host}.example.org" if nodes > 1 else "",
            }
            for number, host in enumerate(hosts)
        ],
        "old_broker": False,
        "pki_dir": "/pki",
        "port": 9092,
        "quorum": "dynamic",
        "secrets_file": "/etc/kafka/secrets.properties",
        "security": security,
        "share_groups": True,
        "static_only": False,
        "super_users": [],
        "tls_addresses": [],
        "tls_dir": "/etc/kafka/tls",
        "tls_files": {
            "kafka_tls_ca_file": "",
            "kafka_tls_certificate_file": "",
            "kafka_tls_key_file": "",
        },
        "users": [],
    }
    result.update(more)
    return result


def user(name="nova", **more):
    return {"name": name, "password": WORD, **more}


# -- what the broker is told ----


def test_a_single_node_stays_on_loopback_without_secrets():
    settings = ks.kafka_node_settings(spec())
    assert settings["listeners"] == (
        "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    )
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert not [key for key in settings if "sasl" in key or "ssl" in key]
    assert ks.kafka_secrets(spec()) == {}


def test_an_ipv6_address_is_written_in_brackets():
    one = spec()
    one["nodes"][0]["listen"] = "::1"
    settings = ks.kafka_node_settings(one)
    assert settings["listeners"].startswith("PLAINTEXT://[::1]:9092,")
    assert kn.kafka_bootstrap(one) == "[::1]:9092"


@pytest.mark.parametrize(
    ("security", "clients", "controller"),
    [
        ("plaintext", "PLAINTEXT", "PLAINTEXT"),
        ("ssl", "SSL", "PLAINTEXT"),
        ("mtls", "SSL", "SASL_PLAINTEXT"),
        ("sasl_plain", "SASL_PLAINTEXT", "SASL_PLAINTEXT"),
        ("sasl_scram", "SASL_PLAINTEXT", "SASL_PLAINTEXT"),
        ("sasl_ssl", "SASL_SSL", "SASL_PLAINTEXT"),
    ],
)
def test_protocols_of_a_single_node(security, clients, controller):
    settings = ks.kafka_node_settings(spec(security))
    assert settings["listener.security.protocol.map"] == ",".join(
        sorted([f"CONTROLLER:{controller}", f"{clients}:{clients}"])
    )


@pytest.mark.parametrize("security", ["ssl", "mtls", "sasl_ssl"])
@pytest.mark.parametrize(
    ("controller", "protocol"), [("mtls", "SSL"), ("sasl_ssl", "SASL_SSL")]
)
def test_controllers_of_a_cluster_are_encrypted(
    security, controller, protocol
):
    settings = ks.kafka_node_settings(
        spec(security, 3, controller_security=controller)
    )
    protocols = settings["listener.security.protocol.map"].split(",")
    assert f"CONTROLLER:{protocol}" in protocols
    assert "listener.name.controller.scram-sha-512.sasl.jaas.config" not in (
        settings
    )


def test_only_certificates_open_the_controllers_port():
    settings = ks.kafka_node_settings(spec("sasl_ssl", 3))
    assert settings["listener.name.controller.ssl.client.auth"] == "required"
    assert "listener.name.sasl_ssl.ssl.client.auth" not in settings


def test_controllers_are_found_under_their_advertised_names():
    settings = ks.kafka_node_settings(spec("sasl_ssl", 3))
    assert settings["controller.quorum.bootstrap.servers"] == (
        "k1.example.org:9093,k2.example.org:9093,k3.example.org:9093"
    )
    assert kn.kafka_initial_controllers(spec("sasl_ssl", 3)) == ",".join(
        f"{number}@k{number + 1}.example.org:9093:{IDS[number]}"
        for number in range(3)
    )


def test_who_may_do_everything_is_named():
    settings = ks.kafka_node_settings(
        spec("sasl_ssl", 3, super_users=["ops", "User:CN=x"])
    )
    assert settings["super.users"] == (
        "User:admin;User:admin-2;User:CN=k1;User:CN=k2;User:CN=k3;"
        "User:ops;User:CN=x"
    )
    assert settings["allow.everyone.if.no.acl.found"] == "false"


def test_the_brokers_account_changes_between_two_names():
    for name in ("admin", "admin-2"):
        one = spec("sasl_ssl", 3, admin_user=name)
        assert ka.kafka_admin_users(one) == ["admin", "admin-2"]
        assert (
            "User:admin;User:admin-2;"
            in (ks.kafka_node_settings(one)["super.users"])
        )


@pytest.mark.parametrize("security", ["plaintext", "ssl"])
def test_nobody_has_rights_where_nobody_has_a_name(security):
    settings = ks.kafka_node_settings(spec(security))
    assert "authorizer.class.name" not in settings
    assert ka.kafka_rights(spec(security, users=[user(grants=["x"])])) == []


@pytest.mark.parametrize(
    "security", ["sasl_plain", "sasl_scram", "sasl_ssl", "mtls", "ssl"]
)
@pytest.mark.parametrize("nodes", [1, 3])
def test_no_secret_is_in_the_settings(security, nodes):
    secured = spec(security, nodes, users=[user()])
    text = kafka_role.kafka_properties(
        ks.kafka_node_settings(secured) | ks.kafka_node_defaults(secured)
    )
    for word in (WORD, "pass#word"):
        assert word not in text


def test_passwords_survive_the_file_and_jaas():
    text = kafka_role.kafka_properties(
        ks.kafka_secrets(spec("sasl_plain", users=[user()]))
    )
    read = kafka_role.kafka_properties_read(text)
    assert read["admin.password"] == WORD
    escaped = 'a\\"long \\\\ pass#word=!'
    assert f'user_nova="{escaped}"' in read["jaas.clients"]
    assert f'user_admin="{escaped}"' in read["jaas.clients"]


@pytest.mark.parametrize("value", ["a=b", " c", "\\", "ü", "😀", "a\\=b", ""])
def test_properties_are_read_as_they_were_written(value):
    settings = {"key": value, "a b=c": value}
    written = kafka_role.kafka_properties(settings)
    assert kafka_role.kafka_properties_read(written) == settings


@pytest.mark.parametrize(
    ("nodes", "copies", "in_sync"), [(1, 1, 1), (3, 3, 2), (5, 3, 2)]
)
def test_defaults_follow_the_number_of_nodes(nodes, copies, in_sync):
    many = spec("sasl_ssl", 3)
    many["nodes"] = [{"host": str(number)} for number in range(nodes)]
    defaults = ks.kafka_node_defaults(many)
    assert defaults["offsets.topic.replication.factor"] == copies
    assert defaults["transaction.state.log.min.isr"] == in_sync
    assert defaults.get("min.insync.replicas", 1) == in_sync
    assert defaults["auto.create.topics.enable"] is False


def test_a_plaintext_broker_creates_topics_as_kafka_does():
    assert "auto.create.topics.enable" not in ks.kafka_node_defaults(spec())


def test_a_removed_user_has_no_account_left():
    users = [user(), user("gone", state="absent", grants=["listener"])]
    scram = spec("sasl_scram", users=users)
    names = [account["name"] for account in ka.kafka_scram_users(scram)]
    assert names == ["admin", "nova"]
    assert "gone" not in str(ks.kafka_secrets(spec("sasl_plain", users=users)))
    assert {rule["state"] for rule in ka.kafka_rights(scram)} == {"absent"}


def test_plain_accounts_are_not_scram_accounts():
    assert ka.kafka_scram_users(spec("sasl_plain", users=[user()])) == []
    plain = spec("sasl_ssl", mechanism="PLAIN", users=[user()])
    assert ka.kafka_scram_users(plain) == []
    assert "user_nova=" in ks.kafka_secrets(plain)["jaas.clients"]


# -- rights ----


def rights(**grants):
    return {
        (rule["resource"], rule["pattern"], rule["name"]): rule["operations"]
        for rule in ka.kafka_rights(spec("sasl_scram", users=[user(**grants)]))
    }


def test_a_notifier_writes_and_does_not_read():
    assert rights(grants=["notifier"]) == {
        ("topic", "prefixed", "notifications."): ["DESCRIBE", "WRITE"]
    }


@pytest.mark.parametrize(
    ("told", "may"),
    [
        *[(told, True) for told in (True, 1, "yes", "True", "on", "1")],
        *[(told, False) for told in (False, 0, "no", "False", "off", "0")],
        (None, False),
    ],
)
def test_a_notifier_creates_topics_only_when_told(told, may):
    granted = rights(grants=["notifier"], create_topics=told)
    operations = granted["topic", "prefixed", "notifications."]
    assert ("CREATE" in operations) == may


def test_a_listener_reads_in_its_groups():
    assert rights(grants=["listener"], topics=["a"], groups=["g"]) == {
        ("topic", "prefixed", "a"): ["DESCRIBE", "READ"],
        ("group", "prefixed", "g"): ["READ"],
    }


@pytest.mark.parametrize("key", ["topics", "groups"])
def test_an_empty_list_grants_nothing(key):
    granted = rights(grants=["listener"], **{key: []})
    assert key.removesuffix("s") not in {kind for kind, *_ in granted}


def test_an_old_broker_wants_a_right_for_idempotence():
    old = spec(
        "sasl_scram", users=[user(grants=["notifier"])], old_broker=True
    )
    operations = [rule["operations"] for rule in ka.kafka_rights(old)]
    assert ["IDEMPOTENT_WRITE"] in operations


def test_a_certificate_makes_another_principal_than_a_password():
    with_tls = spec("mtls", users=[user(grants=["listener"])])
    assert {rule["principal"] for rule in ka.kafka_rights(with_tls)} == {
        "User:CN=nova"
    }


# -- what is refused ----


QUOTA = "producer_byte_rate"


def rule(**more):
    return {
        "principal": "User:a",
        "resource": "topic",
        "name": "t",
        "operations": ["READ"],
        **more,
    }


def on_one_machine():
    cluster = spec("sasl_ssl", 3)
    for node in cluster["nodes"][:2]:
        node.update(machine="192.0.2.9")
    cluster["nodes"][1]["data_dirs"] = ["/var/lib/kafka/data"]
    return cluster


def alone(listen, advertised):
    single = spec("sasl_ssl")
    single["nodes"][0].update(listen=listen, advertised=advertised)
    return single


def changed(node, **more):
    cluster = spec("sasl_ssl", 3)
    cluster["nodes"][node].update(more)
    return cluster


def called(name):
    """A node that the inventory calls so."""
    single = spec("ssl", host=name)
    single["nodes"][0]["host"] = name
    return single


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (spec(group_hosts=["k1", "k2"]), ["kafka_nodes", "new_cluster.yml"]),
        (spec("sasl_ssl", 3, host="k9"), ["kafka_nodes does not name k9"]),
        (spec("sasl_ssl", 2), ["2 controllers", "1, 3 or 5"]),
        (spec("sasl_ssl", 3, cluster_id=""), ["kafka_cluster_id is empty"]),
        (changed(1, id=0), ["k1 and k2", "same id, 0"]),
        (changed(1, directory_id=IDS[0]), ["k1 and k2", "directory_id"]),
        (changed(1, directory_id="x"), ["k2 the directory_id x", "22"]),
        (changed(1, id="x"), ["k2 the id 'x'"]),
        (changed(1, id=True), ["k2 the id True"]),
        (
            changed(1, places={"kafka_port": 9192}),
            ["kafka_port is 9092 on k1 and 9192 on k2"],
        ),
        (
            changed(1, advertised="k1.example.org"),
            ["k1 and k2 would both be found at k1.example.org"],
        ),
        (called("k" * 65), ["has room for 64 characters"]),
        (
            changed(1, advertised="127.0.0.1"),
            ["kafka_advertised_address of k2"],
        ),
        (changed(0, listen="127.0.0.1"), ["kafka_listen_address of k1"]),
        (
            spec("sasl_ssl", 3, admin_password=""),
            ["kafka_admin_password is missing"],
        ),
        (spec("sasl_scram", admin_password=SHORT), ["kafka_admin_password"]),
        (spec("sasl_scram", admin_password="ab" * 4), ["repeats fewer"]),
        (
            spec("sasl_ssl", 3, controller_security="sasl_scram"),
            ["kafka_controller_security", "before a leader is elected"],
        ),
        (
            spec("sasl_ssl", 3, controller_security="none"),
            ["kafka_controller_security is none"],
        ),
        (
            spec(
                "sasl_ssl",
                3,
                controller_security="sasl_ssl",
                controller_password="",
            ),
            ["kafka_controller_password"],
        ),
        (spec("sasl_ssl", 3, pki_dir=""), ["kafka_tls_ca_file is empty"]),
        (spec("sasl_scram", mechanism="PLAIN"), ["kafka_sasl_mechanism"]),
        (spec("sasl_ssl", users=[user("a b")]), ["kafka_users", "'a b'"]),
        (spec("sasl_ssl", users=[user("a\n")]), ["kafka_users", "'a\\n'"]),
        (spec("sasl_ssl", users=[user("admin")]), ["brokers use themselves"]),
        (spec("sasl_ssl", users=[user(), user()]), ["nova twice"]),
        (
            spec("sasl_ssl", users=[user(password=SHORT)]),
            ["password of nova", "fewer than 8"],
        ),
        (
            spec("sasl_ssl", users=[user(password=SHORT + "\n8")]),
            ["password of nova", "one line"],
        ),
        (spec(users=[user()]), ["kafka_users has the user nova", "sasl_ssl"]),
        *[
            (
                spec("sasl_ssl", users=[user(password=word)]),
                ["password of nova", "tried first"],
            )
            for word in (
                *("Password1!", "123456789", "nova12345", "changeme"),
                *("P@ssw0rd", "adminadmin", "1q2w3e4r", "novanova"),
                *("passwordpassword", "@dmin123", "$3cret123", "0p3n$tack"),
                *("nova1nova1", "N0v@-2024", "W3lc0me!", "K@fkaK@fka1"),
                *("!Adm1nAdm1n!", "1qaz2wsx"),
            )
        ],
        (spec("sasl_ssl", admin_user="a b"), ["kafka_admin_user is 'a b'"]),
        (spec("sasl_ssl", admin_user="controller"), ["kafka_admin_user"]),
        (
            spec("sasl_ssl", users=[user(quotas={"producer_rate": 5})]),
            ["have producer_rate", "producer_byte_rate"],
        ),
        (
            spec("sasl_ssl", users=[user(quotas={QUOTA: "much"})]),
            ["producer_byte_rate of nova in kafka_users is 'much'"],
        ),
        *[
            (
                spec("sasl_ssl", users=[user(quotas={QUOTA: value})]),
                [f"{QUOTA} of nova in kafka_users is {value!r}"],
            )
            for value in ("inf", "nan", float("inf"), True, 0, -1)
        ],
        *[
            (spec("sasl_ssl", users=[user(grants=grants, **{key: value})]), w)
            for grants, key, value, w in (
                (
                    ["listener"],
                    "topics",
                    [],
                    ["topics of nova in kafka_users is empty", "listener is"],
                ),
                (["notifier"], "topics", [], ["notifier is granted: write"]),
                (
                    ["notifier", "listener"],
                    "groups",
                    [],
                    ["groups of nova in kafka_users is empty", "[nova], "],
                ),
                (
                    ["notifier"],
                    "topics",
                    ["notifications.*"],
                    ["topics of nova", "write notifications. without the"],
                ),
                (["notifier"], "topics", [""], ["has '', with which no"]),
                (["notifier"], "topics", ["a b"], ["has 'a b', with which"]),
                (["notifier"], "topics", ["a.\n"], ["with which no name"]),
                (["listener"], "groups", ["nova*"], ["write nova without"]),
                (["listener"], "groups", [""], ["groups of nova", "has ''"]),
            )
        ],
        (
            spec("sasl_ssl", super_users=["a;b"]),
            ["kafka_super_users has 'a;b'"],
        ),
        (
            spec(super_users=["ops"]),
            ["kafka_super_users is set", "nobody is asked for a name"],
        ),
        (spec(acls=[rule()]), ["kafka_acls is set"]),
        (spec("sasl_ssl", acls=[rule(principal="a")]), ["write User:a."]),
        (
            spec("mtls", acls=[rule(principal="User:a")]),
            ["is for nobody", "write User:CN=a."],
        ),
        (
            spec("sasl_ssl", acls=[rule(operations=["READD"])]),
            ["operation READD", "ALTER, "],
        ),
        *[
            (spec("sasl_ssl", acls=[rule(**more)]), words)
            for more, words in (
                ({"principal": "user:a"}, ["rule for user:a", "User:a."]),
                ({"principal": "Group:a"}, ["write User:a."]),
                ({"principal": "User:"}, ["write User:NAME."]),
                ({"principal": "User: a"}, ["write User:a."]),
                ({"principal": "User:a\n"}, ["write User:a."]),
                ({"host": "10.0.0.0/8"}, ["one address, without a mask"]),
                ({"host": "k.example"}, ["host 'k.example'", "* for any"]),
                ({"host": "::1"}, ["write 0:0:0:0:0:0:0:1."]),
                ({"host": "::ffff:192.0.2.1"}, ["write 192.0.2.1."]),
                ({"name": "*", "pattern": "prefixed"}, ["literal"]),
                ({"name": ""}, ["has an empty name"]),
                ({"name": "n.*"}, ["write n. with the pattern prefixed"]),
                ({"name": "a b"}, ["'a b', which no topic has"]),
                ({"operations": []}, ["has no operations: write some of"]),
                ({"operations": ["CLUSTER_ACTION"]}, ["which a topic has"]),
                (
                    {"resource": "group", "operations": ["write"]},
                    ["operation write", "write one of ALL, ALTER_CONFIGS, D"],
                ),
                (
                    {"resource": "transactional_id", "name": "t"},
                    ["operation READ", "ALL, DESCRIBE, WRITE."],
                ),
                (
                    {"operations": ["READD"], "state": "absent"},
                    ["operation READD"],
                ),
            )
        ],
        *[
            (
                spec("sasl_ssl", super_users=[name]),
                [f"kafka_super_users has {name!r}"],
            )
            for name in ("user:ops", "User:", "User: a", "User:*", "a\n", "")
        ],
        (
            spec("sasl_ssl", acls=[rule(resource="cluster")]),
            ["write kafka-cluster"],
        ),
        (
            changed(1, known=False),
            ["kafka_nodes names k2, which the inventory does not know"],
        ),
        (changed(1, roles="broker"), ["kafka_node_roles of k2 is text"]),
        (on_one_machine(), ["k1 and k2 are one machine", "/data: give each"]),
        (changed(1, advertised=ANY), ["Nobody can connect to " + ANY]),
        *[
            (
                changed(1, advertised=name),
                ["kafka_advertised_address of k2"],
            )
            for name in ("localhost.localdomain", "LOCALHOST")
        ],
        (alone(ANY, ""), ["Clients cannot connect", "kafka_advertised_add"]),
        (
            alone(ANY, "localhost"),
            ["told to connect to localhost", "kafka_advertised_address"],
        ),
        (spec("sasl_ssl", pki_dir="pki"), ["kafka_pki_dir is 'pki'"]),
        (changed(1, roles=["brokre"]), ["kafka_node_roles of k2 has brokre"]),
        (
            spec("sasl_ssl", 3, static_only=True),
            ["kafka_quorum is dynamic", "static"],
        ),
    ],
)
def test_is_refused_in_one_sentence(bad, words):
    problems = kp.kafka_security_problems(bad)
    for word in words:
        assert any(word in problem for problem in problems), problems
    assert all(problem.endswith(".") for problem in problems)
    assert WORD not in str(problems)


@pytest.mark.parametrize("security", ["plaintext", "sasl_plain", "sasl_scram"])
def test_what_is_not_encrypted_stays_on_loopback_unless_asked(security):
    public = spec(security)
    public["nodes"][0]["listen"] = "192.0.2.1"
    assert "kafka_allow_plaintext" in str(kp.kafka_security_problems(public))
    public["allow_plaintext"] = True
    assert kp.kafka_security_problems(public) == []


@pytest.mark.parametrize("security", identities.PROTOCOLS)
@pytest.mark.parametrize("nodes", [1, 3, 5])
def test_what_can_work_is_not_refused(security, nodes):
    good = spec(security, nodes)
    good["allow_plaintext"] = True
    assert kp.kafka_security_problems(good) == []


def test_rights_that_can_work_are_not_refused():
    users = [
        user("a", grants=["notifier"], topics=["*"], groups=[]),
        user("b", grants=["listener"], topics=["n."], groups=["*", "g h"]),
        user("c", topics=[], groups=[]),
        # What an earlier play granted can be taken away.
        user("d", grants=["listener"], topics=["n.*"], state="absent"),
    ]
    acls = [
        rule(operations=["read", "Write", "ALL"]),
        rule(name="*", principal="User:*", host="192.0.2.1"),
        rule(principal="User:CN=a, O=b", host="2001:db8:0:0:0:0:0:1"),
        rule(resource="group", name="a b"),
        rule(
            resource="cluster",
            name="kafka-cluster",
            operations=["IDEMPOTENT_WRITE"],
        ),
        # What is there may be taken away, though it never did anything.
        rule(
            state="absent",
            principal="user:a",
            host="10.0.0.0/8",
            name="n.*",
            operations=["CLUSTER_ACTION"],
        ),
    ]
    good = spec(
        "sasl_ssl", users=users, acls=acls, super_users=["a", "User:CN=b, O=c"]
    )
    assert kp.kafka_security_problems(good) == []


def test_common_passwords_will_do_where_nothing_is_encrypted():
    words = ["openstack", "devstack1"]
    users = [user(f"u{n}", password=word) for n, word in enumerate(words)]
    bed = spec("sasl_scram", users=users, allow_plaintext=True)
    assert kp.kafka_security_problems(bed) == []
    bed["allow_plaintext"] = False
    assert len(kp.kafka_security_problems(bed)) == 2


@pytest.mark.parametrize(
    "word",
    ["notifier-password", "correct horse", "kafka-openstack", "x7$0v@1m3q"],
)
def test_a_password_that_is_no_common_word_is_taken(word):
    users = [user(password=word)]
    assert kp.kafka_security_problems(spec("sasl_ssl", users=users)) == []


def test_directories_of_their_own_may_be_on_one_machine():
    cluster = on_one_machine()
    cluster["nodes"][1]["data_dirs"] = ["/srv/other"]
    (problem,) = kp.kafka_security_problems(cluster)
    assert "kafka_config_dir and kafka_service_name of its own" in problem
    cluster["nodes"][1]["places"] = {
        "kafka_config_dir": "/etc/kafka2",
        "kafka_service_name": "kafka2",
    }
    assert kp.kafka_security_problems(cluster) == []


@pytest.mark.parametrize("path", ["/var/lib/kafka/data/", "/var/lib/kafka"])
def test_one_directory_is_known_however_it_is_written(path):
    cluster = on_one_machine()
    cluster["nodes"][1]["data_dirs"] = [path]
    assert "share /var/lib/kafka/data:" in str(
        kp.kafka_security_problems(cluster)
    )


def test_without_the_nodes_of_a_cluster_nothing_else_is_told():
    group = spec(group_hosts=["k1", "k2"])
    group["nodes"][0]["listen"] = ANY
    (problem,) = kp.kafka_security_problems(group)
    assert "run playbooks/new_cluster.yml once" in problem


# -- controllers apart from brokers ----


def split(host="k1", **more):
    """Three controllers, k1 to k3, and two brokers, k4 and k5."""
    cluster = spec("sasl_ssl", 5, host=host, **more)
    for number, node in enumerate(cluster["nodes"]):
        node["roles"] = ["controller"] if number < 3 else ["broker"]
    return cluster


def test_a_node_that_is_a_controller_only_has_no_clients():
    settings = ks.kafka_node_settings(split())
    assert settings["process.roles"] == "controller"
    assert settings["listeners"] == f"CONTROLLER://{ANY}:9093"
    assert settings["advertised.listeners"] == (
        "CONTROLLER://k1.example.org:9093"
    )
    assert "inter.broker.listener.name" not in settings


def test_a_node_that_is_a_broker_only_knows_the_controllers():
    settings = ks.kafka_node_settings(split("k4"))
    assert settings["process.roles"] == "broker"
    assert settings["listeners"] == f"SASL_SSL://{ANY}:9092"
    assert settings["controller.quorum.bootstrap.servers"] == (
        "k1.example.org:9093,k2.example.org:9093,k3.example.org:9093"
    )
    assert settings["controller.listener.names"] == "CONTROLLER"


def test_clients_of_a_split_cluster_ask_its_brokers():
    everywhere = "k4.example.org:9092,k5.example.org:9092"
    assert kn.kafka_bootstrap_all(split("k4")) == everywhere
    assert kn.kafka_bootstrap(split("k1")) == everywhere
    assert kn.kafka_bootstrap(split("k4")) == "k4.example.org:9092"
    assert kn.kafka_ids(split(), "broker") == [3, 4]
    assert kn.kafka_hosts(split(), "controller") == ["k1", "k2", "k3"]


def test_a_node_has_to_reach_those_that_it_talks_to():
    def reached(host):
        return {
            (peer["address"].split(".")[0], peer["port"])
            for peer in kn.kafka_peers(split(host))
        }

    assert reached("k1") == {("k2", 9093), ("k3", 9093)}
    assert reached("k4") == {
        ("k1", 9093),
        ("k2", 9093),
        ("k3", 9093),
        ("k5", 9092),
    }
    assert kn.kafka_peers(spec()) == []


def test_a_machine_that_is_lost_can_still_be_taken_out():
    """It is neither asked nor looked for in the inventory."""
    cluster = changed(2, known=False)
    assert "k3" in str(kp.kafka_security_problems(cluster))
    cluster["leaving"] = "k3"
    assert kp.kafka_security_problems(cluster) == []
    reached = {peer["address"] for peer in kn.kafka_peers(cluster)}
    assert reached == {"k2.example.org"}


def test_controllers_have_no_copies_of_topics():
    settings = ks.kafka_node_defaults(split())
    assert settings["default.replication.factor"] == 2
    assert settings["min.insync.replicas"] == 1


def test_only_controllers_are_the_first_voters():
    voters = kn.kafka_initial_controllers(split("k4")).split(",")
    assert [voter.split("@")[0] for voter in voters] == ["0", "1", "2"]


def test_a_controller_that_came_later_is_no_first_voter():
    cluster = split()
    del cluster["nodes"][2]["directory_id"]
    voters = kn.kafka_initial_controllers(cluster).split(",")
    assert [voter.split("@")[0] for voter in voters] == ["0", "1"]
    assert kp.kafka_security_problems(cluster) == []


def test_a_cluster_without_first_voters_is_refused():
    cluster = split()
    for node in cluster["nodes"]:
        del node["directory_id"]
    assert "no controller a directory_id" in str(
        kp.kafka_security_problems(cluster)
    )


def test_a_static_quorum_is_in_the_settings():
    cluster = split(quorum="static")
    settings = ks.kafka_node_settings(cluster)
    assert settings["controller.quorum.voters"] == (
        "0@k1.example.org:9093,1@k2.example.org:9093,2@k3.example.org:9093"
    )
    assert "controller.quorum.bootstrap.servers" not in settings
    assert kn.kafka_initial_controllers(cluster) == ""


def test_a_split_cluster_is_not_refused():
    assert kp.kafka_security_problems(split()) == []


@pytest.mark.parametrize(
    ("role", "words"),
    [("controller", "no controller"), ("broker", "no broker")],
)
def test_a_cluster_needs_both_roles(role, words):
    cluster = split()
    for node in cluster["nodes"]:
        node["roles"] = [one for one in nodes_of.ROLES if one != role]
    assert words in str(kp.kafka_security_problems(cluster))


@pytest.mark.parametrize("given", [[], ["k1"]])
def test_a_node_alone_is_both(given):
    single = spec(given_nodes=given)
    single["nodes"][0]["roles"] = ["controller"]
    (problem,) = kp.kafka_security_problems(single)
    assert "kafka_node_roles of k1" in problem


class Tagged(int):
    """A number with its origin, as newer versions of Ansible have them."""


def test_the_only_node_may_have_any_number():
    single = spec(given_nodes=["k1"])
    single["nodes"][0]["id"] = Tagged(7)
    assert kp.kafka_security_problems(single) == []


@pytest.mark.parametrize("number", [-5, "1", "x", None, True, 2**31])
def test_the_only_node_needs_a_number(number):
    single = spec(given_nodes=["k1"])
    single["nodes"][0]["id"] = number
    (problem,) = kp.kafka_security_problems(single)
    assert f"kafka_nodes gives k1 the id {number!r}" in problem


# -- nodes from the inventory ----


def test_what_another_host_has_wrong_stops_nobody():
    own = {"host": "k1", "id": 1, "listen": ANY, "advertised": "one"}
    wrong = {
        "kafka_advertised_address": 10,
        "kafka_data_dirs": 5,
        "kafka_listen_address": None,
        "kafka_node_roles": 5,
    }
    nodes = {"k1": {"id": 7}, "k2": {"id": 8}, 3: {"id": 9}}
    found = kn.kafka_node_list(nodes, {"k2": wrong}, own)
    cluster = spec("sasl_ssl", 3)
    cluster["nodes"] = found
    said = str(kp.kafka_security_problems(cluster))
    assert "kafka_node_roles of k2 has 5" in said
    assert "kafka_nodes names 3, which the inventory" in said


def test_machines_behind_one_address_are_told_apart_by_their_ports():
    own = {"host": "k1", "id": 1, "listen": ANY, "advertised": "one"}
    hostvars = {
        "k1": {"ansible_host": "127.0.0.1", "ansible_port": 2222},
        "k2": {"ansible_host": "127.0.0.1", "ansible_port": 2222},
        "k3": {"ansible_host": "127.0.0.1", "ansible_port": 2200},
    }
    nodes = {"k1": {"id": 7}, "k2": {"id": 8}, "k3": {"id": 9}}
    found = kn.kafka_node_list(nodes, hostvars, own)
    assert found[1]["machine"] != found[2]["machine"]
    assert found[0]["machine"] == found[1]["machine"]


def test_nodes_that_are_the_machine_of_ansible_are_one_machine():
    own = {"host": "k1", "id": 1, "listen": ANY, "advertised": "k1.example"}
    hostvars = {
        "k1": {"ansible_connection": "local"},
        "k2": {"ansible_connection": "local", "ansible_host": "192.0.2.2"},
        "k3": {"ansible_connection": "ssh"},
    }
    cluster = spec("sasl_ssl", 3)
    cluster["nodes"] = kn.kafka_node_list(
        {node["host"]: node for node in cluster["nodes"]}, hostvars, own
    )
    (problem,) = kp.kafka_security_problems(cluster)
    assert problem == (
        "k1 and k2 are one machine, that of Ansible (ansible_connection), and "
        "share /var/lib/kafka/data: give each kafka_data_dirs and "
        "kafka_config_dir and kafka_service_name of its own, or another "
        "machine."
    )


@pytest.mark.parametrize("number", [7, "7"])
def test_the_id_of_a_node_alone_is_a_number_however_it_is_given(number):
    own = {"host": "k1", "id": number, "listen": ANY, "advertised": ""}
    found = {"nodes": kn.kafka_node_list({}, {}, own)}
    assert kn.kafka_ids(found, "broker") == [7]


def test_the_nodes_come_from_the_inventory():
    own = {"host": "k1", "id": 1, "listen": ANY, "advertised": "one"}
    hostvars = {
        "k2": {"kafka_listen_address": "192.0.2.2"},
        "k3": {"kafka_listen_address": ANY},
    }
    nodes = {"k1": {"id": 7}, "k2": {"id": 8}, "k3": {"id": 9}}
    found = kn.kafka_node_list(nodes, hostvars, own)
    assert [nodes_of.node_address(node) for node in found] == [
        "one",
        "192.0.2.2",
        "k3",
    ]
    assert [node["id"] for node in found] == [7, 8, 9]
    assert kn.kafka_node_list({}, {}, own) == [own]


def test_a_node_that_comes_back_with_another_id_keeps_its_place():
    own = {"host": "k1", "id": 1, "listen": ANY, "advertised": "one"}
    nodes = {"k1": {"id": 1}, "k3": {"id": 3}, "k2": {"id": 4}}
    found = kn.kafka_node_list(nodes, {}, own)
    assert [node["host"] for node in found] == ["k1", "k2", "k3"]


# -- more listeners ----


def external(**more):
    return {"name": "EXTERNAL", "port": 9094, **more}


def test_one_more_listener_asks_who_clients_are_as_the_first_does():
    settings = ks.kafka_node_settings(
        spec(
            "sasl_ssl",
            3,
            listeners=[external(advertised_address="kafka.example.net")],
        )
    )
    assert f"EXTERNAL://{ANY}:9094" in settings["listeners"].split(",")
    assert "EXTERNAL://kafka.example.net:9094" in settings[
        "advertised.listeners"
    ].split(",")
    assert "EXTERNAL:SASL_SSL" in settings["listener.security.protocol.map"]
    assert settings["inter.broker.listener.name"] == "SASL_SSL"
    name = "listener.name.external.scram-sha-512.sasl.jaas.config"
    assert settings[name].startswith("${file:")


@pytest.mark.parametrize(
    ("security", "tls", "protocol"),
    [
        ("plaintext", True, "SSL"),
        ("ssl", False, "PLAINTEXT"),
        ("sasl_scram", True, "SASL_SSL"),
        ("sasl_ssl", False, "SASL_PLAINTEXT"),
        ("sasl_ssl", "false", "SASL_PLAINTEXT"),
        ("sasl_scram", "Yes", "SASL_SSL"),
        ("mtls", None, "SSL"),
    ],
)
def test_encryption_is_each_listener_s_own(security, tls, protocol):
    one = spec(security, listeners=[external(address="127.0.0.1", tls=tls)])
    settings = ks.kafka_node_settings(one)
    assert f"EXTERNAL:{protocol}" in settings["listener.security.protocol.map"]
    assert "ssl.keystore.location" in settings
    assert not kp.kafka_security_problems(one)


def test_a_certificate_names_what_every_listener_advertises():
    one = spec(
        "sasl_ssl", 3, listeners=[external(advertised_address="out.example")]
    )
    assert "out.example" in kn.kafka_tls_addresses(one)


def test_a_controller_has_no_listener_for_clients():
    one = spec("sasl_ssl", 3, listeners=[external()])
    one["nodes"][0]["roles"] = ["controller"]
    assert "EXTERNAL" not in ks.kafka_node_settings(one)["listeners"]
    assert kn.kafka_open_ports(one) == ["9093"]


def test_ports_of_every_listener_are_opened():
    one = spec("sasl_ssl", 3, listeners=[external()])
    assert kn.kafka_open_ports(one) == ["9092", "9093", "9094"]
    assert kn.kafka_open_ports(spec()) == []


@pytest.mark.parametrize(
    ("security", "more", "said"),
    [
        ("ssl", {"name": "External"}, "'External'"),
        ("ssl", {"name": "EXTERNAL\n"}, "'EXTERNAL\\n'"),
        ("ssl", {"name": "SSL"}, "not CONTROLLER or SSL"),
        ("mtls", {"tls": False}, "leave tls out"),
        ("mtls", {"tls": "no"}, "leave tls out"),
        ("ssl", {"tls": "off", "address": ANY}, "set its tls to true"),
        ("ssl", {"tls": False, "address": ANY}, "set its tls to true"),
        ("ssl", {"address": ANY}, "set its advertised_address"),
        ("ssl", {"port": 9092}, "are both 9092"),
        ("plaintext", {"tls": True, "address": "::1"}, ""),
    ],
)
def test_a_listener_that_cannot_work_is_refused(security, more, said):
    found = " ".join(
        kp.kafka_security_problems(
            spec(security, listeners=[external(**more)])
        )
    )
    assert said in found
    assert bool(said) == bool(found), found


@pytest.mark.parametrize("address", ["::0", "0:0:0:0:0:0:0:0", ANY])
def test_every_address_is_known_however_it_is_written(address):
    one = spec("sasl_ssl")
    one["nodes"][0]["listen"] = address
    one["nodes"][0]["advertised"] = address
    found = " ".join(kp.kafka_security_problems(one))
    assert f"Clients cannot connect to {address}" in found


def test_one_port_for_two_listeners_is_refused():
    found = kp.kafka_security_problems(spec(controller_port=9092))
    assert found == [
        "kafka_port and kafka_controller_port are both 9092: give each "
        "listener a port of its own."
    ]


def test_a_cluster_misses_a_broker_after_three_heartbeats():
    assert ks.kafka_node_defaults(spec("sasl_ssl", 3))[
        "broker.session.timeout.ms"
    ] == (3 * 2000)
    assert "broker.session.timeout.ms" not in ks.kafka_node_defaults(spec())
