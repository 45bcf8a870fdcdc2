# SPDX-License-Identifier: Apache-2.0
"""Fetched records on their way to endpoints: decoded, bad ones set aside.

Used by a consumer's native thread only.
"""

import collections
import contextlib
import gc
import logging
import os
from collections.abc import Iterator
from typing import Any

from kafka_driver import concurrency, envelope, errors
from kafka_driver.dead_letters import DeadLetters
from kafka_driver.offsets import Place

LOG = logging.getLogger(__name__)


class Fetched:
    """A record, which is asked only once where it is from."""

    __slots__ = ("content", "offset", "place", "reason", "record")

    def __init__(self, record: Any) -> None:
        #: None once nobody will want its bytes again.
        self.record = record
        self.place: Place = (record.topic(), record.partition())
        self.offset: int = record.offset()
        #: Context and message, once decoded. A record that was taken and has
        #: none only moves the offset.
        self.content: tuple[dict[str, Any], dict[str, Any]] | None = None
        #: Why it is no notification, once that is known.
        self.reason = ""

    def decode(self) -> None:
        """Find out what it holds, or why that cannot be."""
        if self.content is not None or self.reason:
            return
        try:
            self.content = envelope.decode(self.record.value())
        except errors.BadRecord as exc:
            self.reason = str(exc) or "it cannot be read"


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

    def count(self, without: set[Place]) -> int:
        """How many records wait, but for those of some partitions."""
        if not without:
            return len(self._records)
        return sum(one.place not in without for one in self._records)

    def add(self, records: list[Fetched]) -> None:
        self._records.extend(records)

    def take(self, room: int) -> list[Fetched]:
        """The next records, at most `room` that endpoints will get.

        A partition whose dead letter is not acknowledged yet stands still,
        but for the dead letters behind it; the others go on.
        """
        with _uncollected():
            return self._take(room)

    def _take(self, room: int) -> list[Fetched]:
        taken: list[Fetched] = []
        kept: list[Fetched] = []
        blocked: set[Place] = set()
        while self._records and room > 0:
            one = self._records.popleft()
            one.decode()
            if one.place in blocked:
                self._send_ahead(one)
                kept.append(one)
            elif one.reason and not self._set_aside(one):
                blocked.add(one.place)
                kept.append(one)
            else:
                room -= one.content is not None
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

    def _send_ahead(self, one: Fetched) -> None:
        if one.reason and self._dead_letters is not None:
            self._dead_letters.begin(one.record, one.reason)

    def _set_aside(self, one: Fetched) -> bool:
        if self._dead_letters is not None and not self._dead_letters.put(
            one.record, one.reason
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
            one.reason,
        )
        return True


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no cyclic garbage while notifications are decoded.

    They are many new objects, all of them in use and without cycles, and the
    interpreter would go through them again and again: two thirds of the time.
    It does so once, afterwards.
    """
    global _is_off  # noqa: PLW0603 - the interpreter has but one collector
    if not gc.isenabled():
        yield
        return
    _is_off = True
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        _is_off = False


#: Whether the collector is off because of what is decoded here.
_is_off = False


def _after_fork_in_child() -> None:
    """The thread that would turn it on again did not come along."""
    global _is_off  # noqa: PLW0603
    if _is_off:
        _is_off = False
        gc.enable()


os.register_at_fork(after_in_child=_after_fork_in_child)
