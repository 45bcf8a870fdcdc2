# SPDX-License-Identifier: Apache-2.0
"""A broker that listens on an IPv6 address, and who talks to it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from bus.kafka import KafkaBroker
from oslo_config import cfg

# The role runs twice on what may be a busy machine.
pytestmark = [
    pytest.mark.timeout(600),
    # A machine for CI that lacks it has to say so.
    pytest.mark.skipif(
        not Path("/proc/net/if_inet6").exists() and not os.environ.get("CI"),
        reason="no IPv6 here",
    ),
]

TOPIC = "over-ipv6"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One with a topic that the role has made."""
    one = KafkaBroker(tmp_path_factory.mktemp("ipv6"), "::1")
    one.install()
    one.start()
    try:
        one.install(provision=True, kafka_topics=[{"name": f"{TOPIC}.info"}])
        yield one
    finally:
        one.stop()


def test_a_notification_crosses_a_broker_on_an_ipv6_address(
    broker: KafkaBroker,
) -> None:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    transport = oslo_messaging.get_notification_transport(
        conf,
        f"kafka-driver://{broker.bootstrap}/"
        "?kafka_driver_create_topics=false"
        "&kafka_driver_auto_offset_reset=earliest",
    )
    heard: list[Any] = []

    class Endpoint:
        def info(self, *args: Any) -> None:
            heard.append(args[2])
            server.stop()

    server = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(topic=TOPIC)],
        [Endpoint()],
        executor="threading",
    )
    try:
        oslo_messaging.Notifier(
            transport, "tests", driver="messagingv2", topics=[TOPIC]
        ).info({}, "over.ipv6", {})
        server.start()
        server.wait()
        assert heard == ["over.ipv6"]
    finally:
        transport.cleanup()
