# SPDX-License-Identifier: Apache-2.0
"""The brokers of the functional tests do what the others count on."""

import re
import signal
import subprocess
from pathlib import Path

import oslo_messaging
from bus.kafka import KafkaBroker
from bus.process import answers
from bus.rabbit import RabbitBroker
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from oslo_config import cfg

# The JVM ends with 128 + SIGTERM after it has closed everything.
CLEAN_EXIT = 128 + signal.SIGTERM


def test_the_data_survives_a_clean_stop_and_a_kill(
    kafka_broker: KafkaBroker,
) -> None:
    topic = "test-survives"
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    producer = Producer({"bootstrap.servers": kafka_broker.bootstrap})

    producer.produce(topic, b"one")
    assert producer.flush(10) == 0
    assert kafka_broker.stop() == CLEAN_EXIT
    assert not answers(kafka_broker.port)
    kafka_broker.start()
    producer.produce(topic, b"two")
    assert producer.flush(30) == 0
    assert kafka_broker.kill() == -signal.SIGKILL
    kafka_broker.start()

    consumer = Consumer(
        {"bootstrap.servers": kafka_broker.bootstrap, "group.id": topic}
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = [record.value() for record in consumer.consume(2, 30)]
    consumer.close()
    assert values == [b"one", b"two"]


def test_the_tools_of_kafka_work(kafka_broker: KafkaBroker) -> None:
    done = subprocess.run(
        [
            Path(kafka_broker.home, "bin", "kafka-cluster.sh"),
            "cluster-id",
            "--bootstrap-server",
            kafka_broker.bootstrap,
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    known = Path(kafka_broker.data_dir, "meta.properties").read_text()
    found = re.search(r"^cluster\.id=(.+)$", known, re.MULTILINE)
    assert found
    assert found[1] in done.stdout


def test_a_call_is_answered_through_rabbitmq(rabbit: RabbitBroker) -> None:
    class Endpoint:
        def double(self, _ctxt: object, number: int) -> int:
            return 2 * number

    # The server asks the global object whatever it is given.
    conf = cfg.CONF
    conf([], default_config_files=[], default_config_dirs=[])
    transport = oslo_messaging.get_rpc_transport(conf, rabbit.url)
    server = oslo_messaging.get_rpc_server(
        transport,
        oslo_messaging.Target(topic="test-bus", server="here"),
        [Endpoint()],
    )
    server.start()
    try:
        client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic="test-bus"), timeout=20
        )
        assert client.call({}, "double", number=21) == 42
    finally:
        server.stop()
        server.wait()
        transport.cleanup()
