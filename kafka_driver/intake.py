# SPDX-License-Identifier: Apache-2.0
"""Fetched records on their way to endpoints: decoded, bad ones set aside.

Used by a consumer's native thread only.
"""

import collections
import contextlib
import gc
import logging
from collections.abc import Iterator
from typing import Any

from kafka_driver import concurrency, envelope, errors
from kafka_driver.dead_letters import DeadLetters
from kafka_driver.offsets import Place

LOG = logging.getLogger(__name__)


class Fetched:
    """A record, which is asked only once where it is from."""

    __slots__ = ("content", "offset", "place", "record")

    def __init__(self, record: Any) -> None:
        #: None once nobody will want its bytes again.
        self.record = record
        self.place: Place = (record.topic(), record.partition())
        self.offset: int = record.offset()
        #: Context and message, once decoded. A record that was taken and has
        #: none only moves the offset.
        self.content: tuple[dict[str, Any], dict[str, Any]] | None = None


class Intake:
    """What was fetched and is neither committed nor handed on.

    Dropping it loses nothing: the brokers have it.
    """

    def __init__(
        self, dead_letters: DeadLetters | None, log: concurrency.LogQueue
    ) -> None:
        self._dead_letters = dead_letters
        self._log = log
        self._records: collections.deque[Fetched] = collections.deque()
        self.bad = 0

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: list[Fetched]) -> None:
        self._records.extend(records)

    def take(self, room: int) -> list[Fetched]:
        """The next records, at most `room` that endpoints will get.

        A partition whose dead letter is not acknowledged yet stands still;
        the others go on.
        """
        with _uncollected():
            return self._take(room)

    def _take(self, room: int) -> list[Fetched]:
        taken: list[Fetched] = []
        kept: list[Fetched] = []
        blocked: set[Place] = set()
        while self._records and room > 0:
            one = self._records.popleft()
            if one.place in blocked:
                kept.append(one)
                continue
            try:
                one.content = envelope.decode(one.record.value())
                room -= 1
            except errors.BadRecord as exc:
                if not self._set_aside(one, str(exc)):
                    blocked.add(one.place)
                    kept.append(one)
                    continue
            taken.append(one)
        self._records.extendleft(reversed(kept))
        return taken

    def drop(self, places: set[Place] | None = None) -> None:
        """Forget the records of some partitions, or of all."""
        self._records = collections.deque(
            one
            for one in self._records
            if places is not None and one.place not in places
        )

    def _set_aside(self, one: Fetched, reason: str) -> bool:
        if self._dead_letters is not None and not self._dead_letters.put(
            one.record, reason
        ):
            return False
        self.bad += 1
        self._log.put(
            LOG,
            logging.ERROR,
            "Topic %s, partition %d, offset %d is no notification and was "
            "%s: %s",
            *one.place,
            one.offset,
            "dropped"
            if self._dead_letters is None
            else f"put into {self._dead_letters.topic}",
            reason,
        )
        return True


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no cyclic garbage while notifications are decoded.

    They are many new objects, all of them in use and without cycles, and the
    interpreter would go through them again and again: two thirds of the time.
    It does so once, afterwards.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
