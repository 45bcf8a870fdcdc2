# SPDX-License-Identifier: Apache-2.0
"""Where a group begins, and what it says about records that are gone."""

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kafka_driver import assignment, concurrency, flow, placement
from kafka_driver.consumer import Consumer, Plan
from kafka_driver.handover import Handover
from kafka_driver.in_flight import InFlight
from kafka_driver.intake import Fetched, Intake

NONE = -1001


class Client:
    """Brokers with three partitions of topic t.

    :param committed: offsets of the group
    :param refusals: how many calls fail first
    """

    def __init__(
        self, committed: dict[int, int] | None = None, refusals: int = 0
    ) -> None:
        self._committed = committed or {}
        self._refusals = refusals
        self.commits: list[dict[int, int]] = []
        self.assigned: dict[int, int] = {}
        self.low = 0
        #: How often it was asked where a partition begins.
        self.asked = 0

    def list_topics(self, *_how: Any, **_more: Any) -> None:
        pytest.fail("in a callback this call ends the process")

    def partitions(self, _topic: str, timeout: float) -> list[int]:
        """What the client that makes topics answers."""
        assert timeout > 0
        if self._refusals:
            self._refusals -= 1
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
        return [0, 1, 2]

    def committed(
        self, places: list[TopicPartition], timeout: float
    ) -> list[TopicPartition]:
        return [
            TopicPartition(
                one.topic,
                one.partition,
                self._committed.get(one.partition, NONE),
            )
            for one in places
        ]

    def offsets_for_times(
        self, places: list[TopicPartition], timeout: float
    ) -> list[TopicPartition]:
        return [
            TopicPartition(one.topic, one.partition, 100 + one.partition)
            for one in places
        ]

    def commit(self, offsets: list[TopicPartition], **_how: Any) -> None:
        self.commits.append({one.partition: one.offset for one in offsets})

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = {one.partition: one.offset for one in places}

    def get_watermark_offsets(
        self, _place: TopicPartition, **_how: Any
    ) -> tuple[int, int]:
        self.asked += 1
        return self.low, 1000


class Record:
    def __init__(self, offset: int, error: KafkaError | None = None) -> None:
        self._offset, self._error = offset, error

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError | None:
        return self._error


class Flow:
    """Remembers what it has to drop."""

    def __init__(self) -> None:
        self.lost: list[Any] = []
        self.dropped: list[Any] = []

    def lose(self, places: Any) -> None:
        self.lost.append(places)

    def drop(self, places: Any) -> None:
        self.dropped.append(places)

    def unsettled(self) -> set[Any]:
        return set()

    def begin(self, found: Any) -> None:
        """Nothing was held."""

    def awaiting_since(self) -> None:
        return None


class Setting:
    def __init__(self, log: concurrency.LogQueue, from_end: bool) -> None:
        self.parts = flow.Parts(
            Intake(None, log),
            InFlight(10, 1, concurrency.Signal()),
            Handover(),
            log,
            concurrency.Signal(),
        )
        self.flow = Flow()
        plan = Plan({}, ["t"], 10, from_end, lambda: None)  # type: ignore[arg-type,return-value]
        self.consumer = Consumer(plan, self.parts, self.flow, None)  # type: ignore[arg-type]

    def assign(self, client: Client, *partitions: int) -> None:
        self.consumer._client = client
        self.consumer._assignment.maker = client
        self.consumer._guard(self.consumer._assignment.on_assign)(
            client, [TopicPartition("t", number) for number in partitions]
        )


@pytest.fixture
def log() -> Iterator[concurrency.LogQueue]:
    queue = concurrency.LogQueue("test-log")
    yield queue
    queue.close()


def test_a_new_group_commits_the_ends_of_all_partitions(
    log: concurrency.LogQueue,
) -> None:
    client = Client(refusals=2)
    Setting(log, from_end=True).assign(client, 0, 1)

    # The third one too: another member may read it only later.
    assert client.commits == [{0: 100, 1: 101, 2: 102}]
    assert client.assigned == {0: 100, 1: 101}


def test_a_group_that_was_there_goes_on_and_reads_new_partitions_whole(
    log: concurrency.LogQueue,
) -> None:
    client = Client(committed={0: 7})
    Setting(log, from_end=True).assign(client, 0, 1)

    assert client.commits == []
    assert client.assigned == {0: NONE, 1: NONE}


