# SPDX-License-Identifier: Apache-2.0
"""Dispatch, then commit: each notification at least once."""

import heapq
import itertools
import logging
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kafka_driver import concurrency, envelope, errors, flow
from kafka_driver.dead_letters import DeadLetters
from kafka_driver.incoming import Incoming
from kafka_driver.intake import Fetched
from kafka_driver.offsets import Place, Window

LOG = logging.getLogger(__name__)

_SLICE = 0.2
#: Commits are sent at most this often.
_COMMIT_INTERVAL = 0.2
_FIRST_DELAY = 1.0
_MAX_DELAY = 60.0


class AfterDispatch(flow.Flow):
    """Commits the contiguous finished prefix of each partition.

    :param parts: of the consumer
    :param drain: seconds that a revoked partition waits for its endpoints
    :param max_requeues: of one notification; 0 is no limit
    :param dead_letters: where a notification goes after that
    """

    def __init__(
        self,
        parts: flow.Parts,
        drain: float,
        max_requeues: int,
        dead_letters: DeadLetters | None,
    ) -> None:
        self._parts = parts
        self._drain = drain
        self._max_requeues = max_requeues
        self._dead_letters = dead_letters
        self._lock = concurrency.Lock()
        self._windows: dict[Place, Window] = {}
        self._dirty: set[Place] = set()
        self._next_commit = 0.0
        # (due, tie-breaker, notification)
        self._waiting: list[tuple[float, int, Incoming]] = []
        self._numbers = itertools.count()
        #: Requeued too often, on the way to the dead-letter topic.
        self._given_up: list[Incoming] = []
        self._stopped = False

    def advance(self, client: Any) -> None:
        if not self._stopped:
            self._redeliver()
            self._take()
        self._bury()
        self._commit(client)

    def on_commit(
        self, error: KafkaError | None, partitions: list[TopicPartition]
    ) -> None:
        failed = flow.refusals(error, partitions)
        with self._lock:
            failed = {
                place: reason
                for place, reason in failed.items()
                if place in self._windows
            }
            self._dirty |= failed.keys()
        if failed:
            self._next_commit = time.monotonic() + _FIRST_DELAY
            flow.tell_refusal(
                self._parts.log, failed, "it is tried again, nothing is lost"
            )

    def awaiting_since(self) -> float | None:
        return None

    def on_stop(self) -> None:
        # What waits here is not committed: the group gets it again.
        self._stopped = True
        self._parts.intake.drop()
        self._withdraw(set(self._windows))

    def settled(self) -> bool:
        return True

    def revoke(self, client: Any, places: set[Place]) -> None:
        """Let endpoints finish what they have, then commit it.

        The wait is bounded and the members of the group wait meanwhile.
        """
        self._withdraw(places)
        deadline = time.monotonic() + self._drain
        while (
            self._in_hands(places)
            and time.monotonic() < deadline
            and not self._parts.closing
        ):
            self._parts.wake.wait(_SLICE)
            self._parts.wake.clear()
        positions = self._close(places)
        if not positions:
            return
        try:
            answer = client.commit(
                offsets=flow.offsets(positions), asynchronous=False
            )
            failed = flow.refusals(None, answer)
        except KafkaException as exc:
            error = errors.kafka_error(exc)
            failed = dict.fromkeys(positions, error)
        if failed:
            flow.tell_refusal(
                self._parts.log, failed, "notifications will come again"
            )

    def lose(self, places: set[Place]) -> None:
        self._withdraw(places)
        self._close(places)

    def drop(self, places: set[Place]) -> None:
        self.lose(places)

    def finish(self, client: Any) -> None:
        self._next_commit = 0.0
        if client is not None:
            self._commit(client)

    def _take(self) -> None:
        taken = self._parts.intake.take(self._parts.in_flight.room())
        ready = []
        with self._lock:
            for one in taken:
                window = self._windows.setdefault(one.place, Window())
                window.take(one.offset)
                if one.content is not None:
                    ready.append(self._incoming(*one.content, one))
                elif window.finish(one.offset):
                    self._dirty.add(one.place)
        self._parts.in_flight.add(len(ready))
        if ready:
            self._parts.handover.put(ready)

    def _incoming(
        self,
        ctxt: dict[str, Any],
        message: dict[str, Any],
        fetched: Fetched,
        requeues: int = 0,
    ) -> Incoming:
        window = self._windows[fetched.place]

        def on_finish(incoming: Incoming, requeue: bool) -> None:
            # Called where the server dispatches.
            if requeue:
                self._requeue(window, incoming)
            else:
                self._done(window, incoming)

        return Incoming(ctxt, message, fetched, on_finish, requeues)

    def _done(self, window: Window, incoming: Incoming) -> None:
        with self._lock:
            if not window.closed and window.finish(incoming.offset):
                self._dirty.add(incoming.place)
        self._parts.in_flight.remove()

    def _requeue(self, window: Window, incoming: Incoming) -> None:
        with self._lock:
            if not (window.closed or window.leaving or self._stopped):
                if 0 < self._max_requeues <= incoming.requeues:
                    self._given_up.append(incoming)
                else:
                    due = time.monotonic() + delay(incoming.requeues)
                    entry = (due, next(self._numbers), incoming)
                    heapq.heappush(self._waiting, entry)
                return
            window.abandon()
        self._parts.in_flight.remove()

    def _redeliver(self) -> None:
        now = time.monotonic()
        ready = []
        with self._lock:
            while self._waiting and self._waiting[0][0] <= now:
                incoming = heapq.heappop(self._waiting)[2]
                # Decoded anew: endpoints may have changed what they got.
                record = incoming.fetched.record
                content = envelope.decode(record.value())
                ready.append(
                    self._incoming(
                        *content, incoming.fetched, incoming.requeues + 1
                    )
                )
        if ready:
            self._parts.handover.put(ready)

    def _bury(self) -> None:
        """Be done with what was requeued too often."""
        with self._lock:
            given_up, self._given_up = self._given_up, []
        waiting = []
        for incoming in given_up:
            reason = f"requeued {incoming.requeues} times"
            if self._dead_letters is not None and not self._dead_letters.put(
                incoming.fetched.record, reason
            ):
                waiting.append(incoming)
                continue
            self._parts.log.put(
                LOG,
                logging.ERROR,
                "The notification of topic %s, partition %d, offset %d was "
                "%s and is %s",
                incoming.topic,
                incoming.partition,
                incoming.offset,
                reason,
                "dropped"
                if self._dead_letters is None
                else f"put into {self._dead_letters.topic}",
            )
            self._done(self._windows[incoming.place], incoming)
        with self._lock:
            self._given_up += waiting

    def _commit(self, client: Any) -> None:
        now = time.monotonic()
        if not self._dirty or now < self._next_commit:
            return
        self._next_commit = now + _COMMIT_INTERVAL
        with self._lock:
            positions = self._positions(self._dirty)
            self._dirty.clear()
        offsets = flow.offsets(positions)
        try:
            client.commit(offsets=offsets, asynchronous=True)
        except KafkaException as exc:
            self.on_commit(errors.kafka_error(exc), offsets)

    def _positions(self, places: set[Place]) -> dict[Place, int]:
        found = {}
        for place in places & self._windows.keys():
            position = self._windows[place].position()
            if position is not None:
                found[place] = position
        return found

    def _in_hands(self, places: set[Place]) -> bool:
        """Whether endpoints still work on records of these partitions."""
        with self._lock:
            return any(
                self._windows[place].in_hands()
                for place in places & self._windows.keys()
            )

    def _withdraw(self, places: set[Place]) -> None:
        """Take back what no endpoint has: the next owner gets it."""
        withdrawn = self._parts.handover.withdraw(places)
        with self._lock:
            for place in places & self._windows.keys():
                self._windows[place].leaving = True
            waiting = [one for one in self._waiting if one[2].place in places]
            self._waiting = [
                one for one in self._waiting if one[2].place not in places
            ]
            heapq.heapify(self._waiting)
            given_up = [one for one in self._given_up if one.place in places]
            self._given_up = [
                one for one in self._given_up if one.place not in places
            ]
            # They stay unfinished, so nothing behind them is committed, but
            # nobody has to wait for them.
            for incoming in [
                *withdrawn,
                *(one[2] for one in waiting),
                *given_up,
            ]:
                window = self._windows.get(incoming.place)
                if window is not None:
                    window.abandon()
        self._parts.in_flight.remove(
            len(withdrawn) + len(waiting) + len(given_up)
        )

    def _close(self, places: set[Place]) -> dict[Place, int]:
        """End the windows of some partitions; what may be committed."""
        with self._lock:
            positions = self._positions(places)
            for place in places & self._windows.keys():
                self._windows.pop(place).closed = True
            self._dirty -= places
        return positions


def delay(requeues: int) -> float:
    """Seconds until the next delivery of a notification."""
    return min(_FIRST_DELAY * 2.0 ** min(requeues, 10), _MAX_DELAY)
