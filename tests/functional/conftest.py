# SPDX-License-Identifier: Apache-2.0
"""Brokers for every functional test."""

import fcntl
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
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    # One process at a time fills the archive cache and installs packages.
    with (CHECKOUT / ".build" / "functional.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
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
