# SPDX-License-Identifier: Apache-2.0
"""Records on their way, and where they wait for their topics."""

import collections

from confluent_kafka import KafkaError

from kafka_driver import concurrency


class Record:
    """A record on its way, and where its sender waits for it."""

    __slots__ = (
        "cancelled",
        "claim",
        "done",
        "error",
        "expires",
        "key",
        "left",
        "parked",
        "size",
        "topic",
        "unknown",
        "value",
    )

    def __init__(self, topic: str, value: bytes, key: bytes | None) -> None:
        self.topic = topic
        #: None while the client library has it.
        self.value: bytes | None = value
        self.size = len(value)
        self.key = key
        self.done: concurrency.Signal | None = None
        self.error: KafkaError | None = None
        self.parked = False
        #: Had by the client library, or by a sender that gave up before.
        self.claim = concurrency.Claim()
        self.cancelled = False
        #: When it fails while it waits for its topic; 0: never.
        self.expires = 0.0
        #: How often its topic was unknown to the client.
        self.unknown = 0
        #: Nobody waits for it: a failure has to be logged.
        self.left = False


class Parking:
    """Records that wait, in the order of sending.

    Changes need a lock around them; what it holds may be asked without.
    """

    def __init__(self) -> None:
        self._records: dict[str, collections.deque[Record]] = {}
        self.count = 0
        self.bytes = 0

    def topics(self) -> list[str]:
        return list(self._records)

    def add(self, record: Record) -> None:
        records = self._records.setdefault(record.topic, collections.deque())
        record.parked = True
        self.count += 1
        self.bytes += record.size
        records.append(record)

    def remove(self, record: Record) -> None:
        records = self._records[record.topic]
        if records[0] is record:
            records.popleft()
        else:
            records.remove(record)
        if not records:
            del self._records[record.topic]
        record.parked = False
        self.count -= 1
        self.bytes -= record.size

    def first(self, topic: str) -> Record | None:
        records = self._records.get(topic)
        return records[0] if records else None

    def remove_cancelled(self) -> None:
        """Those that their senders have given up."""
        for records in list(self._records.values()):
            for record in [one for one in records if one.cancelled]:
                self.remove(record)

    def remove_expired(self, now: float) -> list[Record]:
        """Those whose time is over, but for what a sender waits for."""
        over: list[Record] = []
        for topic in self.topics():
            while (record := self.first(topic)) is not None:
                if not record.left or now < record.expires:
                    break
                self.remove(record)
                over.append(record)
        return over

    def remove_all(self) -> list[Record]:
        found = [one for records in self._records.values() for one in records]
        self._records.clear()
        self.count = self.bytes = 0
        for record in found:
            record.parked = False
        return found
