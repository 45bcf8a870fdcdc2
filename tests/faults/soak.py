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
#: Growth that is no leak, in KiB: allocators keep what was once used.
ALLOWED = 16 * 1024


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
            # Without what the account keeps: that grows by itself.
            own = tried.held(sent) // 1024
            seen.append((len(sent.confirmed), resident() - own))
            print(f"{seen[-1][0]} sent, {seen[-1][1]} KiB and {own} of ours")
            # A broker that goes away for a moment, now and then.
            if len(seen) % 20 == 0:
                one_node.nodes[0].proxy.refuse()
                time.sleep(0.5)
                one_node.nodes[0].proxy.restore()

    check(tried.run(wait))
    # The first third warms up.
    later = [size for _count, size in seen[len(seen) // 3 :]]
    print(f"{min(later)} to {max(later)} KiB after the first third")
    assert max(later) - later[0] < ALLOWED
