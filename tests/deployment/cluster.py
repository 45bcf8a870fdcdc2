# SPDX-License-Identifier: Apache-2.0
"""A cluster of three nodes with certificates, passwords, access rules."""

import json
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
import testinfra
import yaml

from .machine import CHECKOUT, mode_of
from .plays import play

INVENTORY = CHECKOUT / "molecule" / "cluster" / "inventory"
NODES = ("cluster1", "cluster2", "cluster3")
BIN = "/opt/kafka/current/bin"
ADMIN = "/etc/kafka/admin.properties"
SERVICE = "/opt/kafka-bus/venv/bin/kafka-driver"
CONFIG = "/root/cluster-test.conf"
EVERYWHERE = ",".join(f"{node}:9092" for node in NODES)

OTHER = "another-password"
VARIABLES = yaml.safe_load((INVENTORY / "hosts.yml").read_text())["kafka"][
    "vars"
]
PASSWORDS = {
    user["name"]: user["password"] for user in VARIABLES["kafka_users"]
}


@pytest.fixture(scope="module")
def one() -> Any:
    """Return a node, for what is asked once of the whole cluster."""
    return testinfra.get_host(f"docker://{NODES[0]}")


def tool(one: Any, name: str, *words: str) -> str:
    """Run one of Kafka's own tools as the cluster's administrator."""
    said: str = one.check_output(
        "env KAFKA_HEAP_OPTS=-Xmx128m LOG_DIR=/tmp/tools %s/%s.sh "
        "--bootstrap-server %s --command-config %s "
        + " ".join(map(shlex.quote, words)),
        BIN,
        name,
        EVERYWHERE,
        ADMIN,
    )
    return said


def settings(
    user: str | None,
    *,
    password: str | None = None,
    protocol: str = "SASL_SSL",
    ca: str = "/etc/kafka/tls/ca.pem",
) -> str:
    """Return a service's settings for the bus as a user of the cluster."""
    who = ""
    if user:
        word = PASSWORDS[user] if password is None else password
        who = f"{quote(user, safe='')}:{quote(word, safe='')}@"
    url = "kafka-driver://" + ",".join(f"{who}{n}:9092" for n in NODES) + "/"
    return (
        f"[DEFAULT]\ntransport_url = {url.replace('$', '$$')}\n"
        "[oslo_messaging_kafka]\n"
        f"security_protocol = {protocol}\n"
        "sasl_mechanism = SCRAM-SHA-512\n"
        f"ssl_cafile = {ca}\n"
    )


def command(one: Any, config: str, *words: str) -> Any:
    """Run kafka-driver with these settings."""
    write = f"umask 077; printf %s {shlex.quote(config)} > {CONFIG}"
    one.check_output("sh -c %s", write)
    return one.run(
        "timeout 90 %s %s --config-file %s "
        + " ".join(map(shlex.quote, words[1:])),
        SERVICE,
        words[0],
        CONFIG,
    )


def send(one: Any, config: str, event: str) -> Any:
    return command(
        one, config, "send", "--event-type", event, "--timeout", "30"
    )


def tail(one: Any, config: str, timeout: int = 20) -> Any:
    return command(
        one,
        config,
        "tail",
        *("--topic", "notifications", "--priority", "info", "--json"),
        *("--since", "beginning", "--timeout", str(timeout)),
    )


# -- what runs ----


def test_every_node_runs_and_starts_at_boot(host: Any) -> None:
    service = host.service("kafka")
    assert service.is_enabled
    assert service.is_running


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/etc/kafka/secrets.properties", ("root", "kafka", 0o640)),
        ("/etc/kafka/server.properties", ("root", "kafka", 0o640)),
        ("/etc/kafka/admin.properties", ("root", "kafka", 0o600)),
        ("/etc/kafka/tls/node.pem", ("root", "kafka", 0o640)),
        ("/opt/kafka/admin-venv/client.json", ("root", "root", 0o600)),
    ],
)
def test_secrets_are_not_for_everybody(
    host: Any, path: str, mode: tuple[str, str, int]
) -> None:
    assert mode_of(host, path) == mode


def test_no_other_file_and_no_process_holds_a_password(host: Any) -> None:
    generated = yaml.safe_load(
        (INVENTORY / "group_vars" / "kafka" / "secrets.yml").read_text()
    )
    for word in [*generated.values(), "listener-password"]:
        found = host.run(
            "find /etc /opt /var /home /root /tmp -xdev -type f -perm -o=r "
            "-size -10M -exec grep -lF -e %s {} +",
            word,
        )
        assert found.stdout == ""
        running = host.run("sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null'")
        # The search itself is over by now.
        assert word not in running.stdout


def test_the_unit_keeps_kafka_in_a_sandbox(host: Any) -> None:
    said = host.check_output("systemd-analyze security kafka --no-pager")
    last = said.strip().splitlines()[-1]
    print(last)
    score = float(last.split(":")[1].split()[0])
    assert score <= 2.0


