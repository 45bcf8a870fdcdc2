# SPDX-License-Identifier: Apache-2.0
"""Whether topics that are missing could be made."""

from concurrent.futures import TimeoutError as FutureTimeout

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from kafka_driver import admin, errors
from kafka_driver.cli.doctor import findings
from kafka_driver.cli.doctor.client import Cluster
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.cli.doctor.topic_state import (
    NO_RIGHT,
    REPLICATION,
    TOPICS,
    Topic,
    absence,
    verb,
)

#: Answers by which the driver is not refused: it asks again, also with other
#: numbers.
_NO_ANSWER = admin.NO_DEFAULTS | {
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError.NOT_CONTROLLER,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.TOPIC_ALREADY_EXISTS,
}


def new_replicas(
    topics: list[Topic], factor: int, brokers: int, makes: bool
) -> list[Finding]:
    """Whether a topic can have as many replicas as it is to get. Pure.

    :param factor: kafka_driver_topic_replication
    :param makes: whether the driver makes topics that are missing
    """
    if factor <= brokers:
        return []
    missing = [one.name for one in topics if one.error == "missing"]
    reason = (
        f"kafka_driver_topic_replication is {factor} and the number of "
        f"brokers that answer {brokers}"
    )
    fix = f"set it to {brokers} or fewer, or start the others"
    if makes and missing:
        return [
            findings.failed(
                TOPICS,
                f"{', '.join(missing)} {verb(missing)} not exist and cannot "
                f"be made: {reason}",
                fix,
            )
        ]
    text = f"{reason}, so no topic can be created"
    return [findings.warning(REPLICATION, text, fix)]


def refusals(
    cluster: Cluster, names: list[str], partitions: int, factor: int
) -> dict[str, KafkaError]:
    """Why topics cannot be made; none of them is.

    :param partitions: kafka_driver_topic_partitions
    :param factor: kafka_driver_topic_replication
    """
    if not names:
        return {}
    futures = cluster.admin.create_topics(
        [NewTopic(name, partitions, factor) for name in names],
        request_timeout=cluster.timeout,
        validate_only=True,
    )
    found = {}
    for name, future in futures.items():
        try:
            cluster.wait(future)
        except KafkaException as exc:
            error = errors.kafka_error(exc)
            if error.code() not in _NO_ANSWER:
                found[name] = error
        except FutureTimeout:
            continue
    return found


def unmakeable(
    topics: list[Topic], refused: dict[str, KafkaError]
) -> list[Finding]:
    """The missing topics that cannot be made, by reason. Pure.

    :param refused: what the brokers say of each of them
    """
    tell = absence(topics)
    reasons: dict[int, list[str]] = {}
    for name, error in refused.items():
        reasons.setdefault(error.code(), []).append(name)
    return [
        tell(
            TOPICS,
            f"{', '.join(names)} {verb(names)} not exist and cannot be made "
            f"({errors.reason(refused[names[0]])})",
            "give the user CREATE on them, or create them"
            if code in NO_RIGHT
            else "correct kafka_driver_topic_partitions and "
            "kafka_driver_topic_replication, or the brokers' "
            "default.replication.factor where that is -1, or create them",
        )
        for code, names in reasons.items()
    ]
