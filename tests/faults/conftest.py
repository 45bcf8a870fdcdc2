# SPDX-License-Identifier: Apache-2.0
"""Clusters for the faults, and the report of what they cost."""

import datetime
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus.kafka import KafkaBroker

from faults.cluster import Cluster
from faults.fixtures import ACCOUNTS, accounts, trial

__all__ = ["accounts", "trial"]


@pytest.fixture(scope="session")
def kafka_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed Kafka, from the role."""
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    broker.install()
    return broker.home


@pytest.fixture(scope="module")
def one_node(
    kafka_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    yield from _running(Cluster(kafka_home, tmp_path_factory.mktemp("one"), 1))


@pytest.fixture(scope="module")
def secure_node(
    kafka_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """One node with logins and rights."""
    directory = tmp_path_factory.mktemp("secure")
    yield from _running(Cluster(kafka_home, directory, 1, secure=True))


@pytest.fixture(scope="module")
def three_nodes(
    kafka_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("three")
    yield from _running(Cluster(kafka_home, directory, 3))


@pytest.fixture
def pause() -> int:
    """Seconds that an outage lasts: longer than sessions with brokers."""
    return 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 64 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted: {mounted.stderr}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What each fault cost, in the end."""
    if ACCOUNTS:
        today = datetime.datetime.now(datetime.UTC).date()
        terminalreporter.section(
            f"faults, {today}, {os.cpu_count()} cores", sep="="
        )
        for one in ACCOUNTS:
            terminalreporter.line(str(one))


def _running(cluster: Cluster) -> Iterator[Cluster]:
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
