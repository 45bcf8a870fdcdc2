# SPDX-License-Identifier: Apache-2.0
"""The examples exchange notifications, whichever driver carries them."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

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
        wait_for_group(kafka_broker, pool, listener)
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
        output, _ = listener.communicate(timeout=PATIENCE + 10)
    finally:
        listener.kill()
        listener.wait()
    assert listener.returncode == 0
    received = [line for line in output.splitlines() if "compute." in line]
    assert received == [
        f"compute.host1 compute.instance.create.end vm{number}"
        for number in range(COUNT)
    ]


def wait_for_group(broker, pool, listener):
    """Wait until the listener has its partitions: earlier it hears nothing."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and listener.poll() is None:
        groups = admin.list_consumer_groups().result().valid
        for group in groups:
            if pool in group.group_id and group.state.name == "STABLE":
                return
        time.sleep(0.5)
    pytest.fail(f"no stable group of {pool}: {[g.group_id for g in groups]}")
