# SPDX-License-Identifier: Apache-2.0
import logging
import subprocess
import sys
import threading
import time

import pytest

from kafka_driver import concurrency


def test_signal_wakes_a_waiting_thread() -> None:
    signal = concurrency.Signal()
    woken = []
    thread = threading.Thread(target=lambda: woken.append(signal.wait(10)))
    thread.start()
    time.sleep(0.05)
    signal.set()
    thread.join(1)
    assert woken == [True]


def test_signal_wakes_every_waiting_thread() -> None:
    signal = concurrency.Signal()
    woken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: woken.append(signal.wait(10)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    signal.set()
    for thread in threads:
        thread.join(1)
    assert woken == [True] * 5


def test_signal_stays_set_until_cleared() -> None:
    signal = concurrency.Signal()
    assert not signal.wait(0.01)
    signal.set()
    signal.set()
    assert signal.wait()
    assert signal.is_set()
    signal.clear()
    assert not signal.wait(0)


def test_native_thread_can_be_waited_for() -> None:
    go = concurrency.Signal()
    thread = concurrency.NativeThread(lambda: bool(go.wait()), "test")
    thread.start()
    assert not thread.join(0.05)
    assert thread.is_alive()
    go.set()
    assert thread.join(5)
    assert not thread.is_alive()


def test_log_queue_writes_on_pythons_side(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("kafka_driver.test")
    queue = concurrency.LogQueue("test-log")
    queue.start()
    queue.start()
    thread = concurrency.NativeThread(
        lambda: queue.put(logger, logging.ERROR, "said %d", 7), "test-native"
    )
    thread.start()
    thread.join()
    deadline = time.monotonic() + 5
    while not caplog.records and time.monotonic() < deadline:
        time.sleep(0.01)
    (record,) = caplog.records
    assert record.getMessage() == "said 7"
    assert record.threadName == "test-log"
    queue.close()
    names = {thread.name for thread in threading.enumerate()}
    assert "test-log" not in names


def test_log_queue_is_bounded_and_writes_the_rest_when_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("kafka_driver.test")
    queue = concurrency.LogQueue("test-log")
    for number in range(concurrency.LogQueue.LIMIT + 5):
        queue.put(logger, logging.ERROR, "%d", number)
    queue.close()
    assert len(caplog.records) == concurrency.LogQueue.LIMIT
    assert caplog.records[0].getMessage() == "5"


GREEN = """
{before}
import eventlet
eventlet.monkey_patch()
import logging, os, threading, time
logging.basicConfig(format="%(threadName)s %(message)s")
LOG = logging.getLogger()
from kafka_driver.concurrency import LogQueue, NativeThread, Signal, is_green

assert is_green()
ticks = []


def tick():
    while True:
        eventlet.sleep(0.01)
        ticks.append(1)


eventlet.spawn(tick)
signals = [Signal() for _ in range(50)]
green = []


def native():
    assert not is_green()
    idle = Signal()
    assert not idle.wait(0.3)
    for signal in signals:
        signal.set()
    queue.put(LOG, logging.ERROR, "from native")


queue = LogQueue("writer")
queue.start()
thread = NativeThread(native, "native")
thread.start()
waiting = [eventlet.spawn(signal.wait, 10) for signal in signals]
assert all(one.wait() for one in waiting)
assert len(ticks) > 3, len(ticks)
assert thread.join(5)
assert not Signal().wait(0.05)
queue.close()
del signals, waiting
files = os.listdir("/proc/self/fd")
links = [os.readlink(f"/proc/self/fd/{{fd}}") for fd in files
         if os.path.exists(f"/proc/self/fd/{{fd}}")]
assert not any("eventfd" in link for link in links), links
print("well")
"""


SHARED = """
import eventlet
eventlet.monkey_patch()
from kafka_driver.concurrency import LogQueue, NativeThread, Signal

go = Signal()
thread = NativeThread(lambda: bool(go.wait(10)), "native")
thread.start()
queue = LogQueue("writer")
queue.start()
eventlet.sleep(0.05)
waiting = [eventlet.spawn(thread.join, 10) for _ in range(3)]
eventlet.sleep(0.05)
closing = [eventlet.spawn(queue.close) for _ in range(3)]
# What is made meanwhile gets the descriptors that were given back.
later = [eventlet.spawn(Signal().wait, 0.1) for _ in range(3)]
assert not any(one.wait() for one in later)
go.set()
assert all(one.wait() for one in waiting)
for one in closing:
    one.wait()
print("well")
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_green_threads_may_end_the_same_at_a_time() -> None:
    done = run(SHARED)
    assert done.stdout == "well\n", done.stderr
    assert not done.stderr


@pytest.mark.parametrize(
    "before",
    ["", "import kafka_driver.concurrency"],
    ids=["patched first", "imported first"],
)
def test_native_threads_wake_green_ones_and_do_not_stop_them(
    before: str,
) -> None:
    done = run(GREEN.format(before=before))
    assert done.stdout == "well\n", done.stderr
    assert "from native" in done.stderr
