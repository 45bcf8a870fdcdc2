# SPDX-License-Identifier: Apache-2.0
"""What the scenarios with several nodes have in common."""

import json
import shlex
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import testinfra
import yaml

from .machine import CHECKOUT

BIN = "/opt/kafka/current/bin"
ADMIN = "/etc/kafka/admin.properties"
SERVICE = "/opt/kafka-bus/venv/bin/kafka-driver"
CONFIG = "/root/cluster-test.conf"


class Cluster:
    """A scenario's cluster, as its inventory describes it.

    Questions to it are asked on its first broker, which also has the
    environment of a service.
    """

    def __init__(self, scenario: str, brokers: tuple[str, ...]) -> None:
        self.use(CHECKOUT / "molecule" / scenario / "inventory")
        self.brokers = brokers
        groups = yaml.safe_load((self.inventory / "hosts.yml").read_text())
        self.variables: dict[str, Any] = {
            **groups["kafka"]["vars"],
            **(groups["kafka"]["hosts"].get(brokers[0]) or {}),
        }
        self.passwords: dict[str, str] = {
            user["name"]: user.get("password", "")
            for user in self.variables["kafka_users"]
        }

    def use(self, inventory: Path) -> None:
        """Take another folder as the inventory."""
        self.inventory = inventory
        self.secrets = inventory / "group_vars" / "kafka" / "secrets.yml"
        self.ids = inventory / "group_vars" / "kafka" / "cluster.yml"

    def machine(self, name: str | None = None) -> Any:
        """Return a machine of the scenario: by default the first broker."""
        return testinfra.get_host(f"docker://{name or self.brokers[0]}")

    def cluster_id(self) -> str:
        """Return the id that new_cluster.yml has given it."""
        given: str = yaml.safe_load(self.ids.read_text())["kafka_cluster_id"]
        return given

    def started(self) -> dict[str, str]:
        """Return when the process of each broker was started."""
        asked = "systemctl show --property=ActiveEnterTimestampMonotonic kafka"
        return {
            broker: self.machine(broker).check_output(asked)
            for broker in self.brokers
        }

    def bootstrap(self) -> str:
        return ",".join(f"{broker}:9092" for broker in self.brokers)

    def tool(self, name: str, *words: str) -> str:
        """Run one of Kafka's own tools as the cluster's administrator."""
        said: str = self.machine().check_output(
            "env KAFKA_HEAP_OPTS=-Xmx128m LOG_DIR=/tmp/tools %s/%s.sh "
            "--bootstrap-server %s --command-config %s "
            + " ".join(map(shlex.quote, words)),
            BIN,
            name,
            self.bootstrap(),
            ADMIN,
        )
        return said

    def quorum(self) -> dict[str, str]:
        """Return what each node is to the controllers, by its id."""
        said = self.tool("kafka-metadata-quorum", "describe", "--replication")
        rows = [line.split() for line in said.splitlines() if line.strip()]
        return {row[0]: row[-1] for row in rows[1:]}

    def wait_until_well(self, seconds: int = 180) -> None:
        """Wait until every copy of every partition is up to date again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            voters = sorted(self.quorum().values())
            thin = self.tool(
                "kafka-topics", "--describe", "--under-replicated-partitions"
            )
            if voters == ["Follower", "Follower", "Leader"] and (
                not thin.strip()
            ):
                return
            time.sleep(1)
        raise AssertionError(f"{voters}\n{thin}")

    def settings(
        self,
        user: str | None,
        *,
        password: str | None = None,
        protocol: str = "SASL_SSL",
        ca: str = "/etc/kafka/tls/ca.pem",
    ) -> str:
        """Return a service's settings for the bus as a user of the cluster."""
        who = ""
        if user:
            word = self.passwords[user] if password is None else password
            who = f"{quote(user, safe='')}:{quote(word, safe='')}@"
        hosts = ",".join(f"{who}{broker}:9092" for broker in self.brokers)
        url = f"kafka-driver://{hosts}/"
        return (
            f"[DEFAULT]\ntransport_url = {url.replace('$', '$$')}\n"
            "[oslo_messaging_kafka]\n"
            f"security_protocol = {protocol}\n"
            "sasl_mechanism = SCRAM-SHA-512\n"
            f"ssl_cafile = {ca}\n"
        )

    def command(self, config: str, *words: str) -> Any:
        """Run kafka-driver with these settings."""
        one = self.machine()
        write = f"umask 077; printf %s {shlex.quote(config)} > {CONFIG}"
        one.check_output("sh -c %s", write)
        return one.run(
            "timeout 90 %s %s --config-file %s "
            + " ".join(map(shlex.quote, words[1:])),
            SERVICE,
            words[0],
            CONFIG,
        )

    def send(self, config: str, event: str) -> Any:
        return self.command(
            config, "send", "--event-type", event, "--timeout", "30"
        )

    def tail(self, config: str) -> Any:
        """Read all notifications that are there."""
        return self.command(
            config,
            "tail",
            *("--topic", "notifications", "--priority", "info", "--json"),
            *("--since", "beginning", "--no-follow", "--timeout", "60"),
        )

    def events(self) -> list[str]:
        """Return the event types of all notifications, as a listener."""
        seen = self.tail(self.settings("listener"))
        assert seen.rc == 0, seen.stderr
        return [
            json.loads(line)["message"]["event_type"]
            for line in seen.stdout.splitlines()
        ]