def test_three_controllers_have_a_leader(one: Any) -> None:
    said = tool(one, "kafka-metadata-quorum", "describe", "--replication")
    states = [line.split()[-1] for line in said.splitlines()[1:] if line]
    assert sorted(states) == ["Follower", "Follower", "Leader"]


def test_topics_have_the_copies_of_a_cluster(one: Any) -> None:
    said = tool(one, "kafka-topics", "--describe")
    heads = {
        line.split("\t")[0].removeprefix("Topic: "): line
        for line in said.splitlines()
        if "PartitionCount" in line
    }
    for topic in VARIABLES["kafka_topics"]:
        head = heads[topic["name"]]
        assert "ReplicationFactor: 3" in head
        assert f"PartitionCount: {topic.get('partitions', 1)}" in head
        assert "min.insync.replicas=2" in head
    assert "retention.ms=86400000" in heads["notifications.info"]


# -- who may do what ----


def test_a_notification_crosses_the_cluster(one: Any) -> None:
    sent = send(one, settings("notifier"), "cluster.crosses")
    assert sent.rc == 0, sent.stderr
    seen = tail(one, settings("listener"))
    assert seen.rc == 0, seen.stderr
    events = [json.loads(line) for line in seen.stdout.splitlines()]
    assert "cluster.crosses" in json.dumps(events)


def test_a_notifier_cannot_read(one: Any) -> None:
    assert send(one, settings("notifier"), "cluster.secret").rc == 0
    seen = tail(one, settings("notifier"), 5)
    assert "cluster.secret" not in seen.stdout


@pytest.mark.parametrize("user", ["listener", "nobody"])
def test_who_is_no_notifier_cannot_write(one: Any, user: str) -> None:
    assert send(one, settings(user), f"cluster.{user}").rc != 0
    seen = tail(one, settings("listener"))
    assert f"cluster.{user}" not in seen.stdout


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(
            settings("notifier", password=OTHER), id="wrong password"
        ),
        pytest.param(settings(None, protocol="SSL"), id="no password"),
        pytest.param(
            settings("notifier", protocol="SASL_PLAINTEXT"), id="no TLS"
        ),
        pytest.param(
            settings("notifier", ca="/etc/ssl/certs/ca-certificates.crt"),
            id="certificate of an authority that is not trusted",
        ),
    ],
)
def test_is_refused(one: Any, config: str) -> None:
    refused = command(one, config, "send", "--timeout", "10")
    assert refused.rc not in (0, 124), refused.stdout
    said = refused.stdout + refused.stderr
    assert "Traceback" not in said
    assert PASSWORDS["notifier"] not in said


def test_a_controller_wants_a_certificate(one: Any) -> None:
    said = one.run(
        "sh -c %s",
        "openssl s_client -connect cluster2:9093 -CAfile "
        "/etc/kafka/tls/ca.pem -verify_return_error </dev/null 2>&1; "
        "printf x | timeout 10 openssl s_client -quiet -connect "
        "cluster2:9093 -CAfile /etc/kafka/tls/ca.pem 2>&1",
    ).stdout
    assert "certificate required" in said or "bad certificate" in said


# -- restarts ----


def listens(address: str) -> bool:
    try:
        with socket.create_connection((address, 9092), timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def watched() -> Iterator[dict[int, int]]:
    """Count, again and again, how many nodes are down at a time."""
    addresses = [
        testinfra.get_host(f"docker://{node}")
        .check_output("hostname -I")
        .split()[0]
        for node in NODES
    ]
    seen: dict[int, int] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            down = sum(not listens(address) for address in addresses)
            seen[down] = seen.get(down, 0) + 1

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def started(node: str) -> str:
    moment: str = testinfra.get_host(f"docker://{node}").check_output(
        "systemctl show --property=ActiveEnterTimestampMonotonic kafka"
    )
    return moment


def test_a_changed_setting_takes_one_node_down_at_a_time(one: Any) -> None:
    """The play has no "serial": the role itself holds the others back."""
    before = [started(node) for node in NODES]
    changed = {"kafka_properties": {"log.cleaner.backoff.ms": 15001}}
    with watched() as seen:
        run = play(
            CHECKOUT / "molecule" / "cluster" / "converge.yml",
            *("--tags", "kafka_configure,kafka_service"),
            *("--forks", "8", "--extra-vars", json.dumps(changed)),
        )
    print("nodes down: times seen", seen)
    assert run.code == 0
    assert all(started(node) not in before for node in NODES)
    assert set(seen) == {0, 1}


def test_no_node_is_restarted_while_another_is_down(one: Any) -> None:
    down = testinfra.get_host(f"docker://{NODES[2]}")
    before = started(NODES[0])
    down.check_output("systemctl stop kafka")
    try:
        run = play(
            CHECKOUT / "playbooks" / "rolling_restart.yml",
            *("--limit", NODES[0]),
            *("--extra-vars", "kafka_ready_timeout=5"),
        )
    finally:
        down.check_output("systemctl start kafka")
    assert run.code != 0
    assert "Node 1 is not restarted" in run.output
    assert "Node 3 does not answer" in run.output
    assert started(NODES[0]) == before
