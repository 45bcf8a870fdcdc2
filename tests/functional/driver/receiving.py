# SPDX-License-Identifier: Apache-2.0
"""What the tests of receiving share."""

import threading
import time
from collections.abc import Callable
from typing import Any

import oslo_messaging
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from kafka_driver import envelope


def create(bootstrap: str, topic: str, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)


def record(number: int) -> bytes:
    return envelope.encode(
        {}, {"payload": number, "priority": "INFO", "publisher_id": "p"}
    )


def put(bootstrap: str, topic: str, numbers: Any, partition: int = -1) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for number in numbers:
        producer.produce(topic, record(number), partition=partition)
    assert producer.flush(30) == 0


def begin(bootstrap: str, group: str, topic: str, partitions: int) -> None:
    """Give a group without members its place: the start of each partition."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    client.commit(
        offsets=[TopicPartition(topic, n, 0) for n in range(partitions)],
        asynchronous=False,
    )
    client.close()


def committed(bootstrap: str, group: str, topic: str, number: int = 0) -> int:
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    found = client.committed([TopicPartition(topic, number)], timeout=10)
    client.close()
    return int(found[0].offset)


def listen(
    transport: Any, topic: str, pool: str | None = None, **how: Any
) -> Any:
    """A listener to poll; it reads TOPIC.info."""
    transport._driver.listen_for_notifications(
        [(oslo_messaging.Target(topic=topic), "info")],
        pool,
        how.get("batch_size", 1),
        None,
    )
    return transport._driver.listeners[-1]


class Reading:
    """A thread that polls a listener and finishes what it gets.

    :param work: seconds that each notification takes
    """

    def __init__(self, listener: Any, work: float = 0.0) -> None:
        self.listener = listener
        self.payloads: list[int] = []
        self._work = work
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop as a server does: drain, then clean up."""
        self.listener.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.listener.cleanup()

    def _run(self) -> None:
        stopping = False
        while True:
            stopping = stopping or self.listener._stop_called.is_set()
            found = self.listener.poll(timeout=0.2)
            for one in found:
                time.sleep(self._work)
                self.payloads.append(one.message["payload"])
                one.acknowledge()
            if stopping and not found:
                return


def wait_until(condition: Callable[[], bool], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
