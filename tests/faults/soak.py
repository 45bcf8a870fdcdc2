# SPDX-License-Identifier: Apache-2.0
"""Sending and receiving for long: nothing lost, memory flat.

Only run when it is named: pytest tests/faults/soak.py. SOAK_SECONDS is how
long, 1800 unless it is set.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from faults.cluster import Cluster
from faults.load import Load
from faults.trial import Trial, check

SECONDS = float(os.environ.get("SOAK_SECONDS", "1800"))
#: Growth that is no leak, in KiB: allocators keep what was once used, and
#: the account of what was sent grows by itself.
ALLOWED = 48 * 1024
BYTES_OF_AN_ENTRY = 200


def resident() -> int:
    """KiB of this process in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def test_memory_stays_flat_and_nothing_is_lost(
    one_node: Cluster, trial: Callable[[str, Cluster], Trial]
) -> None:
    tried = trial(f"soak of {SECONDS:g} s, 1 node", one_node)
    seen: list[tuple[int, int]] = []

    def wait(sent: Load) -> None:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(SECONDS / 60)
            seen.append((len(sent.confirmed), resident()))
            # A broker that goes away for a moment, now and then.
            if len(seen) % 20 == 0:
                one_node.nodes[0].proxy.refuse()
                time.sleep(0.5)
                one_node.nodes[0].proxy.restore()

    check(tried.run(wait))
    # The first third warms up.
    (early, first), (late, last) = seen[len(seen) // 3], seen[-1]
    own = (late - early) * BYTES_OF_AN_ENTRY // 1024
    print(f"{first} KiB after {early} sent, {last} KiB after {late}")
    assert last - first - own < ALLOWED
