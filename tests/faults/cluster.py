# SPDX-License-Identifier: Apache-2.0
"""Real brokers behind proxies of ours, which tests stop, cut and break."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bus import process
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from faults.proxy import Proxy

USER, PASSWORD = "app", "app-secret"

# Short times, so that a fault takes seconds. Clients connect to the proxy,
# everybody else to the listener INTERNAL.
_PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listeners=CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://127.0.0.1:{proxy},\
INTERNAL://127.0.0.1:{internal}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,\
CLIENT:{protocol}
log.dirs={data}
auto.create.topics.enable=false
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=500
controller.quorum.fetch.timeout.ms=4000
default.replication.factor={factor}
min.insync.replicas={least}
offsets.topic.replication.factor={factor}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={factor}
transaction.state.log.min.isr={least}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=10485760
"""
_SECURE = """
listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.client.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.client.scram-sha-256.connections.max.reauth.ms=2000
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


class Node:
    """One broker, which is a controller too."""

    def __init__(self, home: Path, directory: Path, number: int) -> None:
        self.number = number
        self.directory = directory
        self.data = directory / "data"
        self.ports = {
            name: process.free_port()
            for name in ("client", "internal", "controller")
        }
        self.proxy = Proxy(self.ports["client"])
        self.environment = {
            **os.environ,
            "LOG_DIR": str(directory / "log"),
            "KAFKA_HEAP_OPTS": "-Xmx256m",
        }
        self.properties = directory / "server.properties"
        self.server = process.Server(
            [
                str(home / "bin" / "kafka-server-start.sh"),
                str(self.properties),
            ],
            self.environment,
            directory / "output.log",
            lambda: process.answers(self.ports["internal"]),
        )

    def start(self) -> None:
        """Start it and wait; on a busy machine that takes minutes."""
        self.server.start(300)

    def signal(self, number: signal.Signals) -> None:
        running = self.server._process
        assert running is not None
        os.killpg(running.pid, number)


class Cluster:
    """Brokers with replication, as many as are asked for.

    :param secure: clients log in with SCRAM, and need rights
    """

    def __init__(
        self, home: Path, directory: Path, size: int, secure: bool = False
    ) -> None:
        self._home = home
        self._secure = secure
        self.nodes = []
        for number in range(1, size + 1):
            place = directory / str(number)
            place.mkdir(parents=True)
            self.nodes.append(Node(home, place, number))

    @property
    def bootstrap(self) -> str:
        return ",".join(
            f"127.0.0.1:{node.ports['internal']}" for node in self.nodes
        )

    @property
    def url(self) -> str:
        login = f"{USER}:{PASSWORD}@" if self._secure else ""
        hosts = ",".join(
            f"{login}127.0.0.1:{node.proxy.port}" for node in self.nodes
        )
        return f"kafka-driver://{hosts}/"

    @property
    def options(self) -> dict[str, str]:
        if not self._secure:
            return {}
        return {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-256",
        }

    def start(self) -> None:
        for node in self.nodes:
            self._format(node)
        # None of them is ready before most of them vote.
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda node: node.start(), self.nodes))
        self.wait_ready()
        if self._secure:
            self.set_user()
            self.allow()

    def stop(self) -> None:
        for node in self.nodes:
            node.server.kill()
            node.proxy.close()

    def admin(self) -> AdminClient:
        return AdminClient(
            {"bootstrap.servers": self.bootstrap, "log_level": 0}
        )

    def wait_ready(self) -> None:
        """Wait until every broker is there and every replica in sync."""

        def ready() -> bool:
            try:
                found = self.admin().list_topics(timeout=3)
            except KafkaException:
                return False
            return len(found.brokers) == len(self.nodes) and all(
                len(part.isrs) == len(part.replicas)
                for topic in found.topics.values()
                for part in topic.partitions.values()
            )

        wait_until(ready, 300)

    def create(self, topic: str, partitions: int = 3) -> None:
        admin = self.admin()
        admin.create_topics([NewTopic(topic, partitions, -1)])[topic].result(
            30
        )
        self.wait_ready()

    def leader(self, topic: str) -> Node:
        """The node that leads the topic's first partition."""
        found = self.admin().list_topics(topic, timeout=10)
        number = found.topics[topic].partitions[0].leader
        return self.nodes[number - 1]

    def set_user(self, password: str = PASSWORD) -> None:
        """Let the user of the URL log in."""
        self._alter(
            UserScramCredentialUpsertion(
                USER,
                ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096),
                password.encode(),
            )
        )

    def remove_user(self) -> None:
        """Nobody logs in with this name from now on."""
        self._alter(
            UserScramCredentialDeletion(USER, ScramMechanism.SCRAM_SHA_256)
        )

    def allow(self) -> None:
        admin = self.admin()
        bindings = [
            AclBinding(
                kind,
                "*",
                ResourcePatternType.LITERAL,
                f"User:{USER}",
                "*",
                AclOperation.ALL,
                AclPermissionType.ALLOW,
            )
            for kind in (ResourceType.TOPIC, ResourceType.GROUP)
        ]
        for future in admin.create_acls(bindings).values():
            future.result(10)

    def forbid(self) -> None:
        """Take every right from the user."""
        everything = AclBindingFilter(
            ResourceType.ANY,
            None,
            ResourcePatternType.ANY,
            None,
            None,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        admin = self.admin()
        for future in admin.delete_acls([everything]).values():
            future.result(10)

    def _alter(self, change: Any) -> None:
        admin = self.admin()  # its requests end with it
        futures = admin.alter_user_scram_credentials([change])
        for future in futures.values():
            future.result(10)

    def _format(self, node: Node) -> None:
        size = len(self.nodes)
        voters = ",".join(
            f"{one.number}@127.0.0.1:{one.ports['controller']}"
            for one in self.nodes
        )
        node.properties.write_text(
            _PROPERTIES.format(
                node=node.number,
                voters=voters,
                data=node.data,
                proxy=node.proxy.port,
                protocol="SASL_PLAINTEXT" if self._secure else "PLAINTEXT",
                factor=size,
                least=max(1, size - 1),
                **node.ports,
            )
            + (_SECURE if self._secure else "")
        )
        subprocess.run(
            [
                str(self._home / "bin" / "kafka-storage.sh"),
                "format",
                "--cluster-id",
                "MkU3OEVBNTcwNTJENDM2Qg",
                "--config",
                str(node.properties),
            ],
            env=node.environment,
            capture_output=True,
            check=True,
        )


def wait_until(condition: Callable[[], bool], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