def test_a_topic_that_comes_later_is_read_from_its_beginning(
    log: concurrency.LogQueue,
) -> None:
    setting = Setting(log, from_end=True)
    setting.assign(Client(committed={0: 7}), 0)
    later = Client()
    setting.assign(later, 1)

    assert later.commits == []


def test_a_group_begins_nowhere_when_brokers_do_not_say_where(
    log: concurrency.LogQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assignment, "_PLACEMENT_WAIT", 0.0)
    setting = Setting(log, from_end=True)
    setting.assign(Client(refusals=99), 0)

    # The client is given up before a record of it is taken.
    assert setting.consumer._fatal is not None
    assert setting.consumer._fatal.code() == KafkaError._TIMED_OUT

    later = Client()
    setting.assign(later, 0)
    assert later.assigned == {0: 100}


def test_nothing_is_asked_about_no_partition() -> None:
    assert placement.committed(None, set(), 1.0) == {}
    assert placement.ends(None, set(), 1.0) == {}


def test_deleted_records_are_counted_and_the_rest_is_read(
    log: concurrency.LogQueue, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(log, from_end=False)
    client = Client(committed={0: 3})
    client.low = 8
    setting.assign(client, 0)

    setting.consumer._take_in([Record(8), Record(9)])

    log.drain()
    assert "5 records were deleted by the brokers" in caplog.text
    assert len(setting.parts.intake) == 2


def test_a_gap_of_a_compacted_topic_is_no_loss(
    log: concurrency.LogQueue, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(log, from_end=False)
    setting.assign(Client(committed={0: 3}), 0)

    setting.consumer._take_in([Record(8)])

    log.drain()
    assert "deleted" not in caplog.text
    assert len(setting.parts.intake) == 1


def test_a_topic_that_was_made_anew_is_told_and_old_work_is_dropped(
    log: concurrency.LogQueue, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(log, from_end=False)
    setting.assign(Client(committed={0: 50}), 0)

    setting.consumer._take_in([Record(0)])

    log.drain()
    assert "partition 0 goes on at offset 0, where 50" in caplog.text
    assert setting.flow.dropped == [{("t", 0)}]
    assert len(setting.parts.intake) == 1


def test_a_topic_that_was_made_anew_has_its_own_dead_letters(
    log: concurrency.LogQueue,
) -> None:
    """One of the former topic at the same offset is another record."""
    forgotten: list[Any] = []

    class Letters:
        topic = "dead"

        def forget(self, places: Any) -> None:
            forgotten.append(places)

    setting = Setting(log, from_end=False)
    assigned = assignment.Assignment(
        setting.parts,
        setting.flow,  # type: ignore[arg-type]
        Letters(),  # type: ignore[arg-type]
        from_end=False,
        incremental=False,
    )
    client = Client(committed={0: 50})
    assigned.on_assign(client, [TopicPartition("t", 0)])

    assigned.check_order(client, Fetched(Record(50)))
    assert forgotten == []
    assigned.check_order(client, Fetched(Record(0)))
    assert forgotten == [{("t", 0)}]


def test_an_error_is_told_with_its_topic_and_is_no_body(
    log: concurrency.LogQueue, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(log, from_end=False)
    error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    end = KafkaError(KafkaError._PARTITION_EOF)

    setting.consumer._take_in([Record(0, error), Record(0, end)])

    log.drain()
    (told,) = [one.getMessage() for one in caplog.records]
    assert told.startswith("Receiving (topic t): TOPIC_AUTHORIZATION_FAILED")
    assert len(setting.parts.intake) == 0


def test_lost_partitions_are_told_and_forgotten(
    log: concurrency.LogQueue, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(log, from_end=False)
    client = Client()
    setting.assign(client, 0, 1)
    setting.parts.intake.add([Fetched(Record(0))])

    setting.consumer._assignment.on_lost(client, [TopicPartition("t", 0)])

    log.drain()
    assert "has given t[0] to others" in caplog.text
    assert setting.flow.lost == [{("t", 0)}]
    assert len(setting.parts.intake) == 0
    assert setting.consumer.assignment() == {("t", 1)}


def test_a_topic_with_gaps_of_its_own_is_not_asked_about_each(
    log: concurrency.LogQueue,
) -> None:
    setting = Setting(log, from_end=False)
    client = Client(committed={0: 3})
    setting.assign(client, 0)

    setting.consumer._take_in([Record(8), Record(10), Record(12)])

    assert client.asked == 1
