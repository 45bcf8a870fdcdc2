# SPDX-License-Identifier: Apache-2.0
"""Commit, then dispatch: each notification at most once."""

import logging
import time
import uuid
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kafka_driver import errors, flow, ownership
from kafka_driver.incoming import Incoming
from kafka_driver.intake import Fetched
from kafka_driver.offsets import Place
from kafka_driver.ownership import Commit

LOG = logging.getLogger(__name__)

_FIRST_BACK_OFF = 0.5
_MAX_BACK_OFF = 15.0
#: Seconds that stopping waits for the answer to a commit.
LAST_ANSWER = 5.0


class BeforeDispatch(flow.Flow):
    """Holds a batch back until the brokers have its offsets.

    What a commit without an answer was for is held, when its partition is
    lost, until this member is in the group again: then that commit was done
    or never will be, and the brokers tell which.

    :param parts: of the consumer
    :param auto_commit: the client library commits now and then by itself
    """

    def __init__(self, parts: flow.Parts, auto_commit: bool) -> None:
        self._parts = parts
        self._auto_commit = auto_commit
        self._batch: list[Fetched] = []
        self._held: list[Fetched] = []
        self._name = uuid.uuid4().hex
        #: The metadata of commits, None when the brokers refuse it.
        self._marks: dict[Place, str] | None = {}
        self._taken = 0.0
        #: A commit of the batch was sent and not answered.
        self._sent = False
        #: A commit of the batch failed in a way that does not show whether
        #: the brokers have it.
        self._doubtful = False
        self._again = 0.0
        self._back_off = _FIRST_BACK_OFF
        self._give_up: float | None = None

    def advance(self, client: Any) -> None:
        now = time.monotonic()
        if self._give_up is not None and now >= self._give_up:
            self._drop_all("the listener was stopped")
        if self._batch:
            if not self._sent and now >= self._again:
                self._commit(client)
            return
        if self._give_up is not None:
            return
        self._batch = self._parts.intake.take(self._parts.in_flight.room())
        self._parts.in_flight.add(_contents(self._batch))
        for one in self._batch:
            # It cannot be requeued. Memory that is used again at once is a
            # sixth of the time for large notifications.
            one.record = None
        if self._batch:
            self._taken = now
            self._commit(client)

    def on_commit(
        self, error: KafkaError | None, partitions: list[TopicPartition]
    ) -> None:
        if self._auto_commit:
            self._tell_background_refusal(flow.refusals(error, partitions))
            return
        wanted = self._positions()
        # The answer to a commit of an earlier assignment fits nothing here.
        fitting = [
            one
            for one in partitions
            if wanted.get((one.topic, one.partition)) == one.offset
        ]
        if not fitting:
            return
        self._sent = False
        failed = flow.refusals(error, fitting)
        self._hand_on(
            {(one.topic, one.partition) for one in fitting} - failed.keys()
        )
        if failed:
            self._doubtful = self._doubtful or any(
                map(_is_doubtful, failed.values())
            )
            if any(
                one.code() == KafkaError.OFFSET_METADATA_TOO_LARGE
                for one in failed.values()
            ):
                # These brokers want less of it than any mark has.
                self._marks = None
            self._again = time.monotonic() + self._back_off
            flow.tell_refusal(
                self._parts.log,
                failed,
                f"their notifications wait, next try in {self._back_off:g} s",
            )
            self._back_off = min(self._back_off * 2, _MAX_BACK_OFF)
        else:
            self._back_off = _FIRST_BACK_OFF

    def _tell_background_refusal(
        self, failed: dict[Place, KafkaError]
    ) -> None:
        failed = {
            place: reason
            for place, reason in failed.items()
            if reason.code() != KafkaError._NO_OFFSET
        }
        if failed:
            flow.tell_refusal(
                self._parts.log,
                failed,
                "a restart would deliver notifications again",
            )

    def awaiting_since(self) -> float | None:
        return self._taken if self._batch else None

    def on_stop(self) -> None:
        self._give_up = time.monotonic() + LAST_ANSWER
        self._parts.intake.drop()
        if not self._is_unknown():
            self._give_back(self._batch)
            self._batch = []

    def settled(self) -> bool:
        return not self._batch and not self._held

    def revoke(self, client: Any, places: set[Place]) -> None:
        """Find out what became of the partitions' commits.

        The only call that waits for a commit: the brokers wait for this
        member and answer, and without the answer notifications would be
        lost or dispatched twice.
        """
        wanted = {
            place: offset
            for place, offset in self._positions().items()
            if place in places
        }
        if not wanted:
            return
        try:
            answer = client.commit(
                offsets=flow.offsets(wanted, self._marks), asynchronous=False
            )
            self._hand_on(wanted.keys() - flow.refusals(None, answer).keys())
        except KafkaException as exc:
            self._parts.log.put(
                LOG,
                logging.WARNING,
                "The last commit before a rebalance failed: %s",
                errors.reason(errors.kafka_error(exc)),
            )
        self.lose(places)

    def lose(self, places: set[Place]) -> None:
        self._held += [one for one in self._batch if one.place in places]
        self._keep([one for one in self._batch if one.place not in places])

    def drop(self, places: set[Place]) -> None:
        void = [one for one in self._batch + self._held if one.place in places]
        self._held = [one for one in self._held if one.place not in places]
        self._keep([one for one in self._batch if one.place not in places])
        self._give_back(void)

    def unsettled(self) -> set[Place]:
        return {one.place for one in self._held}

    def begin(self, found: dict[Place, Commit]) -> None:
        wanted = _positions(self._held)
        fates = {
            place: ownership.was_done(self._name, offset, found[place])
            for place, offset in wanted.items()
            if place in found
        }
        for done in (True, False, None):
            settled = [
                one
                for one in self._held
                if one.place in fates and fates[one.place] is done
            ]
            if done:
                self._put(settled)
            else:
                self._give_back(settled)
            if done is None and settled:
                self._tell_unknown("others went on with a partition", settled)
        self._held = [one for one in self._held if one.place not in fates]
        if self._marks is not None:
            self._marks |= {
                place: str(ownership.heir(self._name, one))
                for place, one in found.items()
            }

    def finish(self, client: Any) -> None:
        self._drop_all("the listener was closed")

    def _positions(self) -> dict[Place, int]:
        return _positions(self._batch)

    def _commit(self, client: Any) -> None:
        offsets = flow.offsets(self._positions(), self._marks)
        try:
            if self._auto_commit:
                client.store_offsets(offsets=offsets)
                self._hand_on(set(self._positions()))
            else:
                client.commit(offsets=offsets, asynchronous=True)
                self._sent = True
        except KafkaException as exc:
            self.on_commit(errors.kafka_error(exc), offsets)

    def _hand_on(self, places: set[Place]) -> None:
        self._put([one for one in self._batch if one.place in places])
        self._keep([one for one in self._batch if one.place not in places])

    def _put(self, taken: list[Fetched]) -> None:
        self._parts.handover.put(
            [
                Incoming(*one.content, one, self._on_finish)
                for one in taken
                if one.content is not None
            ]
        )

    def _keep(self, batch: list[Fetched]) -> None:
        self._batch = batch
        self._sent = self._sent and bool(batch)
        self._doubtful = self._doubtful and bool(batch)

    def _is_unknown(self) -> bool:
        return self._sent or self._doubtful

    def _give_back(self, taken: list[Fetched]) -> None:
        """Hand these on nowhere: who reads on from the commit gets them."""
        self._parts.in_flight.remove(_contents(taken))

    def _drop_all(self, why: str) -> None:
        """Give up the batch and what is held."""
        unknown = self._held + (self._batch if self._is_unknown() else [])
        self._give_back(self._batch + self._held)
        self._held = []
        self._keep([])
        if unknown:
            self._tell_unknown(why, unknown)

    def _tell_unknown(self, why: str, taken: list[Fetched]) -> None:
        self._parts.log.put(
            LOG,
            logging.WARNING,
            "%s while the commit of %d notifications was not answered "
            "(first: topic %s, partition %d, offset %d): if it reached "
            "the brokers they are lost, else they are delivered again",
            why[:1].upper() + why[1:],
            len(taken),
            *taken[0].place,
            taken[0].offset,
        )

    def _on_finish(self, incoming: Incoming, requeue: bool) -> None:
        # Called where the server dispatches: logging is allowed.
        self._parts.in_flight.remove()
        if requeue:
            LOG.warning(
                "A notification cannot be requeued after its offset was "
                "committed (topic %s, partition %d, offset %d); "
                "kafka_driver_commit=after_dispatch allows it",
                incoming.topic,
                incoming.partition,
                incoming.offset,
            )


def _positions(taken: list[Fetched]) -> dict[Place, int]:
    return {one.place: one.offset + 1 for one in taken}


def _is_doubtful(error: KafkaError) -> bool:
    """Whether what failed may have been done all the same."""
    # The client library's own errors are negative: no broker answered.
    return error.code() < 0 or error.code() in errors.UNCERTAIN


def _contents(batch: list[Fetched]) -> int:
    return sum(one.content is not None for one in batch)
