# SPDX-License-Identifier: Apache-2.0
"""Brokers and controllers with the settings of the role form a cluster.

Each node has an address of the loopback, so that the role's own filters can
write their settings, and no machine is needed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from bus import process
from bus.kafka import CHECKOUT, KafkaBroker
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(CHECKOUT / ".build"))

from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_accounts,
    kafka_nodes,
    kafka_problems,
    kafka_role,
    kafka_settings,
)
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_health,
)
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_certificates,
    kafka_storage,
)

WORD = "a-long-enough-word"
CLUSTER = "uwhPUHzhS96NLOgJeH29rA"


def describe(directory: Path, count: int, **more: Any) -> dict[str, Any]:
    """Return what vars/main.yml of the role puts together for a node."""
    return {
        "acls": [],
        "admin_password": WORD,
        "admin_user": "admin",
        "allow_plaintext": False,
        "cluster_id": CLUSTER,
        "controller_password": WORD,
        "controller_port": process.free_port(),
        "controller_security": "mtls",
        "given_nodes": [f"k{n}" for n in range(1, count + 1)],
        "group_hosts": [],
        "leaving": "",
        "listeners": [],
        "mechanism": "SCRAM-SHA-512",
        "nodes": [
            {
                "host": f"k{n}",
                "id": n,
                "directory_id": "ABCDEF"[n] + "A" * 21,
                "listen": f"127.0.0.{n}",
            }
            for n in range(1, count + 1)
        ],
        "old_broker": False,
        "pki_dir": str(directory),
        "port": process.free_port(),
        "quorum": "dynamic",
        "security": "sasl_ssl",
        "share_groups": True,
        "static_only": False,
        "super_users": [],
        "tls_addresses": [],
        "tls_files": {},
        "users": [],
        **more,
    }


class Node:
    """One process that is broker and controller."""

    def __init__(
        self, home: Path, java: str, directory: Path, spec: dict[str, Any]
    ) -> None:
        directory.mkdir()
        self.spec = {
            **spec,
            "secrets_file": str(directory / "secrets.properties"),
            "tls_dir": str(directory),
        }
        self.client = {
            "bootstrap.servers": kafka_nodes.kafka_bootstrap(self.spec),
            "log_level": 0,
            **kafka_settings.kafka_client_settings(self.spec),
        }
        config = directory / "server.properties"
        settings = {
            **kafka_settings.kafka_node_defaults(self.spec),
            **kafka_settings.kafka_node_settings(self.spec),
            "log.dirs": directory / "data",
        }
        for file, content in (
            (config, settings),
            (
                directory / "secrets.properties",
                kafka_settings.kafka_secrets(self.spec),
            ),
            (
                directory / "admin.properties",
                kafka_settings.kafka_command_settings(self.spec),
            ),
        ):
            file.write_text(kafka_role.kafka_properties(content))
        kafka_storage.run_format(
            {
                "config_file": str(config),
                "group": "root",
                "home": str(home),
                "initial_controllers": (
                    kafka_nodes.kafka_initial_controllers(self.spec)
                ),
                "java_home": java,
                "quorum": "initial",
                "scram_users": kafka_accounts.kafka_scram_users(self.spec),
                "user": "root",
            },
            CLUSTER,
            True,
        )
        self.server = process.Server(
            [str(home / "bin" / "kafka-server-start.sh"), str(config)],
            {
                **os.environ,
                "KAFKA_HEAP_OPTS": "-Xmx200m",
                "LOG_DIR": str(directory / "log"),
            },
            directory / "output.log",
            # It is ready when the others are.
            lambda: True,
        )


def certify(directory: Path, node: Path, spec: dict[str, Any]) -> None:
    """Put a node's certificate where its settings say."""
    folder = kafka_certificates.Folder(str(directory))
    name = spec["host"]
    kafka_certificates.work(
        {
            "folder": str(directory),
            "authority": "test",
            "certificates": [
                {
                    "name": name,
                    "addresses": kafka_nodes.kafka_tls_addresses(spec),
                }
            ],
            "days": 9,
            "renew_days": 1,
        },
        False,
    )
    parts = [Path(folder.file(name + end)) for end in (".key", ".pem")]
    (node / "node.pem").write_bytes(b"".join(p.read_bytes() for p in parts))
    (node / "ca.pem").write_bytes((directory / "ca.pem").read_bytes())


@contextmanager
def cluster(
    home: Path, directory: Path, count: int, security: str
) -> Iterator[list[Node]]:
    java = str(Path(os.path.realpath("/usr/bin/java")).parents[1])
    spec = describe(directory, count, controller_security=security)
    with ExitStack() as running:
        nodes = []
        for host in spec["given_nodes"]:
            own = {**spec, "host": host}
            node = Node(home, java, directory / host, own)
            certify(directory, directory / host, own)
            nodes.append(node)
        for node in nodes:
            # One that is stopped in order waits for a quorum, and the last
            # ones have none.
            running.callback(node.server.kill)
            node.server.start()
        yield nodes


def wait_for_brokers(client: dict[str, Any], count: int) -> AdminClient:
    admin = AdminClient(client)
    there: list[int] = []
    end = time.monotonic() + 300
    while time.monotonic() < end:
        # Nobody may be there yet.
        with suppress(KafkaException):
            there = sorted(admin.list_topics(timeout=2).brokers)
            if len(there) == count:
                return admin
        time.sleep(0.5)
    raise AssertionError(f"of {count} brokers only {there} came in time")


def wait_for_replicas(admin: AdminClient, topic: str) -> list[int]:
    """The brokers with a copy, once the one that is asked knows the topic."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = admin.list_topics(topic, timeout=30).topics[topic].partitions
        if found:
            replicas: list[int] = found[0].replicas
            return replicas
        time.sleep(0.2)
    raise AssertionError(f"no broker told of {topic} in time")


# Several nodes start at once on what may be a busy machine.
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("count", "security"),
    [
        pytest.param(3, "sasl_ssl", id="controllers that have a password"),
        pytest.param(5, "mtls", id="five nodes"),
    ],
)
def test_a_quorum_has_a_leader_and_topics_have_copies(
    kafka_broker: KafkaBroker, tmp_path: Path, count: int, security: str
) -> None:
    home = kafka_broker.home
    with cluster(home, tmp_path, count, security) as nodes:
        spec = nodes[0].spec
        # Loopback is what no inventory may have, and nothing else is wrong.
        told = kafka_problems.kafka_security_problems(spec)
        assert all("127.0.0." in problem for problem in told)

        admin = wait_for_brokers(nodes[0].client, count)
        made = admin.create_topics([NewTopic("t", 1)])
        made["t"].result(60)
        assert len(wait_for_replicas(admin, "t")) == 3

        said = subprocess.run(
            [
                str(home / "bin" / "kafka-metadata-quorum.sh"),
                *("--bootstrap-server", nodes[0].client["bootstrap.servers"]),
                *("--command-config", str(tmp_path / "k1/admin.properties")),
                *("describe", "--replication"),
            ],
            env={**os.environ, "KAFKA_HEAP_OPTS": "-Xmx128m"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        voting = kafka_health.voters(kafka_health.parse_quorum(said))
        assert {one["id"] for one in voting} == set(range(1, count + 1))
        assert [one["status"] for one in voting].count("Leader") == 1
