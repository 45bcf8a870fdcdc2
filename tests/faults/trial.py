# SPDX-License-Identifier: Apache-2.0
"""A fault while notifications are sent and read, and what it cost."""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sending
from receiving import Reading, listen

from faults import load
from faults.cluster import Cluster, wait_until
from faults.load import Account, Load

READERS = {
    "at least once": "after_dispatch",
    "at most once": "before_dispatch",
}


class Trial:
    """Sends to a topic of its own, with a reader of each kind.

    :param name: of the fault
    :param directory: for configuration files
    :param accounts: the lines of the report; each fault adds its own
    :param session: seconds after which a group forgets a silent member
    """

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        directory: Path,
        accounts: list[Account],
        session: int = load.LONG,
    ) -> None:
        self.name = name
        self.cluster = cluster
        self.topic = sending.new_topic()
        self.full = f"{self.topic}.info"
        self.directory = directory
        self._accounts = accounts
        self._made: list[Any] = []
        self._session = session
        self._readings: dict[str, list[Reading]] = {
            reader: [] for reader in READERS
        }
        cluster.create(self.full)
        self._transport = self._make(cluster.url)
        self.join(cluster.url)

    def join(self, url: str) -> None:
        """Let one more of each kind of reader join its group."""
        for reader, commit in READERS.items():
            made = self._make(
                url,
                session=self._session,
                consumer_group=f"{self.topic}-{commit}",
                kafka_driver_commit=commit,
            )
            self._readings[reader].append(Reading(listen(made, self.topic)))

    def _make(self, url: str, **options: Any) -> Any:
        made = load.transport(
            self.directory, url, **self.cluster.options, **options
        )
        self._made.append(made)
        return made

    def _received(self, reader: str) -> list[int]:
        return [
            number for one in self._readings[reader] for number in one.payloads
        ]

    def run(
        self,
        fault: Callable[[Load], None],
        retry: int = -1,
        more: int = 200,
    ) -> list[Account]:
        """Send, let `fault` happen, send on, and compare.

        :param more: how many are to be confirmed before and after it
        """
        sent = Load(self._transport, self.full, retry=retry)
        try:
            sent.wait_for(more)
            fault(sent)
            sent.wait_for(more)
        finally:
            sent.stop()
        wanted = set(sent.confirmed)
        for reader in READERS:
            # What is missing in the end is counted, not waited for.
            with contextlib.suppress(AssertionError):
                wait_until(
                    lambda kind=reader: wanted <= set(self._received(kind)),
                    180,
                )
        found = [
            load.account(
                self.name,
                "topic",
                sent,
                load.in_topic(self.cluster.bootstrap, self.full),
            ),
            *(
                load.account(self.name, reader, sent, self._received(reader))
                for reader in READERS
            ),
        ]
        self._accounts += found
        for one in found:
            print(one)
        return found

    def close(self) -> None:
        for reading in itertools.chain(*self._readings.values()):
            reading.stop()
        for made in self._made:
            made.cleanup()


def check(found: list[Account], bound: int = 0) -> None:
    """The promises, where no process of a reader was killed.

    :param bound: what "at most once" may lose
    """
    topic, at_least_once, at_most_once = found
    assert topic.confirmed > 0
    assert topic.lost == topic.duplicated == 0, topic
    assert at_least_once.lost == 0, at_least_once
    assert at_most_once.lost <= bound, at_most_once
    assert at_most_once.duplicated == 0, at_most_once


class Worker:
    """A process that sends or receives, and writes down each number.

    :param pause: seconds that each thread of a sender waits between two
    """

    def __init__(
        self,
        what: str,
        directory: Path,
        url: str,
        topic: str,
        pause: float = 0.0,
        **options: Any,
    ) -> None:
        self.numbers: list[int] = []
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore",
                str(Path(__file__).with_name("worker.py")),
                what,
                str(directory),
                url,
                topic,
                json.dumps(options),
                str(pause),
            ],
            stdout=subprocess.PIPE,
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wait_for(self, count: int, timeout: float = 300) -> None:
        wait_until(lambda: len(self.numbers) >= count, timeout)

    def resident(self) -> int:
        """KiB of the process in memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = [
            one for one in status.splitlines() if one.startswith("VmRSS:")
        ]
        return int(line.split()[1])

    def wait_silent(self, seconds: float) -> None:
        """Wait until nothing has come for so long."""
        seen = -1
        while len(self.numbers) > seen:
            seen = len(self.numbers)
            time.sleep(seconds)

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        self._process.kill()
        self._process.wait(10)
        self._thread.join(10)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # The last one may have been cut.
            if line.endswith(b"\n"):
                self.numbers.append(int(line))
