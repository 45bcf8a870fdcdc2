# SPDX-License-Identifier: Apache-2.0
"""Brokers for every functional test."""

import fcntl
import os
import subprocess
from collections.abc import Iterator

import pytest
from bus.kafka import CHECKOUT, KafkaBroker
from bus.rabbit import SERVER, RabbitBroker


@pytest.fixture(scope="session")
def kafka_broker(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KafkaBroker]:
    """A running Kafka; a test that stops it starts it again."""
    base = tmp_path_factory.mktemp("kafka")
    broker = KafkaBroker(base)
    # The first process of a run fills the archive cache and installs
    # packages; the others do without, and need not wait for each other.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    prepared = base.parents[1] / f"archive-is-cached-{run}"
    with (CHECKOUT / ".build" / "functional.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = not prepared.exists()
        if first:
            broker.install()
            prepared.touch()
    if not first:
        broker.install()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitBroker]:
    """A running RabbitMQ."""
    if not SERVER.exists():
        install = CHECKOUT / "ci" / "packages"
        subprocess.run([str(install), "rabbitmq-server"], check=True)
    broker = RabbitBroker(tmp_path_factory.mktemp("rabbit"))
    broker.start()
    yield broker
    broker.stop()
