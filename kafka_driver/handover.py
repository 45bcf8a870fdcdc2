# SPDX-License-Identifier: Apache-2.0
"""Notifications that wait for the server's polling thread."""

import collections
import time

from kafka_driver import concurrency
from kafka_driver.incoming import Incoming
from kafka_driver.offsets import Place


class Handover:
    """A queue from a native thread to one, possibly green, reader."""

    def __init__(self) -> None:
        self._lock = concurrency.Lock()
        self._ready: collections.deque[Incoming] = collections.deque()
        self._arrived = concurrency.Signal()
        self._hurry = False
        #: Nothing will be put any more.
        self.ended = concurrency.Signal()

    def put(self, incoming: list[Incoming]) -> None:
        with self._lock:
            self._ready.extend(incoming)
        self._arrived.set()

    def withdraw(self, places: set[Place] | None = None) -> list[Incoming]:
        """Take back what nobody has fetched, of some or all partitions."""
        with self._lock:
            kept: list[Incoming] = []
            withdrawn: list[Incoming] = []
            for one in self._ready:
                wanted = places is None or one.place in places
                (withdrawn if wanted else kept).append(one)
            self._ready = collections.deque(kept)
        return withdrawn

    def hurry(self) -> None:
        """Let the reader go on with what there is."""
        self._hurry = True
        self._arrived.set()

    def end(self) -> None:
        self._hurry = True
        self.ended.set()
        self._arrived.set()

    def get(
        self, number: int, timeout: float | None, fill: float
    ) -> list[Incoming]:
        """Up to `number` notifications.

        :param timeout: seconds to wait for the first one, None is for ever
        :param fill: seconds to wait, after the first, for the others
        """
        found: list[Incoming] = []
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._arrived.clear()
            with self._lock:
                while self._ready and len(found) < number:
                    found.append(self._ready.popleft())
                    if len(found) == 1:
                        deadline = time.monotonic() + fill
            if len(found) == number or self._hurry:
                return found
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return found
            self._arrived.wait(left)
