# SPDX-License-Identifier: Apache-2.0
"""A Kafka broker that the kafka role has set up, under systemd."""

from typing import Any

import pytest

from .machine import (
    ADMIN_PYTHON,
    default_of,
    listening,
    mode_of,
    run_python,
)

UNIT = "kafka"
BOOTSTRAP = "127.0.0.1:9092"
# 128 and SIGTERM: how a JVM ends that was asked to.
CLEAN_EXIT = "143"

# Sends one value to a topic and reads the whole topic back.
SEND_AND_READ = """
import json, sys
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
bootstrap, topic, value, config = sys.argv[1:]
client = {"bootstrap.servers": bootstrap}
admin = AdminClient(client)
if topic not in admin.list_topics(timeout=30).topics:
    new = NewTopic(topic, 1, 1, config=json.loads(config))
    admin.create_topics([new])[topic].result(30)
producer = Producer(client)
errors = []
producer.produce(
    topic, value, on_delivery=lambda error, _: error and errors.append(error)
)
assert producer.flush(30) == 0 and not errors, errors
consumer = Consumer(
    {**client, "group.id": "test", "enable.auto.commit": False,
     "enable.partition.eof": True, "check.crcs": True}
)
consumer.assign([TopicPartition(topic, 0, 0)])
values = []
while True:
    record = consumer.poll(30)
    assert record is not None, "nothing came within 30 s"
    if record.error():
        break
    values.append(record.value().decode())
consumer.close()
print(json.dumps(values))
"""


def send_and_read(
    host: Any, topic: str, value: str, config: str = "{}"
) -> list[str]:
    """Send a value to a topic of the broker; return all its values."""
    found: list[str] = run_python(
        host, ADMIN_PYTHON, SEND_AND_READ, BOOTSTRAP, topic, value, config
    )
    return found


def test_kafka_runs_and_starts_at_boot(host: Any) -> None:
    service = host.service(UNIT)
    assert service.is_enabled
    assert service.is_running, host.check_output(
        "journalctl --no-pager --lines=50 --unit=%s", UNIT
    )


def test_kafka_runs_as_its_own_account(host: Any) -> None:
    number = host.check_output(
        "systemctl show --property=MainPID --value %s", UNIT
    )
    owner = host.check_output("ps --no-headers --format user --pid %s", number)
    assert owner == default_of("kafka", "kafka_user")


@pytest.mark.parametrize("port", [9092, 9093])
def test_kafka_listens_on_loopback_only(host: Any, port: int) -> None:
    addresses = {
        address.removeprefix("[::ffff:").removesuffix("]")
        for address in listening(host, port)
    }
    assert addresses == {"127.0.0.1"}


def test_the_version_that_runs_is_the_one_asked_for(host: Any) -> None:
    said = host.check_output(
        "grep --only-matching --no-filename 'Kafka version: [0-9.]*' "
        "/var/log/kafka/server.log | tail --lines=1"
    )
    assert said == f"Kafka version: {default_of('kafka', 'kafka_version')}"


def test_kafka_cannot_change_its_programs_and_settings(host: Any) -> None:
    for path in ("/opt/kafka", "/opt/kafka/current/libs", "/etc/kafka"):
        owner, _, mode = mode_of(host, path)
        assert owner == "root", path
        assert not mode & 0o022, path


@pytest.mark.parametrize(
    "name", ["server.properties", "kafka.env", "log4j2.yaml"]
)
def test_settings_of_kafka_are_not_for_everybody(host: Any, name: str) -> None:
    assert mode_of(host, f"/etc/kafka/{name}") == ("root", "kafka", 0o640)


@pytest.mark.parametrize("path", ["data", "tmp"])
def test_data_of_kafka_is_its_own(host: Any, path: str) -> None:
    found = mode_of(host, f"/var/lib/kafka/{path}")
    assert found == ("kafka", "kafka", 0o750)


def test_the_unit_keeps_kafka_in_a_sandbox(host: Any) -> None:
    shown = host.check_output("systemctl show --all %s", UNIT).splitlines()
    for setting in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
    ):
        assert setting in shown


def test_the_topics_of_notifications_are_there(host: Any) -> None:
    listed = host.check_output(
        "/opt/kafka/current/bin/kafka-topics.sh --list --bootstrap-server %s",
        BOOTSTRAP,
    )
    wanted = {topic["name"] for topic in default_of("kafka", "kafka_topics")}
    assert wanted <= set(listed.splitlines())


def test_nothing_can_be_executed_in_tmp(host: Any) -> None:
    """The codecs below prove nothing without it."""
    assert "noexec" in host.check_output("findmnt --noheadings /tmp")


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
def test_the_broker_compresses_with(host: Any, codec: str) -> None:
    # Sent uncompressed: the broker has to load its own native code.
    config = f'{{"compression.type": "{codec}"}}'
    text = "notification " * 200
    assert text in send_and_read(host, f"test-{codec}", text, config)
    dumped = host.check_output(
        "/opt/kafka/current/bin/kafka-dump-log.sh --files "
        "/var/lib/kafka/data/test-%s-0/00000000000000000000.log",
        codec,
    )
    assert f"compresscodec: {codec}" in dumped


def test_a_restart_keeps_the_data(host: Any) -> None:
    before = send_and_read(host, "test-restart", "before")
    host.check_output("systemctl restart %s", UNIT)
    after = send_and_read(host, "test-restart", "after")
    assert after == [*before, "after"]


def test_kafka_ends_cleanly_when_asked_to(host: Any) -> None:
    host.check_output("systemctl stop %s", UNIT)
    try:
        shown = host.check_output("systemctl show --all %s", UNIT).splitlines()
        assert f"ExecMainStatus={CLEAN_EXIT}" in shown
        assert "Result=success" in shown
        assert host.file("/var/lib/kafka/data/.kafka_cleanshutdown").exists
    finally:
        host.check_output("systemctl start %s", UNIT)
    assert send_and_read(host, "test-restart", "again")[-1] == "again"
