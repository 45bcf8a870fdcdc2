# SPDX-License-Identifier: Apache-2.0
"""The partitions that a member of a group reads, and where it is in them.

Used by a consumer's native thread only, callbacks of the client library
included.
"""

import logging
import time
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from kafka_driver import flow, placement
from kafka_driver.dead_letters import DeadLetters
from kafka_driver.intake import Fetched
from kafka_driver.offsets import Place
from kafka_driver.order import Order

LOG = logging.getLogger(__name__)

#: A failed lookup of offsets gives up the assignment.
_PLACEMENT_WAIT = 20.0
#: Seconds for its first try, and for the longest.
_FIRST_TRY, _LONGEST_TRY = 0.2, 2.0


class Assignment:
    """Takes partitions over from the group and gives them back.

    :param from_end: whether a group without offsets starts with the newest
        records
    :param incremental: whether the group's protocol assigns what is new, and
        not everything (KIP-848)
    :param dead_letters: also used by the flow
    """

    def __init__(
        self,
        parts: flow.Parts,
        the_flow: flow.Flow,
        dead_letters: DeadLetters | None,
        *,
        from_end: bool,
        incremental: bool,
    ) -> None:
        self._parts = parts
        self._flow = the_flow
        self._dead_letters = dead_letters
        self._from_end = from_end
        self._incremental = incremental
        self._order = Order(parts.log)
        self._had_any = False
        #: A TopicMaker, which knows the topics' partitions.
        self.maker: Any = None
        self.places: set[Place] = set()
        self.paused: set[Place] = set()
        #: Given up since the caller has emptied it.
        self.taken_away: set[Place] = set()

    # Callbacks of the client library.

    def on_assign(self, client: Any, partitions: list[TopicPartition]) -> None:
        """Begin to read.

        :raises KafkaException: when the brokers do not say where
        """
        places = _places(partitions)
        first = {} if self._parts.closing else self._place(client, places)
        self._had_any = True
        for one in partitions:
            one.offset = first.get((one.topic, one.partition), one.offset)
        if self._incremental:
            client.incremental_assign(partitions)
        else:
            client.assign(partitions)
        self.places |= places
        self._parts.log.put(LOG, logging.INFO, "Reading %s", _names(places))

    def on_revoke(self, client: Any, partitions: list[TopicPartition]) -> None:
        places = _places(partitions)
        self._parts.intake.drop(places)
        if self._parts.closing:
            self._flow.lose(places)
        else:
            self._flow.revoke(client, places)
        self._forget(places)

    def on_lost(self, client: Any, partitions: list[TopicPartition]) -> None:
        del client
        places = _places(partitions)
        self._parts.log.put(
            LOG,
            logging.WARNING,
            "The group has given %s to others: this member was not heard of "
            "for too long",
            _names(places),
        )
        self._lose(places)

    # Called by the consumer.

    def give_up(self) -> None:
        """The client that had it is of no more use."""
        self._lose(set(self.places))

    def check_order(self, client: Any, one: Fetched) -> None:
        """Drop what is held of a partition that goes on before it."""
        if not self._order.follows(client, one.place, one.offset):
            self._flow.drop({one.place})
            self._parts.intake.drop({one.place})
            # Else what comes at the same offset would count as sent.
            if self._dead_letters is not None:
                self._dead_letters.forget({one.place})

    def pause(self, client: Any, wanted: set[Place]) -> None:
        """Pause these partitions and no others."""
        for places, call in (
            (wanted - self.paused, client.pause),
            ((self.paused & self.places) - wanted, client.resume),
        ):
            if places:
                call([TopicPartition(*place) for place in sorted(places)])
        self.paused = wanted

    def is_all_paused(self) -> bool:
        return bool(self.paused) and self.paused >= self.places

    def _lose(self, places: set[Place]) -> None:
        self._parts.intake.drop(places)
        self._flow.lose(places)
        self._forget(places)

    def _forget(self, places: set[Place]) -> None:
        if self._dead_letters is not None:
            self._dead_letters.forget(places)
        self.places -= places
        self.taken_away |= places
        self.paused -= places
        self._order.forget(places)

    def _place(self, client: Any, places: set[Place]) -> dict[Place, int]:
        """Where to begin; also remembers where each partition is.

        :raises KafkaException: not to begin anywhere is better than at a
            wrong place
        """
        deadline = time.monotonic() + _PLACEMENT_WAIT
        timeout = _FIRST_TRY
        while True:
            try:
                return self._look_up(client, places, timeout)
            except KafkaException:
                if self._parts.closing or time.monotonic() > deadline:
                    raise
            # Brokers far away need longer than a slice.
            timeout = min(timeout * 2, _LONGEST_TRY)

    def _look_up(
        self, client: Any, places: set[Place], timeout: float
    ) -> dict[Place, int]:
        # A topic that appears later is read from its beginning.
        topics = {topic for topic, _ in places}
        first: dict[Place, int] = {}
        if self._from_end and not self._had_any:
            first = placement.first_offsets(
                client, self.maker, topics, timeout
            )
        if first:
            client.commit(offsets=flow.offsets(first), asynchronous=False)
        found = placement.commits(
            client, places | self._flow.unsettled(), timeout
        )
        self._order.begin(first)
        self._order.begin(
            {
                place: offset
                for place, offset in placement.offsets(found).items()
                if place in places
            }
        )
        self._flow.begin(found)
        return first


def _places(partitions: list[TopicPartition]) -> set[Place]:
    return {(one.topic, one.partition) for one in partitions}


def _names(places: set[Place]) -> str:
    if not places:
        return "no partition"
    return ", ".join(f"{topic}[{number}]" for topic, number in sorted(places))
