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


def read_min_isr(admin, topics):
    """How many copies of each topic must be in sync for a write."""
    if not topics:
        return {}
    resource = kafka_client.kafka_admin.ConfigResource
    futures = admin.describe_configs(
        [resource(resource.Type.TOPIC, name) for name in topics],
        request_timeout=SECONDS,
    )
    return {
        where.name: int(future.result()["min.insync.replicas"].value)
        for where, future in futures.items()
    }


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
    wanted = read_min_isr(admin, {part["topic"] for part in partitions})
    return {
        "expected": brokers,
        "answering": read_answering(admin, brokers),
        "controllers": controllers,
        "partitions": [
            dict(part, min_isr=wanted[part["topic"]]) for part in partitions
        ],
        "quorum": None,
    }
