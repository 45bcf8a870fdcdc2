# SPDX-License-Identifier: Apache-2.0
"""The short form of tests/faults: one node, and outages of 3 seconds."""

from collections.abc import Iterator

import pytest
from bus.kafka import KafkaBroker
from faults.cluster import Cluster
from faults.fixtures import accounts, trial
from faults.test_faults import (
    test_cut_the_network,
    test_kill_the_leader,
    test_kill_the_leader_while_buffered_senders_fill_the_queue,
    test_kill_the_receiving_process,
    test_kill_the_sending_process,
)

__all__ = [
    "accounts",
    "test_cut_the_network",
    "test_kill_the_leader",
    "test_kill_the_leader_while_buffered_senders_fill_the_queue",
    "test_kill_the_receiving_process",
    "test_kill_the_sending_process",
    "trial",
]


@pytest.fixture(scope="module")
def cluster(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    found = Cluster(kafka_broker.home, tmp_path_factory.mktemp("one"), 1)
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def pause() -> int:
    return 3
