# SPDX-License-Identifier: Apache-2.0
"""Brokers for every functional test."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bus.kafka import CHECKOUT, KafkaBroker
from bus.rabbit import SERVER, RabbitBroker


@pytest.fixture(scope="session")
def kafka_broker(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KafkaBroker]:
    """A running Kafka; a test that stops it starts it again."""
    broker = KafkaBroker(tmp_path_factory.mktemp("kafka"))
    broker.install()
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitBroker]:
    """A running RabbitMQ."""
    if not SERVER.exists():
        install = Path(CHECKOUT, "ci", "packages")
        subprocess.run([str(install), "rabbitmq-server"], check=True)
    broker = RabbitBroker(tmp_path_factory.mktemp("rabbit"))
    broker.start()
    yield broker
    broker.stop()
