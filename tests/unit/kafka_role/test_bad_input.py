# SPDX-License-Identifier: Apache-2.0
"""What is written wrong is told in a sentence, with what to write."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    argument_problems as arguments,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_limits as kl,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_paths as kd,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_problems as kp,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_property_values as ky,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_topic_values as kt,
)
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_values as kv,
)

ROLE = Path(__file__).resolve().parents[3] / "roles" / "kafka"
OPTIONS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())[
    "argument_specs"
]["main"]["options"]
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
HUSH = "hush-this-is-secret"


def told(name, value):
    return " ".join(
        arguments.argument_problems({name: value}, OPTIONS, ["kafka_version"])
    )


def user(**more):
    return [{"name": "nova", "password": HUSH, **more}]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kafka_topics", "a", "kafka_topics is 'a': write a list in YAML"),
        ("kafka_topics", None, "is empty: write a list, or [] for none"),
        ("kafka_topics", {"a": 1}, "is {'a': 1}: write a list"),
        ("kafka_topics", ["a"], "item 1 in kafka_topics is text: write {name"),
        ("kafka_topics", [None], "item 1 in kafka_topics is empty"),
        ("kafka_topics", [{"nam": "a"}], "the key nam, which means nothing"),
        ("kafka_topics", [{"nam": "a"}], "has no name: write it"),
        (
            "kafka_topics",
            [{"name": "a", "partition": 3}],
            "a in kafka_topics has the key partition, which means nothing "
            "there: write one of name, partitions,",
        ),
        (
            "kafka_topics",
            [{"name": "a", "partitions": "many"}],
            "partitions of a in kafka_topics is 'many': write a whole number",
        ),
        ("kafka_topics", [{"name": "a", "config": None}], "is empty"),
        ("kafka_topics", [{"name": "a", "config": "x=1"}], "a dictionary"),
        ("kafka_topics", [{"name": "a", "state": "gone"}], "present, absent"),
        ("kafka_topics", [{"name": 7}], "write text, in quotes"),
        ("kafka_port", "abc", "kafka_port is 'abc': write a whole number"),
        ("kafka_port", 9092.5, "write a whole number"),
        # What int() takes, and Kafka does not.
        ("kafka_port", "29_092", "write a whole number"),
        ("kafka_port", " 29092 ", "write a whole number"),
        ("kafka_port", "29092\n", "write a whole number"),
        ("kafka_port", "\u0662\u0663", "write a whole number"),
        ("kafka_port", True, "write a whole number"),
        ("kafka_port", None, "write a whole number, or leave it out"),
        ("kafka_allow_plaintext", "maybe", "write true or false"),
        *[
            ("kafka_allow_plaintext", word, "write true or false")
            # Ansible's filter "bool" makes false of each.
            for word in ("y", "T", "n", "f", 2, 1.0)
        ],
        ("kafka_users", user(create_topics="n"), "write true or false"),
        ("kafka_security", "SASL_SSL", "write one of plaintext, ssl, mtls"),
        ("kafka_security", None, "write one of plaintext, ssl, mtls"),
        ("kafka_nodes", ["a", "b"], "is a list: write a dictionary"),
        ("kafka_nodes", "a", "write a dictionary in YAML"),
        ("kafka_listeners", [{"name": "EXTERNAL"}], "has no port: write it"),
        (
            "kafka_listeners",
            [{"name": "EXTERNAL", "port": 9094, "adress": "::1"}],
            "EXTERNAL in kafka_listeners has the key adress",
        ),
        ("kafka_users", "nova", "kafka_users is text: write a list"),
        ("kafka_users", {"nova": HUSH}, "is a dictionary: write a list"),
        (
            "kafka_users",
            user(passwd=HUSH),
            "nova in kafka_users has the key",
        ),
        *[
            ("kafka_users", [{"password": HUSH, key: wrong}], words)
            for key, wrong, words in (
                ("name", {"nova": HUSH}, "is a dictionary: write text"),
                ("name", [HUSH], "is a list: write text"),
                ("grants", {"nova": HUSH}, "is a dictionary: write"),
                ("topics", [{"nova": HUSH}], "is a dictionary: write text"),
                ("state", [HUSH], "is a list: write one of present"),
            )
        ],
        ("kafka_users", [{"name": 7}], "name of item 1 in kafka_users is 7"),
        ("kafka_users", user(grants="notifier"), "a list of some of notif"),
        ("kafka_users", user(grants=["w"]), "one of notifier, listener"),
        ("kafka_users", user(quotas=5), "write a dictionary"),
        ("kafka_users", [{"name": "a", "password": 7 * 10**9}], "in quotes"),
        ("kafka_admin_password", 1234567890, "is a number: write text"),
        ("kafka_super_users", "ops", "write a list"),
        ("kafka_acls", [{"principal": "User:a"}], "has no operations"),
        ("kafka_data_dirs", "/srv", '{"kafka_data_dirs": ["..."]}'),
        ("kafka_data_dirs", [None], "item 1 in kafka_data_dirs is empty"),
        ("kafka_properties", ["a=b"], "is a list: write a dictionary"),
        ("kafka_firewall", "iptables", "write one of none, ufw, firewalld"),
        ("kafka_version", None, "write text"),
    ],
)
def test_a_value_of_another_type_is_told(name, value, words):
    said = told(name, value)
    assert words in said
    assert name in said
    assert said.endswith(".")
    assert HUSH not in said
    assert "7000000000" not in said
    assert "1234567890" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kafka_version", 4.3),
        ("kafka_port", "9092"),
        *[
            ("kafka_allow_plaintext", value)
            for value in (True, False, 1, 0, "1", "0", "Yes", "NO")
        ],
        *[
            ("kafka_allow_plaintext", word)
            for word in ("on", "off", "True", "false")
        ],
        ("kafka_users", user(quotas={"producer_byte_rate": None})),
        ("kafka_users", [{"name": "nova", "password": None}]),
        ("kafka_topics", [{"name": "a", "partitions": None}]),
        (
            "kafka_listeners",
            [{"name": "A", "port": "9094", "address": None, "tls": None}],
        ),
    ],
)
def test_what_the_command_line_makes_of_a_value_is_taken(name, value):
    assert told(name, value) == ""


def test_the_defaults_are_not_refused():
    plain = {
        name: value
        for name, value in DEFAULTS.items()
        if "{{" not in str(value)
    }
    assert arguments.argument_problems(plain, OPTIONS) == []
    assert kv.kafka_value_problems(plain) == []
    assert kt.kafka_topic_problems(DEFAULTS["kafka_topics"]) == []


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({"k1": None}, "kafka_nodes gives k1 no id: write k1: {id: 1}"),
        ({"k1": 1}, "kafka_nodes gives k1 no id"),
        ({"k1": {"directory_id": "x"}}, "no id"),
        ({"k1": {"id": 1, "roles": ["broker"]}}, "k1 the key roles"),
    ],
)
def test_a_node_that_is_written_wrong_is_told(nodes, words):
    (problem,) = kp.kafka_node_shape_problems(nodes)
    assert words in problem


# -- values ----


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("kafka_heap", "0m", "like 512m"),
        ("kafka_heap", "half", "like 512m"),
        ("kafka_log_file_size", "big", "like 32MB"),
        ("kafka_log_file_count", 0, "write 1 or more"),
        ("kafka_message_max_bytes", 0, "write 1024 or more"),
        ("kafka_node_id", -1, "write 0 or more"),
        ("kafka_cluster_id", "x", "22 characters"),
        ("kafka_archive_sha512", "abc", "128 hexadecimal digits"),
        ("kafka_service_name", "a b", "like kafka"),
        ("kafka_user", "", "name of an account"),
        ("kafka_listen_address", "", "write an address of the machine"),
        ("kafka_listen_address", "localhost:9092", "without port"),
        ("kafka_listen_address", "[::1]", "and brackets"),
        ("kafka_listen_address", "10.0.0.300", "a name or an address"),
        ("kafka_advertised_address", "http://k", "a name or an address"),
        ("kafka_advertised_address", "a b", "a name or an address"),
        ("kafka_advertised_address", "k1..example.org", "a name or an addr"),
        ("kafka_advertised_address", "k" * 64, "a name or an address"),
        ("kafka_advertised_address", "k1.-a.org", "a name or an address"),
        ("kafka_tls_addresses", ["a:1"], "An entry of kafka_tls_addresses"),
        ("kafka_tls_renew_days", 400, "write a smaller number"),
        ("kafka_port", 70000, "write a number from 1 to 65535"),
        ("kafka_controller_port", "0", "write a number from 1 to 65535"),
        (
            "kafka_listeners",
            [{"name": "A", "port": 0}],
            "the port of A in kafka_listeners is 0: write a number",
        ),
        ("kafka_retention_hours", 0, "or -1 for no limit"),
        ("kafka_retention_bytes", 2**63, "write 9223372036854775807 or less"),
        ("kafka_retention_bytes", -2, "or -1 for no limit"),
        ("kafka_jvm_options", ["-Xmx1g"], "which kafka_heap sets"),
        ("kafka_jvm_options", ["-Djava.io.tmpdir=/x"], "kafka_tmp_dir sets"),
        ("kafka_jvm_options", ["-a -b"], "each option by itself"),
        ("kafka_jvm_options", ["XX"], "with its dash"),
        ("kafka_jvm_options", ["-version"], "with which Java prints"),
        ("kafka_jvm_options", ["--help"], "and ends: remove it there"),
        ("kafka_log_levels", {"a b": "INFO"}, "the name of a logger"),
        ("kafka_message_max_bytes", 10**12, "write 2147483647 or less"),
        # What YAML makes of OFF without quotes.
        ("kafka_log_levels", {"root": False}, "OFF, FATAL"),
        ("kafka_log_levels", {"root": "LOUD"}, "DEBUG, TRACE"),
        (
            "kafka_listeners",
            [{"name": "A", "port": 1, "advertised_address": "x:1"}],
            "advertised_address of A in kafka_listeners",
        ),
    ],
)
def test_a_value_that_cannot_be_is_told(name, value, words):
    said = " ".join(kv.kafka_value_problems({**DEFAULTS, name: value}))
    assert words in said
    assert name in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kafka_admin_client_version", "2.16.1"),
        ("kafka_archive_sha512", "a" * 128),
        ("kafka_cluster_id", "A" * 22),
        ("kafka_group", "kafka"),
        ("kafka_heap", "512m"),
        ("kafka_listen_address", "127.0.0.1"),
        ("kafka_listen_address", "::1%lo"),
        ("kafka_listen_address", "k1.example.org"),
        ("kafka_log_file_size", "32MB"),
        ("kafka_rack", "r1"),
        ("kafka_service_name", "kafka"),
        ("kafka_user", "kafka"),
    ],
)
def test_a_block_of_yaml_with_its_line_end_is_told(name, value):
    assert kv.kafka_value_problems({**DEFAULTS, name: value}) == []
    (problem,) = kv.kafka_value_problems({**DEFAULTS, name: value + "\n"})
    assert f"{name} is {value + chr(10)!r}: write" in problem


def test_names_with_a_line_end_are_told():
    values = {
        **DEFAULTS,
        "kafka_log_levels": {"root\n": "INFO"},
        "kafka_jvm_options": ["-server\n"],
    }
    assert len(kv.kafka_value_problems(values)) == 2
    assert kt.kafka_topic_problems([{"name": "a\n"}])
    assert kd.kafka_directory_problems(["/srv/a\n"], [])
    assert kl.size("512m\n") == 0


@pytest.mark.parametrize(
    "address",
    [
        *("::1", "192.0.2.1", "k1.example.org", "k1.example.org."),
        *("k" * 63, "k_1", "1.example"),
    ],
)
def test_an_address_alone_is_taken(address):
    values = {**DEFAULTS, "kafka_listen_address": address}
    assert kv.kafka_value_problems(values) == []


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ({"name": "a b"}, "'a b'"),
        ({"name": ".."}, "'..'"),
        ({"name": "a", "partitions": 0}, "write 1 or more"),
        ({"name": "a", "partitions": 10**10}, "write 100000 or less"),
        (
            {"name": "__consumer_offsets", "state": "absent"},
            "has the state absent, and Kafka keeps in it what it has to know",
        ),
        ({"name": "a", "replication_factor": 0}, "or -1 for the broker's"),
        ({"name": "a", "config": {"retention.byte": 5}}, "retention.bytes."),
        ({"name": "a", "config": {"retention.ms": "week"}}, "a whole number"),
        ({"name": "a", "config": {"retention.ms": "5\n"}}, "a whole number"),
        ({"name": "a", "config": {"retention.ms": None}}, "no single value"),
        ({"name": "a", "config": {1: 2}}, "a setting 1: write its name"),
        *[
            ({"name": "a", "config": {key: value}}, words)
            for key, value, words in (
                ("min.insync.replicas", 0, "is 0: write 1 or more"),
                ("retention.ms", "-2", "is -2: write -1 or more"),
                ("segment.ms", 0, "write 1 or more"),
                ("cleanup.policy", "compacted", "'compacted': write compact"),
                ("cleanup.policy", "compact;delete", "both with a comma"),
                ("cleanup.policy", "Delete", "compact or delete"),
                ("compression.type", "LZ4", "snappy, uncompressed or zstd"),
                ("message.timestamp.type", "now", "or LogAppendTime."),
                ("preallocate", "yes", "is 'yes': write true or false"),
                ("remote.storage.enable", "on", "write true or false"),
                ("flush.messages", "x", "write a whole number"),
                ("flush.messages", 0, "is 0: write 1 or more"),
                ("segment.bytes", 13, "is 13: write 14 or more"),
                ("segment.bytes", 2**31, "write 2147483647 or less"),
                ("retention.ms", 2**63, "write 9223372036854775807 or less"),
                ("min.cleanable.dirty.ratio", "x", "a number from 0 to 1"),
                ("min.cleanable.dirty.ratio", 1.5, "a number from 0 to 1"),
                ("min.cleanable.dirty.ratio", -0.5, "a number from 0 to 1"),
            )
        ],
    ],
)
def test_a_topic_that_cannot_be_is_told(topic, words):
    (problem,) = kt.kafka_topic_problems([topic])
    assert words in problem
    assert "kafka_topics" in problem


def test_settings_of_topics_that_can_be_are_taken():
    topic = {
        "name": "a",
        "config": {
            "cleanup.policy": "compact, delete",
            "compression.type": "zstd",
            "min.cleanable.dirty.ratio": 0.5,
            "min.insync.replicas": "1",
            "preallocate": "True",
            "retention.ms": -1,
            "unclean.leader.election.enable": False,
        },
    }
    assert kt.kafka_topic_problems([topic]) == []
    topic["config"] = {"cleanup.policy": ""}
    assert kt.kafka_topic_problems([topic]) == []
    topic["config"] = {"min.cleanable.dirty.ratio": 1e-05}
    assert kt.kafka_topic_problems([topic]) == []
    topic["config"] = {"min.cleanable.dirty.ratio": "1.0"}
    # One of Kafka's own may have settings.
    topic["name"] = "__consumer_offsets"
    assert kt.kafka_topic_problems([topic]) == []


def test_lists_of_copies_are_no_numbers():
    config = {"follower.replication.throttled.replicas": "0:1,1:2"}
    assert kt.kafka_topic_problems([{"name": "a", "config": config}]) == []


def test_a_topic_that_is_there_twice_is_told():
    assert kt.kafka_topic_problems([{"name": "a"}, {"name": "a"}]) == [
        "kafka_topics has a twice: remove one."
    ]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"log.dirs": "/x"}, "use kafka_data_dirs"),
        # Set by the role without a variable of its own: it would win.
        ({"allow.everyone.if.no.acl.found": True}, "remove that there"),
        ({"log.retention.hours": "week"}, "is 'week': write a whole number"),
        ({"log.retention.hours": None}, "no single value"),
        ({"a": {"b": 1}}, "no single value"),
        ({"super.users": ["a"]}, "use kafka_super_users"),
        ({"Super.Users": "a"}, "use kafka_super_users"),
        (
            {"listener.name.sasl_ssl.scram-sha-512.super.users": "a"},
            "use kafka_super_users",
        ),
        ({" log.dirs": "/x"}, "' log.dirs': write its name as Kafka has it"),
        ({1: 2}, "a setting 1: write its name"),
        ({"num.partitions": 0}, "is 0: write 1 or more"),
        ({"num.network.threads": 0}, "is 0: write 1 or more"),
    ],
)
def test_a_property_that_cannot_be_is_told(properties, words):
    (problem,) = ky.kafka_property_problems(
        properties,
        {"log.dirs": "kafka_data_dirs", "super.users": "kafka_super_users"},
        {"allow.everyone.if.no.acl.found": "false"},
    )
    assert words in problem
    assert "kafka_properties" in problem


def test_other_properties_are_taken():
    properties = {
        # A listener of the user's own may have its own certificate.
        "listener.name.external.ssl.keystore.location": "/srv/external.pem",
        "log.retention.hours": "48",
        "num.partitions": 3,
        "log.cleanup.policy": "compact,delete",
        "log.retention.bytes": -1,
        "delete.topic.enable": False,
    }
    owned = {"ssl.keystore.location": "kafka_tls_certificate_file"}
    assert ky.kafka_property_problems(properties, owned, {}) == []


@pytest.mark.parametrize(
    ("key", "value", "secret"),
    [
        ("ssl.key.password", "hush", True),
        ("listener.name.external.plain.sasl.jaas.config", "hush", True),
        ("ssl.keystore.key", "hush", True),
        ("delegation.token.secret.key", "hush", True),
        ("delegation.token.master.key", "hush", True),
        ("ssl.key.passphrase", "hush", True),
        ("rsm.config.s3.secret.access.key", "hush", True),
        ("rsm.config.azure.account.credentials.path", "hush", True),
        ("my.reporter.Private.Key", "hush", True),
        ("compression.type", "producer", False),
        ("ssl.key.password", "${file:/srv/words:key}", False),
        ("ssl.keystore.location", "/srv/external.pem", False),
    ],
)
def test_properties_that_are_secret_are_known(key, value, secret):
    assert ky.kafka_has_secrets({"num.partitions": 3, key: value}) is secret


@pytest.mark.parametrize(
    ("data_dirs", "words"),
    [
        ([], "kafka_data_dirs is empty: write at least one"),
        (["srv"], "write an absolute path"),
        (["/srv/../etc"], "write an absolute path"),
        (["/srv/a b"], "letters, digits and the signs"),
        (["/srv/a/.."], "without a part that is two dots"),
        (["/srv/a", "/srv/a/"], "/srv/a is named twice"),
        (["/srv/a", "/srv/a/b"], "/srv/a/b of kafka_data_dirs is in /srv/a"),
        (["/srv/b/c", "/srv/b"], "/srv/b/c of kafka_data_dirs is in /srv/b"),
        (["/var/lib/kafka"], "/var/lib/kafka/tmp of kafka_tmp_dir is in"),
        (["/var/log/kafka"], "by kafka_data_dirs and kafka_log_dir"),
    ],
)
def test_directories_in_each_others_way_are_told(data_dirs, words):
    others = [
        {"setting": "kafka_tmp_dir", "path": "/var/lib/kafka/tmp"},
        {"setting": "kafka_log_dir", "path": "/var/log/kafka"},
    ]
    problems = kd.kafka_directory_problems(data_dirs, others)
    assert words in " ".join(problems)
    good = ["/var/lib/kafka/data", "/var/lib/kafka/data2"]
    assert kd.kafka_directory_problems(good, others) == []


def path_problems(path):
    return kd.kafka_path_problems([{"setting": "kafka_x", "path": path}])


@pytest.mark.parametrize("sign", [*"%`;\\'\"$&|<>()*?[]{}!#=,\t\n\u00e9"])
def test_a_path_that_a_unit_or_a_shell_reads_otherwise_is_told(sign):
    (problem,) = path_problems(f"/srv/a{sign}b")
    assert f"kafka_x has {f'/srv/a{sign}b'!r}: write" in problem


@pytest.mark.parametrize("setting", ["kafka_admin_venv", "kafka_install_dir"])
def test_a_colon_is_told_where_paths_are_parted_by_it(setting):
    (problem,) = kd.kafka_path_problems(
        [{"setting": setting, "path": "/opt/a:b"}]
    )
    assert problem.startswith(f"{setting} has '/opt/a:b'")
    assert problem.endswith("write one without.")


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/.", "/tmp/", "/tmp", "/etc", "/var/log", "/var/./lib"),  # noqa: S108
        *("/opt", "/srv", "/usr", "/usr/bin", "/usr/local/lib", "/home"),
        *("/root", "/run", "/mnt", "/media", "/lib64", "/dev/shm/kafka"),  # noqa: S108
        *("/proc/1/root", "/sys", "/var/backups", "/etc/ssl"),
    ],
)
def test_a_directory_of_the_machine_is_told(path):
    (problem,) = path_problems(path)
    assert "kafka_x" in problem
    assert ": write a" in problem


def test_what_to_write_in_place_of_a_shared_directory_is_told():
    assert path_problems("/var/log") == [
        "/var/log of kafka_x belongs to the whole machine, and the role would "
        "change its owner and its mode: write a directory of its own below "
        "it, such as /var/log/kafka."
    ]


@pytest.mark.parametrize(
    "path",
    [
        *(value for value in DEFAULTS["kafka_data_dirs"]),
        *(DEFAULTS[f"kafka_{one}_dir"] for one in ("install", "config")),
        *(DEFAULTS[f"kafka_{one}_dir"] for one in ("log", "tmp", "backup")),
        DEFAULTS["kafka_admin_venv"],
        *("/data", "/srv/..data", "/srv/kafka", "/mnt/disk1", "/home/kafka"),
        *("/tmp/pytest-of-root/0", "/usr/local/kafka", "/device", "/libs"),  # noqa: S108
        "/srv/A-z_0.9+@~:",
    ],
)
def test_a_directory_of_the_roles_own_is_taken(path):
    assert path_problems(path) == []
