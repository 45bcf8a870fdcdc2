# SPDX-License-Identifier: Apache-2.0
"""Which offsets are committed, in which order things are finished."""

import random

import pytest

from kafka_driver import after_dispatch, concurrency, in_flight
from kafka_driver.offsets import Window


def window(*offsets: int) -> Window:
    made = Window()
    for offset in offsets:
        made.take(offset)
    return made


def test_nothing_is_committed_before_the_first_is_finished() -> None:
    one = window(5, 6, 7)

    assert not one.finish(6)
    assert one.position() is None
    assert one.finish(5)
    assert one.position() == 7


def test_only_the_contiguous_prefix_is_committed_in_any_order() -> None:
    chosen = random.Random(7)  # noqa: S311 - the same order at each run
    offsets = [*range(3, 40), *range(50, 90)]  # gaps exist in topics
    one = window(*offsets)
    order = chosen.sample(offsets, len(offsets))

    finished: set[int] = set()
    for offset in order:
        one.finish(offset)
        finished.add(offset)
        prefix = []
        for each in offsets:
            if each not in finished:
                break
            prefix.append(each)
        assert one.position() == (prefix[-1] + 1 if prefix else None)
    assert one.in_hands() == 0


def test_what_nobody_works_on_holds_the_prefix_but_is_not_waited_for() -> None:
    one = window(1, 2, 3)
    one.finish(1)
    one.finish(3)
    one.abandon()

    assert one.in_hands() == 0
    assert one.position() == 2


@pytest.mark.parametrize(
    ("requeues", "seconds"),
    [(0, 1), (1, 2), (5, 32), (6, 60), (1000000, 60)],
)
def test_requeueing_backs_off_from_one_second_to_sixty(
    requeues: int, seconds: float
) -> None:
    assert after_dispatch.delay(requeues) == seconds


@pytest.mark.parametrize(
    ("configured", "batch", "pool", "limit"),
    [(64, 1, 16, 64), (64, 500, 64, 1000), (10, 1, 64, 64)],
)
def test_two_batches_and_every_worker_find_room(
    configured: int, batch: int, pool: int, limit: int
) -> None:
    assert in_flight.limit(configured, batch, pool) == limit


@pytest.mark.parametrize(
    ("limit", "batch", "pool", "portion"),
    [
        (256, 1, 64, 128),
        (100, 1, 64, 36),
        (1000, 500, 64, 500),
        (1000, 900, 64, 100),
        (64, 1, 64, 1),
        (2, 1, 1, 1),
    ],
)
def test_room_counts_in_portions_that_let_batches_get_full(
    limit: int, batch: int, pool: int, portion: int
) -> None:
    assert in_flight.portion(limit, batch, pool) == portion


def test_room_for_less_than_a_portion_is_none() -> None:
    changed = concurrency.Signal()
    count = in_flight.InFlight(10, 4, changed)
    count.add(10)

    count.remove(3)
    assert count.room() == 0
    assert not changed.is_set()
    count.remove()
    assert count.room() == 4
    assert changed.is_set()


def test_room_is_announced() -> None:
    changed = concurrency.Signal()
    count = in_flight.InFlight(2, 1, changed)

    count.add(3)
    assert count.room() == 0
    assert not changed.is_set()
    count.remove(2)
    assert count.room() == 1
    assert changed.is_set()
