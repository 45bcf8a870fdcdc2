# SPDX-License-Identifier: Apache-2.0
"""Server processes that a test starts, stops and kills."""

import contextlib
import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

# Below the ports that outgoing connections take, so that a server that was
# stopped finds its port free when it is started again.
PORTS = range(20500, 21000)
# Open for as long as this process runs, so that no other one, of pytest-xdist
# for example, takes a port between its choice and the start of a server.
_claims: list[IO[str]] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has, each one only once."""
    folder = Path(tempfile.gettempdir(), f"kafka-bus-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    for port in random.sample(PORTS, len(PORTS)):
        claim = (folder / str(port)).open("w")
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise RuntimeError(f"every port of {PORTS} is taken")


def answers(port: int, address: str = "127.0.0.1") -> bool:
    """Tell whether somebody listens on a port of an address of ours."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


class Server:
    """A server in a process group of its own.

    :param command: what runs it in the foreground.
    :param environment: its environment.
    :param log: file that its output is added to.
    :param ready: tells whether it can be used.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        ready: Callable[[], bool],
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 90) -> None:
        """Start it and wait until it can be used."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not self._ready():
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(
                    f"{self._command[0]} did not start:\n"
                    + self._log.read_text(errors="replace")[-4000:]
                )
            time.sleep(0.2)

    def stop(self, timeout: float = 60) -> int:
        """Ask it to end; return its exit code."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> int:
        """End it at once, as a power cut does."""
        return self._end(signal.SIGKILL, 10)

    def _end(self, number: signal.Signals, timeout: float) -> int:
        process = self._process
        if process is None:
            return 0
        self._process = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            raise
