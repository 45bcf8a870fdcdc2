# SPDX-License-Identifier: Apache-2.0
"""A broker that has data gets another kafka_security."""

from collections.abc import Iterator
from typing import Any

import pytest
from bus.kafka import KafkaBroker
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

# The role runs five times on what may be a busy machine.
pytestmark = pytest.mark.timeout(600)

TOPIC = "notifications.info"
WORD = "a-long-enough-word"
SECURED: dict[str, Any] = {
    "kafka_security": "sasl_scram",
    "kafka_admin_password": WORD,
    "kafka_users": [
        {"name": "nova", "password": WORD, "grants": ["listener"]},
    ],
}


def login(name: str) -> dict[str, str]:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": name,
        "sasl.password": WORD,
    }


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One that has asked nobody for a name, and holds a message."""
    one = KafkaBroker(tmp_path_factory.mktemp("change"))
    one.install()
    one.start()
    try:
        one.install(provision=True)
        producer = Producer({"bootstrap.servers": one.bootstrap})
        producer.produce(TOPIC, b"from before")
        assert producer.flush(30) == 0
        yield one
    finally:
        one.stop()


def test_a_broker_that_cannot_make_accounts_keeps_its_security(
    broker: KafkaBroker,
) -> None:
    config = broker.directory / "etc" / "server.properties"
    before = config.read_text()
    broker.stop()
    with pytest.raises(RuntimeError, match="start it as it was") as refused:
        broker.install(**SECURED)
    assert WORD not in str(refused.value)
    assert config.read_text() == before
    broker.start()


def test_accounts_are_made_before_the_broker_asks_for_them(
    broker: KafkaBroker,
) -> None:
    broker.install(**SECURED)
    broker.stop()
    broker.client = login("admin")
    broker.start()
    broker.install(**SECURED, provision=True)

    seen = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "after",
            "auto.offset.reset": "earliest",
            **login("nova"),
        }
    )
    seen.subscribe([TOPIC])
    message = seen.poll(60)
    seen.close()
    assert message is not None
    assert message.value() == b"from before"

    anonymous = AdminClient(
        {"bootstrap.servers": broker.bootstrap, "log_level": 0}
    )
    with pytest.raises(Exception, match="Failed to get metadata"):
        anonymous.list_topics(timeout=5)
