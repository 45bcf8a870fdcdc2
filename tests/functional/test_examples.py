# SPDX-License-Identifier: Apache-2.0
"""The examples exchange notifications, whichever driver carries them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COUNT = 3
PATIENCE = 60


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [
        ("kafka-driver", "kafka-driver"),
        ("kafka-driver", "kafka"),
        ("kafka", "kafka-driver"),
    ],
)
def test_programs_exchange_notifications(kafka_broker, sender, receiver):
    pool = f"example-{sender}-{receiver}"
    listener = subprocess.Popen(
        [
            sys.executable,
            EXAMPLES / "listen.py",
            f"{receiver}://{kafka_broker.bootstrap}/",
            f"--pool={pool}",
            f"--count={COUNT}",
            f"--timeout={PATIENCE}",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        # A listener hears nothing of what was sent before it had its
        # partitions, so it is sent to until it has heard enough.
        deadline = time.monotonic() + PATIENCE
        while listener.poll() is None and time.monotonic() < deadline:
            subprocess.run(
                [
                    sys.executable,
                    EXAMPLES / "notify.py",
                    f"{sender}://{kafka_broker.bootstrap}/",
                    str(COUNT),
                ],
                check=True,
                timeout=PATIENCE,
            )
        output, _ = listener.communicate(timeout=PATIENCE)
    finally:
        listener.kill()
        listener.wait()
    assert listener.returncode == 0
    received = [line for line in output.splitlines() if "compute." in line]
    sent = [
        "compute.host1 compute.instance.create.end "
        f"{{'name': 'vm{number}', 'state': 'active'}}"
        for number in range(COUNT)
    ]
    assert len(received) >= COUNT
    assert set(received) == set(sent)
