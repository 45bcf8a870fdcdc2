# SPDX-License-Identifier: Apache-2.0
"""Counts, while something else goes on, how many nodes are down at a time."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from .clusters import Cluster
from .figures import tell


def listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


@contextmanager
def watched(bus: Cluster, ports: dict[str, int]) -> Iterator[Counter[int]]:
    """Look at a port of each machine, again and again.

    Gives how often that many of them were down at the same time.
    """
    ends = [
        (bus.machine(name).check_output("hostname -I").split()[0], port)
        for name, port in ports.items()
    ]
    seen: Counter[int] = Counter()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.2):
            seen[sum(not listens(*end) for end in ends)] += 1

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
    tell(f"nodes down: times seen {dict(sorted(seen.items()))}")
