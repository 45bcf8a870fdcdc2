# SPDX-License-Identifier: Apache-2.0
"""What the tests of sending share."""

import time
import uuid
from typing import Any

import oslo_messaging
from confluent_kafka import Consumer, TopicPartition
from oslo_config import cfg

from kafka_driver import envelope


def new_topic() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


def empty_conf() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    return conf


def transport(url: str, **options: Any) -> Any:
    query = "&".join(f"{key}={value}" for key, value in options.items())
    return oslo_messaging.get_notification_transport(
        empty_conf(), f"{url}?{query}" if query else url
    )


def notifier(sender: Any, topic: str) -> oslo_messaging.Notifier:
    return oslo_messaging.Notifier(
        sender, "tests", driver="messagingv2", topics=[topic]
    )


def read(
    client: dict[str, Any], topic: str, count: int, timeout: float = 20
) -> list[Any]:
    """The records of a topic from its start: `count`, or what there is."""
    consumer = Consumer(
        {**client, "group.id": "tests", "enable.auto.commit": False}
    )
    found = consumer.list_topics(topic, 10).topics[topic]
    consumer.assign(
        [TopicPartition(topic, number, 0) for number in found.partitions]
    )
    records: list[Any] = []
    deadline = time.monotonic() + timeout
    while len(records) < count and time.monotonic() < deadline:
        batch = consumer.consume(count - len(records) + 10, 0.5)
        records += [one for one in batch if one.error() is None]
    consumer.close()
    return records


def payloads(records: list[Any]) -> list[Any]:
    return [
        envelope.decode(record.value())[1]["payload"] for record in records
    ]
