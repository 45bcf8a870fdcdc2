# SPDX-License-Identifier: Apache-2.0
"""Senders and readers that keep account of each notification."""

import collections
import dataclasses
import itertools
import threading
import time
from pathlib import Path
from typing import Any

import oslo_messaging
import sending
from confluent_kafka import Consumer, TopicPartition
from oslo_config import cfg
from oslo_messaging import exceptions

from kafka_driver import envelope

#: What every transport here sets. A send returns when it is confirmed, not
#: before.
_LINES = (
    "kafka_driver_send_wait = 0",
    "kafka_driver_librdkafka = socket.timeout.ms = 4000",
    "kafka_driver_librdkafka = socket.connection.setup.timeout.ms = 4000",
)
#: What may be in flight in a listener: the option's default.
IN_FLIGHT = 64
#: Seconds of a group's session: longer than any outage here (and less than
#: max.poll.interval.ms, or the client library refuses it), and one that
#: lets a member that was killed be gone soon.
LONG, SHORT = 240, 4


@dataclasses.dataclass(frozen=True)
class Account:
    """What became of the notifications of a fault."""

    fault: str
    reader: str
    confirmed: int
    received: int
    lost: int
    duplicated: int
    failed: int = 0
    gap: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.fault:<44} {self.reader:<16} confirmed {self.confirmed:6} "
            f"received {self.received:6} lost {self.lost:3} duplicated "
            f"{self.duplicated:3} refused {self.failed:4} "
            f"gap {self.gap:5.1f} s"
        )


def account(
    fault: str, reader: str, load: "Load", received: list[int]
) -> Account:
    """Compare. What was not confirmed may have arrived all the same."""
    counted = collections.Counter(received)
    return Account(
        fault,
        reader,
        len(load.confirmed),
        len(counted),
        len(set(load.confirmed) - counted.keys()),
        sum(counted.values()) - len(counted),
        load.failed,
        load.gap,
    )


def transport(
    directory: Path, url: str, session: int = LONG, **options: Any
) -> Any:
    """A transport as a service gets it, from a file of its own.

    :param session: seconds after which a group forgets a silent member
    """
    path = directory / f"{sending.new_topic()}.conf"
    lines = [f"{name} = {value}" for name, value in options.items()]
    if "consumer_group" in options:
        lines += [
            f"kafka_driver_librdkafka = session.timeout.ms = {session}000",
            "kafka_driver_librdkafka = heartbeat.interval.ms = 500",
        ]
    path.write_text(
        "[oslo_messaging_kafka]\n" + "\n".join([*_LINES, *lines]) + "\n"
    )
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    return oslo_messaging.get_notification_transport(conf, url)


class Load:
    """Threads that send numbers, and remember which were confirmed.

    :param retry: as [oslo_messaging_notifications] has it
    :param pause: seconds that each of them waits between two
    """

    def __init__(
        self,
        sender: Any,
        topic: str,
        threads: int = 4,
        retry: int = -1,
        pause: float = 0.01,
    ) -> None:
        self.confirmed: list[int] = []
        self.failed = 0
        self.gap = 0.0
        self._sender = sender
        self._topic = topic
        self._retry = retry
        self._pause = pause
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._last = time.monotonic()
        self._threads = [
            threading.Thread(target=self._run, daemon=True)
            for _ in range(threads)
        ]
        for one in self._threads:
            one.start()

    def wait_for(self, more: int, timeout: float = 300) -> None:
        """Wait until this many more are confirmed."""
        wanted = len(self.confirmed) + more
        deadline = time.monotonic() + timeout
        while len(self.confirmed) < wanted:
            assert time.monotonic() < deadline, (
                f"{wanted - len(self.confirmed)} of {more} not confirmed"
            )
            time.sleep(0.05)

    def stop(self) -> None:
        self._stop.set()
        for one in self._threads:
            one.join(60)
            assert not one.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            try:
                self._sender._driver.send_notification(
                    oslo_messaging.Target(topic=self._topic),
                    {},
                    {"payload": number, "priority": "INFO"},
                    2.0,
                    self._retry,
                )
            except exceptions.MessageDeliveryFailure:
                self.failed += 1
                time.sleep(0.2)
                continue
            self.confirmed.append(number)
            now = time.monotonic()
            self.gap = max(self.gap, now - self._last)
            self._last = now
            time.sleep(self._pause)


class Counted(Load):
    """What a process says that it sent."""

    def __init__(self, numbers: list[int]) -> None:
        self.confirmed = numbers
        self.failed = 0
        self.gap = 0.0


def in_topic(bootstrap: str, topic: str) -> list[int]:
    """Every number that is in the topic."""
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "accounts",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    found = reader.list_topics(topic, 20).topics[topic]
    open_ones = set(found.partitions)
    reader.assign([TopicPartition(topic, number, 0) for number in open_ones])
    numbers = []
    deadline = time.monotonic() + 60
    while open_ones:
        assert time.monotonic() < deadline, "the topic cannot be read"
        for record in reader.consume(1000, 0.5):
            if record.error() is None:
                message = envelope.decode(record.value())[1]
                numbers.append(message["payload"])
            else:
                open_ones.discard(record.partition())
    reader.close()
    return numbers
