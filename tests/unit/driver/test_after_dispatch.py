# SPDX-License-Identifier: Apache-2.0
"""What an endpoint's answer does when its partition has moved on."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from listening import fetched

from kafka_driver import after_dispatch, concurrency, flow
from kafka_driver.after_dispatch import AfterDispatch
from kafka_driver.handover import Handover
from kafka_driver.in_flight import InFlight
from kafka_driver.intake import Intake

ZERO, ONE = ("t", 0), ("t", 1)


class Client:
    """Remembers the commits, those that wait for the answer apart."""

    def __init__(self) -> None:
        self.sent: list[dict[int, int]] = []
        self.waited: list[dict[int, int]] = []
        self.refusal: KafkaError | None = None

    def commit(
        self, offsets: list[TopicPartition], asynchronous: bool
    ) -> list[TopicPartition]:
        if self.refusal is not None:
            raise KafkaException(self.refusal)
        (self.sent if asynchronous else self.waited).append(
            {one.partition: one.offset for one in offsets}
        )
        return offsets


class Graveyard:
    """A dead-letter topic that takes nothing until it is told to."""

    topic = "dead"
    open = False

    def put(self, _record: Any, _reason: str) -> bool:
        return self.open


class Setting:
    def __init__(self, log: concurrency.LogQueue, **how: Any) -> None:
        self.client = Client()
        self.graveyard = Graveyard()
        self.parts = flow.Parts(
            Intake(None, log),
            InFlight(10, 1, concurrency.Signal()),
            Handover(),
            log,
            concurrency.Signal(),
        )
        self.flow = AfterDispatch(
            self.parts,
            how.get("drain", 0.0),
            how.get("max_requeues", 10),
            self.graveyard if how.get("dead_letters") else None,  # type: ignore[arg-type]
        )
        self.parts.intake.add(fetched((0, 0), (1, 0), (0, 1)))

    def fetch(self) -> dict[tuple[int, int], Any]:
        """One round, and what it gives to endpoints."""
        self.flow.advance(self.client)
        found = self.parts.handover.get(100, 0.0, 0.0)
        return {(one.partition, one.offset): one for one in found}


def revoke_beside(work: Callable[[], None], setting: Setting) -> float:
    """Revoke a partition while an endpoint works; the seconds it took."""
    endpoint = threading.Thread(target=work)
    endpoint.start()
    started = time.monotonic()
    setting.flow.revoke(setting.client, {ZERO})
    took = time.monotonic() - started
    endpoint.join()
    return took


@pytest.fixture
def log() -> Iterator[concurrency.LogQueue]:
    queue = concurrency.LogQueue("test-log")
    yield queue
    queue.close()


def test_a_revoked_partition_waits_for_endpoints_and_commits(
    log: concurrency.LogQueue,
) -> None:
    setting = Setting(log, drain=60.0)
    found = setting.fetch()
    assert len(found) == 3

    def work() -> None:
        for place in ((0, 1), (0, 0)):
            time.sleep(0.1)
            found[place].acknowledge()

    assert revoke_beside(work, setting) < 30
    assert setting.client.waited == [{0: 2}]
    # The other partition stays as it was.
    found[1, 0].acknowledge()
    setting.fetch()
    assert setting.client.sent == [{1: 1}]


def test_a_drain_ends_and_later_acknowledgements_do_not_count(
    log: concurrency.LogQueue,
) -> None:
    setting = Setting(log, drain=0.3)
    found = setting.fetch()
    found[0, 0].acknowledge()

    setting.flow.revoke(setting.client, {ZERO, ONE})
    for one in found.values():
        one.acknowledge()
    setting.fetch()

    assert setting.client.waited == [{0: 1}]
    assert setting.client.sent == []
    assert setting.parts.in_flight.count() == 0


def test_closing_ends_a_drain(log: concurrency.LogQueue) -> None:
    setting = Setting(log, drain=600.0)
    setting.fetch()
    setting.parts.closing = True

    started = time.monotonic()
    setting.flow.revoke(setting.client, {ZERO, ONE})

    assert time.monotonic() - started < 30


def test_what_no_endpoint_has_goes_back_at_once(
    log: concurrency.LogQueue,
) -> None:
    setting = Setting(log, drain=600.0)
    setting.flow.advance(setting.client)  # handed over, not fetched

    setting.flow.revoke(setting.client, {ZERO, ONE})

    assert setting.client.waited == []
    assert setting.parts.in_flight.count() == 0
    assert setting.parts.handover.get(10, 0.0, 0.0) == []


def test_a_refused_commit_at_a_rebalance_is_told(
    log: concurrency.LogQueue, caplog: pytest.LogCaptureFixture
) -> None:
    setting = Setting(log)
    for one in setting.fetch().values():
        one.acknowledge()
    setting.client.refusal = KafkaError(KafkaError.ILLEGAL_GENERATION)

    setting.flow.revoke(setting.client, {ZERO, ONE})

    log.drain()
    assert "ILLEGAL_GENERATION" in caplog.text
    assert "notifications will come again" in caplog.text


@pytest.mark.parametrize("asks", ["before", "after"])
def test_lost_partitions_are_neither_committed_nor_delivered_again(
    log: concurrency.LogQueue, asks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(after_dispatch, "_FIRST_DELAY", 0.0)
    setting = Setting(log)
    found = setting.fetch()
    if asks == "before":
        for one in found.values():
            one.requeue()

    setting.flow.lose({ZERO, ONE})
    if asks == "after":
        for one in found.values():
            one.requeue()

    assert setting.fetch() == {}
    assert setting.client.sent == setting.client.waited == []
    assert setting.parts.in_flight.count() == 0


def test_a_commit_that_the_library_refuses_is_sent_again(
    log: concurrency.LogQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(after_dispatch.time, "monotonic", lambda: now)
    setting = Setting(log)
    for one in setting.fetch().values():
        one.acknowledge()
    setting.client.refusal = KafkaError(KafkaError._STATE)
    now += 1
    setting.fetch()
    setting.client.refusal = None
    now += 2
    setting.fetch()

    assert setting.client.sent == [{0: 2, 1: 1}]


def test_nothing_is_committed_until_the_dead_letter_is_there(
    log: concurrency.LogQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(after_dispatch.time, "monotonic", lambda: now)
    setting = Setting(log, max_requeues=1, dead_letters=True)
    for _ in range(2):
        now += 60
        for place, one in setting.fetch().items():
            if place == (0, 0):
                one.requeue()
            else:
                one.acknowledge()
    now += 60
    assert setting.fetch() == {}
    assert {0: 2} not in setting.client.sent

    setting.graveyard.open = True
    now += 60
    setting.fetch()

    assert setting.client.sent[-1] == {0: 2}
    assert setting.parts.in_flight.count() == 0


def test_after_a_stop_nothing_is_delivered_again(
    log: concurrency.LogQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(after_dispatch, "_FIRST_DELAY", 0.0)
    setting = Setting(log)
    found = setting.fetch()
    setting.flow.on_stop()
    found[0, 0].acknowledge()
    found[0, 1].requeue()

    assert setting.fetch() == {}
    setting.flow.finish(setting.client)
    assert setting.client.sent == [{0: 1}]
    assert setting.flow.settled()


@pytest.mark.parametrize("max_requeues", [0, 1])
def test_what_is_requeued_while_its_partition_is_revoked_goes_back_at_once(
    log: concurrency.LogQueue, max_requeues: int
) -> None:
    setting = Setting(log, drain=60.0, max_requeues=max_requeues)
    found = setting.fetch()
    found[0, 0].requeues = 1

    def work() -> None:
        time.sleep(0.1)
        for place in ((0, 0), (0, 1)):
            found[place].requeue()

    assert revoke_beside(work, setting) < 30
    assert setting.parts.in_flight.count() == 1
    assert setting.fetch() == {}
    assert setting.client.waited == []


def test_the_end_without_a_client_commits_nothing(
    log: concurrency.LogQueue,
) -> None:
    setting = Setting(log)
    setting.fetch()[0, 0].acknowledge()
    setting.flow.finish(None)
    assert setting.client.sent == setting.client.waited == []
