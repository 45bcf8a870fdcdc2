# SPDX-License-Identifier: Apache-2.0
"""A notification sent and read back, over a topic made for it."""

import time
import uuid
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

import confluent_kafka
import oslo_messaging
from confluent_kafka import (
    OFFSET_BEGINNING,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.cimpl import NewTopic
from oslo_messaging import exceptions

from kafka_driver import client_config, envelope, errors, topics
from kafka_driver.cli.doctor import findings
from kafka_driver.cli.doctor.client import Cluster
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.driver import KafkaDriver

ROUND_TRIP = "round trip"
_NO_RIGHT = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)


def travel(
    cluster: Cluster, conf: Any, url: Any, options: Any
) -> list[Finding]:
    """Make a topic, send, read, and remove the topic again."""
    bare = f"kafka-driver-doctor-{uuid.uuid4().hex[:12]}"
    # The driver adds the virtual host to what it is given.
    topic = topics.name(bare, None, topics.check_vhost(url.virtual_host))
    left = None
    # An interrupt may come before the brokers' answer, and they make it.
    made = True
    try:
        refused = _create(cluster, topic, options)
        made = refused is None
        found = refused or _over(
            cluster, conf, url, options, bare=bare, topic=topic
        )
    finally:
        if made:
            left = _remove(cluster, topic)
    return [found] if left is None else [found, left]


def _create(cluster: Cluster, topic: str, options: Any) -> Finding | None:
    """Make the topic; why there is none, and None when it is there."""
    wanted = NewTopic(topic, 1, options.kafka_driver_topic_replication)
    try:
        cluster.wait(
            cluster.admin.create_topics(
                [wanted], request_timeout=cluster.timeout
            )[topic]
        )
    except KafkaException as exc:
        error = errors.kafka_error(exc)
        if error.code() in _NO_RIGHT:
            return findings.skipped(
                ROUND_TRIP,
                "the user may not create a topic for it; try the commands "
                "send and tail on a topic of the service",
            )
        return findings.failed(
            ROUND_TRIP,
            f"a topic for it cannot be created ({errors.reason(error)})",
            "see that kafka_driver_topic_replication, or the brokers' "
            "default.replication.factor, is no more than the brokers there "
            "are",
        )
    except FutureTimeout:
        return findings.failed(
            ROUND_TRIP,
            "no broker created a topic for it in time",
            f"look at the controller's log, and delete topic {topic} if it "
            "is there",
        )
    return None


def _over(
    cluster: Cluster,
    conf: Any,
    url: Any,
    options: Any,
    *,
    bare: str,
    topic: str,
) -> Finding:
    mark = uuid.uuid4().hex
    driver = KafkaDriver(conf, url)
    try:
        begin = time.monotonic()
        driver.send_confirmed(
            oslo_messaging.Target(topic=bare),
            {},
            {"event_type": "kafka_driver.doctor", "payload": mark},
            cluster.timeout,
        )
        sent = time.monotonic() - begin
    except exceptions.MessagingException as exc:
        return findings.failed(
            ROUND_TRIP,
            f"sending failed: {exc}",
            "look at the checks above and at the brokers' logs",
        )
    finally:
        driver.cleanup()
    begin = time.monotonic()
    if not _read(topic, mark, url, options, cluster.timeout):
        return findings.failed(
            ROUND_TRIP,
            f"what was sent could not be read within {cluster.timeout:g} s",
            "look at the brokers' logs",
        )
    read = time.monotonic() - begin
    return findings.ok(
        ROUND_TRIP,
        f"sent and confirmed in {sent * 1000:.0f} ms, read in "
        f"{read * 1000:.0f} ms, with connecting",
    )


def _read(
    topic: str, mark: str, url: Any, options: Any, timeout: float
) -> bool:
    """Whether the record with this mark comes, without joining a group."""
    settings = client_config.consumer(url, options, topic, "earliest")
    reader = confluent_kafka.Consumer(
        {
            **settings,
            "enable.auto.commit": False,
            "statistics.interval.ms": 0,
            "log_level": 0,
        }
    )
    try:
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            record = reader.poll(0.2)
            if record is not None and record.error() is None:
                _ctxt, message = envelope.decode(record.value())
                return bool(message.get("payload") == mark)
        return False
    finally:
        reader.close()


def _remove(cluster: Cluster, topic: str) -> Finding | None:
    """Remove the topic; a finding when it is left.

    What the round trip showed stands, whatever becomes of it.
    """
    try:
        cluster.wait(
            cluster.admin.delete_topics(
                [topic], request_timeout=cluster.timeout
            )[topic]
        )
    except KafkaException as exc:
        error = errors.kafka_error(exc)
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return None
        why = errors.reason(error)
    except FutureTimeout:
        why = "no answer in time"
    else:
        return None
    return findings.warning(
        ROUND_TRIP,
        f"topic {topic}, made for it, could not be removed ({why})",
        "delete it",
    )
