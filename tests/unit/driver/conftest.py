# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Callable, Iterator
from typing import Any

import oslo_messaging
import pytest
from confluent_kafka import Consumer, TopicPartition
from hypothesis import settings
from mock_cluster import MockCluster
from oslo_config import cfg

# No files in the checkout, no failure because the machine is busy.
settings.register_profile("here", database=None, deadline=None)
settings.load_profile("here")


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    """A mock broker with the topic notifications.info."""
    mock = MockCluster()
    mock.create_topic("notifications.info")
    yield mock
    mock.close()


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    """An empty configuration."""
    found = cfg.ConfigOpts()
    found([], default_config_files=[], default_config_dirs=[])
    return found


@pytest.fixture
def transport(conf: cfg.ConfigOpts) -> Iterator[Callable[..., Any]]:
    """transport(url, option=value...): a transport that gets cleaned up."""
    made = []

    def make(url: str, **options: Any) -> Any:
        query = "&".join(f"{key}={value}" for key, value in options.items())
        made.append(
            oslo_messaging.get_notification_transport(
                conf, f"{url}?{query}" if query else url
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.cleanup()


@pytest.fixture
def read() -> Callable[..., list[Any]]:
    """read(bootstrap, topic, count): the topic's records, from its start."""

    def consume(
        bootstrap: str, topic: str, count: int, timeout: float = 10.0
    ) -> list[Any]:
        consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "test",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )
        found = consumer.list_topics(topic, timeout).topics[topic]
        consumer.assign(
            [TopicPartition(topic, number, 0) for number in found.partitions]
        )
        records: list[Any] = []
        deadline = time.monotonic() + timeout
        while len(records) < count and time.monotonic() < deadline:
            batch = consumer.consume(count - len(records), 0.2)
            records += [one for one in batch if one.error() is None]
        consumer.close()
        return records

    return consume


@pytest.fixture
def listen(
    transport: Callable[..., Any], cluster: MockCluster
) -> Callable[..., Any]:
    """listen(option=value...): a listener to poll on the mock brokers."""

    def make(
        *,
        pool: str | None = None,
        batch_size: int | None = 1,
        url: str | None = None,
        **options: Any,
    ) -> Any:
        made = transport(url or cluster.url, **options)
        made._driver.listen_for_notifications(
            [(oslo_messaging.Target(topic="notifications"), "info")],
            pool,
            batch_size,
            None,
        )
        return made._driver.listeners[-1]

    return make
