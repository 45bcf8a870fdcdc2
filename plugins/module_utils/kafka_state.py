# SPDX-License-Identifier: Apache-2.0
"""What a cluster is like now, as kafka_health.py judges it."""

from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
    kafka_health,
    kafka_tool,
)

SECONDS = 10


def read_answering(admin, brokers):
    """Which brokers answer a question that only they can."""
    resource = kafka_client.kafka_admin.ConfigResource
    asked = {}
    for broker in brokers:
        asked[broker] = admin.describe_configs(
            [resource(resource.Type.BROKER, str(broker))], request_timeout=5
        )
    alive = []
    for broker, futures in asked.items():
        try:
            next(iter(futures.values())).result()
        except kafka_client.KafkaException:
            continue
        alive.append(broker)
    return alive


def read_partitions(admin):
    """Every partition: where its copies are, and which are up to date."""
    return [
        {
            "topic": name,
            "partition": number,
            "leader": part.leader,
            "replicas": list(part.replicas),
            "isr": list(part.isrs),
        }
        for name, topic in admin.list_topics(timeout=SECONDS).topics.items()
        for number, part in topic.partitions.items()
    ]


def read_quorum(module):
    """The controllers, which only Kafka's own tool can ask."""
    return kafka_health.parse_quorum(
        kafka_tool.run(
            module, "kafka-metadata-quorum", "describe", "--replication"
        )
    )


def read_state(admin, brokers, controllers):
    """All but the quorum, whose reading starts a JVM."""
    partitions = read_partitions(admin)
    settings = kafka_client.read_topic_settings(
        admin, {part["topic"] for part in partitions}, SECONDS
    )
    return {
        "expected": brokers,
        "answering": read_answering(admin, brokers),
        "controllers": controllers,
        "partitions": [
            dict(
                part,
                min_isr=int(settings[part["topic"]]["min.insync.replicas"]),
            )
            for part in partitions
        ],
        "quorum": None,
    }
