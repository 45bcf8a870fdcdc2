# SPDX-License-Identifier: Apache-2.0
"""A commit in flight while something else happens to its partitions."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from listening import fetched

from kafka_driver import (
    before_dispatch,
    concurrency,
    flow,
    ownership,
)
from kafka_driver.before_dispatch import BeforeDispatch
from kafka_driver.consumer import Consumer, Plan
from kafka_driver.handover import Handover
from kafka_driver.in_flight import InFlight
from kafka_driver.intake import Intake
from kafka_driver.ownership import Commit

ZERO, ONE = ("t", 0), ("t", 1)


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
            InFlight(10, 1, concurrency.Signal()),
            Handover(),
            log,
            concurrency.Signal(),
        )
        self.flow = BeforeDispatch(self.parts, auto_commit=False)
        self.fetch()

    def fetch(self) -> None:
        self.parts.intake.add(fetched((0, 0), (1, 0), (0, 1)))
        self.flow.advance(self.client)

    def answer(self, number: int = 0, error: KafkaError | None = None) -> None:
        self.flow.on_commit(error, self.client.sent[number])

    def restart(self) -> None:
        """Have the group's commits first, as after an assignment."""
        self.flow.drop({ZERO, ONE})
        self.flow.begin({ZERO: Commit(0), ONE: Commit(0)})
        self.client.sent.clear()
        self.fetch()

    def committed(self, place: tuple[str, int]) -> Commit:
        """The last commit of a partition, as the brokers would have it."""
        (one,) = [
            one
            for one in self.client.sent[-1]
            if (one.topic, one.partition) == place
        ]
        return Commit(one.offset, one.metadata)

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
    assert setting.flow.unsettled() == {ZERO, ONE}
    assert "ILLEGAL_GENERATION" in text(setting, caplog)
    # The group may give the partitions back: everything comes again.
    setting.flow.begin({ZERO: Commit(), ONE: Commit()})
    assert setting.parts.in_flight.count() == 0
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


def test_lost_partitions_wait_until_the_group_has_taken_this_member_back(
    setting: Setting,
) -> None:
    setting.flow.lose({ZERO})
    setting.answer()

    assert setting.handed_on() == [[1, 0]]
    assert setting.parts.in_flight.count() == 3
    assert setting.flow.unsettled() == {ZERO}


def test_what_a_lost_commit_was_for_is_handed_on_when_it_was_done(
    setting: Setting,
) -> None:
    setting.restart()
    setting.flow.lose({ZERO, ONE})

    setting.flow.begin({ZERO: setting.committed(ZERO), ONE: Commit(0)})

    assert setting.handed_on() == [[0, 0], [0, 1]]
    assert setting.parts.in_flight.count() == 2
    assert setting.flow.unsettled() == set()


def test_what_a_lost_commit_was_for_is_handed_on_if_the_next_owner_began_there(
    setting: Setting,
) -> None:
    setting.restart()
    setting.flow.lose({ZERO, ONE})
    done = setting.committed(ZERO)
    setting.flow.begin(
        {
            ZERO: Commit(9, str(ownership.heir("next", done))),
            ONE: Commit(9, "next 0 -"),
        }
    )

    assert setting.handed_on() == [[0, 0], [0, 1]]
    assert setting.parts.in_flight.count() == 2


def test_what_became_of_a_lost_commit_is_told_when_it_cannot_be_known(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    setting.restart()
    setting.flow.lose({ZERO})
    setting.flow.begin({ZERO: Commit(20, "after-next 9 next")})

    assert setting.handed_on() == []
    assert setting.parts.in_flight.count() == 1
    told = text(setting, caplog)
    assert "the commit of 2 notifications was not answered" in told
    assert "topic t, partition 0, offset 0" in told


def test_a_commit_that_nobody_answered_is_told_at_a_stop(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    setting.answer(0, KafkaError(KafkaError._TIMED_OUT))
    setting.flow.lose({ZERO})
    setting.flow.on_stop()
    assert not setting.flow.settled()

    setting.flow.finish(setting.client)

    assert setting.flow.settled()
    assert setting.handed_on() == []
    assert "the commit of 3 notifications" in text(setting, caplog)


def test_a_commit_that_the_brokers_refused_is_given_back_at_a_stop(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    setting.answer(0, KafkaError(KafkaError.ILLEGAL_GENERATION))
    setting.flow.on_stop()
    setting.flow.finish(setting.client)

    assert setting.flow.settled()
    assert setting.parts.in_flight.count() == 0
    assert "was not answered" not in text(setting, caplog)


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


def test_brokers_that_take_no_metadata_get_commits_without(
    setting: Setting,
) -> None:
    setting.restart()
    assert all(one.metadata for one in setting.client.sent[0])

    setting.flow._back_off = 0.0
    setting.answer(0, KafkaError(KafkaError.OFFSET_METADATA_TOO_LARGE))
    setting.flow.advance(setting.client)
    assert not any(one.metadata for one in setting.client.sent[1])

    setting.answer(1)
    assert len(setting.handed_on()) == 3


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


def test_what_waits_for_its_commit_holds_no_bytes(setting: Setting) -> None:
    assert [one.record for one in setting.flow._batch] == [None] * 3
    setting.answer()
    assert len(setting.handed_on()) == 3


def test_closing_while_there_is_no_client_tells_what_nobody_knows(
    setting: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    # The client has failed, and the next one is not built yet.
    setting.flow.lose({ZERO, ONE})
    plan = Plan({}, ["t"], 10, False, mock.Mock())
    consumer = Consumer(plan, setting.parts, setting.flow, None)

    setting.parts.closing = True
    consumer._run()

    setting.parts.log.drain()
    assert "The listener was closed while the commit of 3 " in caplog.text
    assert setting.parts.in_flight.count() == 0
