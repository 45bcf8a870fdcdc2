# SPDX-License-Identifier: Apache-2.0
"""Sending and receiving for long: nothing lost, memory flat.

Only run when it is named: pytest tests/faults/soak.py. SOAK_SECONDS is how
long, 1800 unless it is set. The sender and each of the readers are processes
of their own, which keep nothing: their memory is the driver's.
"""

import os
import time
from pathlib import Path

import pytest
import sending

from faults import load
from faults.cluster import Cluster, wait_until
from faults.load import Account, Counted
from faults.trial import READERS, Worker, check

SECONDS = float(os.environ.get("SOAK_SECONDS", "1800"))
# The suite ends a test after a quarter of an hour.
pytestmark = pytest.mark.timeout(SECONDS + 600)
#: Growth that is no leak, in KiB: allocators keep what was once used.
ALLOWED = 4 * 1024
#: Seconds between two of each of the sender's threads.
PAUSE = 0.02


def test_memory_stays_flat_and_nothing_is_lost(
    one_node: Cluster,
    tmp_path: Path,
    accounts: list[Account],
    capfd: pytest.CaptureFixture[str],
) -> None:
    topic = sending.new_topic()
    one_node.create(f"{topic}.info")
    readers = {
        reader: Worker(
            "receive",
            tmp_path,
            one_node.url,
            topic,
            consumer_group=f"{topic}-{commit}",
            kafka_driver_commit=commit,
        )
        for reader, commit in READERS.items()
    }
    sender = Worker("send", tmp_path, one_node.url, topic, pause=PAUSE)
    workers = {"sender": sender, **readers}
    seen: list[dict[str, int]] = []
    try:
        sender.wait_for(100)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(SECONDS / 60)
            seen.append({who: one.resident() for who, one in workers.items()})
            with capfd.disabled():
                print(len(sender.numbers), "sent; KiB:", seen[-1], flush=True)
            # A broker that goes away for a moment, now and then.
            if len(seen) % 20 == 0:
                one_node.nodes[0].proxy.refuse()
                time.sleep(0.5)
                one_node.nodes[0].proxy.restore()
        sender.kill()
        sent = set(sender.numbers)
        wait_until(
            lambda: all(sent <= set(one.numbers) for one in readers.values()),
            180,
        )
    finally:
        for one in workers.values():
            one.kill()
    name = f"soak of {SECONDS:g} s, 1 node"
    arrived = load.in_topic(one_node.bootstrap, f"{topic}.info")
    found = [
        load.account(name, reader, Counted(sender.numbers), numbers)
        for reader, numbers in (
            ("topic", arrived),
            *((reader, one.numbers) for reader, one in readers.items()),
        )
    ]
    accounts += found
    check(found)
    # The first third warms up.
    later = seen[len(seen) // 3 :]
    growth = {
        who: max(one[who] for one in later) - later[0][who] for who in workers
    }
    print("growth after the first third, KiB:", growth)
    assert max(growth.values()) < ALLOWED, growth
