# SPDX-License-Identifier: Apache-2.0
"""How many notifications are in the hands of endpoints."""

from kafka_driver import concurrency


class InFlight:
    """A count with a limit. It bounds what a crash loses or repeats.

    :param limit: notifications that may be unfinished at a time
    :param changed: set when there is room again
    """

    def __init__(self, limit: int, changed: concurrency.Signal) -> None:
        self.limit = limit
        self._changed = changed
        self._lock = concurrency.Lock()
        self._count = 0

    def room(self) -> int:
        return max(self.limit - self._count, 0)

    def count(self) -> int:
        return self._count

    def add(self, number: int) -> None:
        with self._lock:
            self._count += number

    def remove(self, number: int = 1) -> None:
        with self._lock:
            self._count -= number
        self._changed.set()


def limit(configured: int, batch_size: int, pool_size: int) -> int:
    """The effective limit: a batch and every worker must find room."""
    return max(configured, batch_size, pool_size)
