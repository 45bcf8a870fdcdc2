# SPDX-License-Identifier: Apache-2.0
"""Which offset of a partition may be committed. Pure."""

import collections

#: (topic, partition)
Place = tuple[str, int]


class Window:
    """The records of one partition that were taken and not committed yet.

    They are finished in any order; only the contiguous finished prefix may
    be committed. A window lives as long as one assignment of the partition:
    what is finished after that is nobody's business any more.
    """

    def __init__(self) -> None:
        self._taken: collections.deque[int] = collections.deque()
        self._finished: set[int] = set()
        self._abandoned = 0
        self._next: int | None = None
        #: Its partition is being given up: nothing begins anew.
        self.leaving = False
        self.closed = False

    def take(self, offset: int) -> None:
        """Remember a record; offsets come in ascending order."""
        self._taken.append(offset)

    def finish(self, offset: int) -> bool:
        """A record is done with. Whether there is now more to commit."""
        self._finished.add(offset)
        before = self._next
        while self._taken and self._taken[0] in self._finished:
            first = self._taken.popleft()
            self._finished.discard(first)
            self._next = first + 1
        return self._next != before

    def abandon(self) -> None:
        """One record stays unfinished, and nobody works on it."""
        self._abandoned += 1

    def in_hands(self) -> int:
        """How many records somebody works on."""
        return len(self._taken) - len(self._finished) - self._abandoned

    def position(self) -> int | None:
        """The offset to commit, None before any prefix was finished."""
        return self._next
