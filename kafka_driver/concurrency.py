# SPDX-License-Identifier: Apache-2.0
"""Native threads that own a client, and waiting for them from any thread.

Services may be monkey-patched by eventlet: their threads are green then,
and a native thread may touch nothing that is patched. A patched lock or
event set by a native thread does not wake a green waiter, and logging there
raises errors. So a native thread takes unpatched locks only, tells others
by a Signal, and queues what it has to log.
"""

import collections
import contextlib
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

_Record = tuple[logging.Logger, int, str, tuple[Any, ...]]


def unpatched(name: str) -> Any:
    """A module of the standard library as it was before monkey patching."""
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is None or not patcher.is_monkey_patched("thread"):
        return importlib.import_module(name)
    return patcher.original(name)


# Taken at import: patching changes modules in place, not these objects.
_native_thread = unpatched("_thread")
_allocate_lock = _native_thread.allocate_lock
_RLock = _native_thread.RLock
_get_ident = _native_thread.get_ident
_mark = _native_thread._local()
_main = unpatched("threading").main_thread().ident


def is_green() -> bool:
    """Whether the caller runs in a green thread, which must not block."""
    if getattr(_mark, "native", False):
        return False
    patcher = sys.modules.get("eventlet.patcher")
    return patcher is not None and bool(patcher.is_monkey_patched("thread"))


def is_main() -> bool:
    """Whether this is the main thread, where handlers of signals run.

    They run in the midst of anything else, and may raise there, or wait for
    other threads.
    """
    return bool(_get_ident() == _main)


def _after_fork_in_child() -> None:
    global _main  # noqa: PLW0603 - whoever forks is the child's main thread
    _main = _get_ident()


os.register_at_fork(after_in_child=_after_fork_in_child)


def Lock() -> Any:
    """A native lock, for short sections without any waiting inside.

    Its owner may take it again: a handler of a signal runs in the midst of
    such a section, and may send as well.
    """
    return _RLock()


def Claim() -> Any:
    """Who of several gets something: the first whose acquire(False) is true.

    Needs no lock around it.
    """
    return _allocate_lock()


class _GreenLock:
    """A lock that is held, and that a green thread waits for.

    Each has a file descriptor of its own: an eventlet hub has one reader for
    a descriptor, and keeps what is closed while somebody waits for it.
    """

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def acquire(self, blocking: bool, timeout: float) -> None:
        del blocking
        hubs = sys.modules["eventlet.hubs"]
        with contextlib.suppress(TimeoutError):
            hubs.trampoline(
                self._fd,
                read=True,
                timeout=None if timeout < 0 else timeout,
                timeout_exc=TimeoutError,
            )

    def release(self) -> None:
        os.eventfd_write(self._fd, 1)

    def __del__(self) -> None:
        # Whoever releases it has it as well, so nobody writes to another
        # file. Without one when a handler of a signal raised in __init__.
        if hasattr(self, "_fd"):
            os.close(self._fd)


class Signal:
    """An event that native threads set and green or native ones wait for."""

    __slots__ = ("_flag", "_waiters")

    def __init__(self) -> None:
        self._flag = False
        self._waiters: list[Any] = []

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        if self._flag:
            return
        self._flag = True
        while self._waiters:
            try:
                waiter = self._waiters.pop()
            except IndexError:  # it gave up, or another has woken it
                break
            waiter.release()

    def clear(self) -> None:
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until set, at most `timeout` seconds; whether it is set."""
        if self._flag:
            return True
        waiter: Any
        if is_green():
            waiter = _GreenLock()
        else:
            waiter = _allocate_lock()
            waiter.acquire()
        self._waiters.append(waiter)
        try:
            if not self._flag:
                waiter.acquire(
                    True, -1 if timeout is None else max(timeout, 0)
                )
        finally:
            if waiter in self._waiters:
                with contextlib.suppress(ValueError):
                    self._waiters.remove(waiter)
        return self._flag


class NativeThread:
    """A daemon thread of the operating system, also under eventlet."""

    def __init__(self, target: Callable[[], None], name: str) -> None:
        self._target = target
        self._done = Signal()
        self._thread = unpatched("threading").Thread(
            target=self._run, name=name, daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; whether it has ended."""
        if not self._done.wait(timeout):
            return False
        # What is left is the interpreter's own few steps.
        self._thread.join(1.0)
        return True

    def is_alive(self) -> bool:
        return bool(self._thread.is_alive())

    def _run(self) -> None:
        _mark.native = True
        try:
            self._target()
        finally:
            self._done.set()


class LogQueue:
    """Log records of native threads, written by a thread of Python's side.

    The writer is an ordinary thread (a green one under eventlet). It starts
    with the first owner and ends with close().
    """

    #: More than this many wait only when nobody writes them; the oldest go.
    LIMIT = 1000

    def __init__(self, name: str) -> None:
        self._name = name
        self._records: collections.deque[_Record] = collections.deque(
            maxlen=self.LIMIT
        )
        self._lock = Lock()
        self._signal = Signal()
        self._writer: threading.Thread | None = None

    def put(
        self, logger: logging.Logger, level: int, text: str, *args: Any
    ) -> None:
        """Queue a record. For native threads and callbacks."""
        self._records.append((logger, level, text, args))
        self._signal.set()

    def drain(self) -> None:
        """Write what is queued. For Python's side only."""
        while True:
            try:
                logger, level, text, args = self._records.popleft()
            except IndexError:
                return
            logger.log(level, text, *args)

    def start(self) -> None:
        """Start the writer, unless there is one."""
        writer = threading.Thread(
            target=lambda: self._write(writer), name=self._name, daemon=True
        )
        with self._lock:
            if self._writer is not None:
                return
            self._writer = writer
        # Outside of the lock: a green thread starts by switching to it.
        writer.start()

    def close(self, timeout: float = 1.0) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
        self._signal.set()
        if writer is not None:
            writer.join(timeout)
        self.drain()

    def _write(self, writer: threading.Thread) -> None:
        while self._writer is writer:
            self._signal.wait()
            self._signal.clear()
            self.drain()


class QueueLogger:
    """A client library's logger that puts what it gets into a LogQueue."""

    def __init__(self, queue: LogQueue, logger: logging.Logger) -> None:
        self._queue = queue
        self._logger = logger

    def log(self, level: int, text: str, *args: Any) -> None:
        if args and args[0] == "FAIL":
            # A lost connection comes as an error as well, and often.
            level = logging.DEBUG
        self._queue.put(self._logger, level, text, *args)
