# SPDX-License-Identifier: Apache-2.0
"""What the tests of listeners on mock brokers share."""

import itertools
import os
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from mock_cluster import MockCluster

from kafka_driver import envelope
from kafka_driver.intake import Fetched

TOPIC = "notifications.info"

_groups = itertools.count()


def record(number: int) -> bytes:
    return envelope.encode(
        {}, {"payload": number, "priority": "INFO", "publisher_id": "p"}
    )


class Record:
    """One of the topic t, as the client library hands it on."""

    def __init__(self, partition: int, offset: int) -> None:
        self._where = partition, offset

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return self._where[0]

    def offset(self) -> int:
        return self._where[1]

    def value(self) -> bytes:
        return envelope.encode({}, {"payload": self._where})


def fetched(*places: tuple[int, int]) -> list[Fetched]:
    """Records of these partitions and offsets."""
    return [Fetched(Record(*place)) for place in places]


def put(cluster: MockCluster, *values: bytes | None, **where: Any) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    topic = where.pop("topic", TOPIC)
    for value in values:
        producer.produce(topic, value, **where)
    assert producer.flush(10) == 0


def group() -> str:
    """A group that nobody else has: joining is immediate then."""
    return f"group{os.getpid()}-{next(_groups)}"


def committed(cluster: MockCluster, name: str) -> int:
    client = Consumer(
        {"bootstrap.servers": cluster.bootstrap, "group.id": name}
    )
    found = client.committed([TopicPartition(TOPIC, 0)], timeout=5)[0].offset
    client.close()
    return int(found)


def receive(
    listener: Any, number: int, timeout: float = 30, finish: bool = True
) -> list[Any]:
    """`number` notifications, or what came in time."""
    found: list[Any] = []
    deadline = time.monotonic() + timeout
    while len(found) < number and time.monotonic() < deadline:
        for one in listener.poll(timeout=0.2):
            found.append(one)
            if finish:
                one.acknowledge()
    return found


def payloads(found: list[Any]) -> list[int]:
    return [one.message["payload"] for one in found]


def wait_until(condition: Callable[[], bool], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
