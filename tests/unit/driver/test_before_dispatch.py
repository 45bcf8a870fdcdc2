# SPDX-License-Identifier: Apache-2.0
"""A commit in flight while something else happens to its partitions."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kafka_driver import before_dispatch, concurrency, envelope, flow
from kafka_driver.before_dispatch import BeforeDispatch
from kafka_driver.handover import Handover
from kafka_driver.in_flight import InFlight
from kafka_driver.intake import Intake

ZERO, ONE = ("t", 0), ("t", 1)


class Record:
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


class Client:
    """Remembers the commits; answers one that waits with `refusal`."""

    def __init__(self) -> None:
        self.sent: list[list[TopicPartition]] = []
        self.refusal: KafkaError | None = None

    def commit(
        self, offsets: list[TopicPartition], asynchronous: bool
    ) -> list[TopicPartition]:
        if asynchronous:
            self.sent.append(offsets)
        elif self.refusal is not None:
            raise KafkaException(self.refusal)
        return offsets


class Setting:
    """A flow with two records of each of two partitions on their way."""

    def __init__(self, log: concurrency.LogQueue) -> None:
        self.client = Client()
        self.parts = flow.Parts(
            Intake(None, log),
            InFlight(10, concurrency.Signal()),
            Handover(),
            log,
            concurrency.Signal(),
        )
        self.flow = BeforeDispatch(self.parts, auto_commit=False)
        self.fetch()

    def fetch(self) -> None:
        self.parts.intake.add([Record(0, 0), Record(1, 0), Record(0, 1)])
        self.flow.advance(self.client)

    def answer(self, number: int = 0, error: KafkaError | None = None) -> None:
        self.flow.on_commit(error, self.client.sent[number])

    def handed_on(self) -> list[tuple[int, int]]:
        found = self.parts.handover.get(100, 0.0, 0.0)
        return [one.message["payload"] for one in found]


@pytest.fixture
def setting(caplog: pytest.LogCaptureFixture) -> Iterator[Setting]:
    log = concurrency.LogQueue("test-log")
    yield Setting(log)
    log.close()


def text(setting: Setting, caplog: pytest.LogCaptureFixture) -> str:
    setting.parts.log.drain()
    return caplog.text


def test_a_rebalance_meanwhile_hands_on_what_the_brokers_have(
    setting: Setting,
) -> None:
    setting.flow.revoke(setting.client, {ZERO, ONE})
    assert sorted(setting.handed_on()) == [[0, 0], [0, 1], [1, 0]]

    setting.answer()  # it was late

    assert setting.handed_on() == []
    assert setting.parts.in_flight.count() == 3


def test_a_rebalance_whose_commit_is_refused_hands_nothing_on(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    setting.client.refusal = KafkaError(KafkaError.ILLEGAL_GENERATION)
    setting.flow.revoke(setting.client, {ZERO, ONE})

    assert setting.handed_on() == []
    assert setting.parts.in_flight.count() == 0
    assert "ILLEGAL_GENERATION" in text(setting, caplog)
    # The group may give the partitions back: everything comes again.
    setting.fetch()
    setting.answer(1)
    assert sorted(setting.handed_on()) == [[0, 0], [0, 1], [1, 0]]


def test_partitions_that_stay_wait_for_their_own_answer(
    setting: Setting,
) -> None:
    setting.flow.revoke(setting.client, {ZERO})
    assert sorted(setting.handed_on()) == [[0, 0], [0, 1]]

    setting.answer()

    assert setting.handed_on() == [[1, 0]]


def test_lost_partitions_are_not_handed_on_and_that_is_told(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    setting.flow.lose({ZERO})
    setting.answer()

    assert setting.handed_on() == [[1, 0]]
    assert setting.parts.in_flight.count() == 1
    told = text(setting, caplog)
    assert "the commit of 2 notifications was not answered" in told
    assert "topic t, partition 0, offset 0" in told


def test_an_answer_that_does_not_come_ends_a_stop(
    setting: Setting,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(before_dispatch, "LAST_ANSWER", 0.0)
    setting.flow.on_stop()
    setting.flow.advance(setting.client)

    assert setting.flow.settled()
    assert setting.handed_on() == []
    told = text(setting, caplog)
    assert "The listener was stopped while the commit of 3" in told


def test_a_refused_commit_is_sent_again_and_its_records_wait(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(before_dispatch.time, "monotonic", lambda: now)
    waits = []
    for number in range(8):
        setting.answer(number, KafkaError(KafkaError.NOT_COORDINATOR))
        assert setting.handed_on() == []
        started = now
        while len(setting.client.sent) == number + 1:
            now += 0.25
            setting.flow.advance(setting.client)
        waits.append(now - started)
    assert waits == [0.5, 1, 2, 4, 8, 15, 15, 15]

    setting.answer(8)
    assert len(setting.handed_on()) == 3


def test_a_partition_whose_commit_is_refused_waits_alone(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    class Refused:
        topic, partition, offset = "t", 1, 1
        error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)

    accepted = [one for one in setting.client.sent[0] if one.partition == 0]
    partitions: list[Any] = [*accepted, Refused]
    setting.flow.on_commit(None, partitions)

    assert setting.handed_on() == [[0, 0], [0, 1]]
    assert "TOPIC_AUTHORIZATION_FAILED" in text(setting, caplog)
    assert setting.flow.awaiting_since() is not None
