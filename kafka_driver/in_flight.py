# SPDX-License-Identifier: Apache-2.0
"""How many notifications are in the hands of endpoints."""

from kafka_driver import concurrency


class InFlight:
    """A count with a limit. It bounds what a crash loses or repeats.

    :param limit: notifications that may be unfinished at a time
    :param portion: room for fewer counts as none, so that a commit is made
        for many and not for each one that an endpoint has finished
    :param changed: set when there is room again
    """

    def __init__(
        self, limit: int, portion: int, changed: concurrency.Signal
    ) -> None:
        self.limit = limit
        self._portion = portion
        self._changed = changed
        self._lock = concurrency.Lock()
        self._count = 0

    def room(self) -> int:
        free = self.limit - self._count
        return free if free >= self._portion else 0

    def count(self) -> int:
        return self._count

    def add(self, number: int) -> None:
        with self._lock:
            self._count += number

    def remove(self, number: int = 1) -> None:
        with self._lock:
            self._count -= number
        if self.room():
            self._changed.set()


def limit(configured: int, batch_size: int, pool_size: int) -> int:
    """The effective limit: every worker, and two batches, must find room.

    One batch is committed while endpoints have the other.
    """
    return max(configured, 2 * batch_size, pool_size)


def portion(limit: int, batch_size: int, pool_size: int) -> int:
    """What has to be free before more is handed out.

    Half of the limit, unless a batch would not get full, or workers would be
    idle, meanwhile.
    """
    return max(min(limit // 2, limit - max(batch_size, pool_size)), 1)
