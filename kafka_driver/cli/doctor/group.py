# SPDX-License-Identifier: Apache-2.0
"""The consumer group: members, right to read, and what waits for it."""

import dataclasses
import time
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]

from kafka_driver import errors
from kafka_driver.cli.doctor import findings
from kafka_driver.cli.doctor.client import Cluster
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.cli.doctor.topic_state import Topic, operations

GROUP = "group"
_NO_COORDINATOR = frozenset(
    {
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


@dataclasses.dataclass(frozen=True)
class Group:
    """What the brokers tell of a group.

    :param waiting: records behind its offsets, by topic; a topic that it
        never committed an offset of is not in it
    :param may_read: None when the brokers do not tell it
    """

    name: str
    members: int
    waiting: dict[str, int]
    may_read: bool | None = None


def is_name(text: str) -> bool:
    """Whether a group can be called so: others end the client library."""
    try:
        return bool(text.encode())
    except UnicodeEncodeError:
        return False


def examine(cluster: Cluster, name: str, topics: list[Topic]) -> list[Finding]:
    """Look at a group. What the brokers refuse is a finding, too."""
    if not is_name(name):
        return [
            findings.failed(
                GROUP,
                f"consumer_group is {name!r}, which no group can be called",
                "correct it in section [oslo_messaging_kafka]",
            )
        ]
    try:
        told = _describe(cluster, name)
        waiting = _waiting(
            cluster, name, [one for one in topics if not one.error]
        )
    except KafkaException as exc:
        return [refused(name, errors.kafka_error(exc))]
    except FutureTimeout:
        return [findings.skipped(GROUP, "the brokers did not answer in time")]
    may = operations(told.authorized_operations)
    group = Group(
        name,
        len(told.members),
        waiting,
        None if may is None else "READ" in may,
    )
    return [judge(group)]


def _describe(cluster: Cluster, name: str) -> Any:
    """Ask until the group has a coordinator, for the timeout at most."""
    until = time.monotonic() + cluster.timeout
    while True:
        try:
            return cluster.wait(
                cluster.admin.describe_consumer_groups(
                    [name],
                    include_authorized_operations=True,
                    request_timeout=cluster.timeout,
                )[name]
            )
        except KafkaException as exc:
            # The first question of all makes the brokers' own topic.
            code = errors.kafka_error(exc).code()
            if code not in _NO_COORDINATOR or time.monotonic() > until:
                raise
        time.sleep(0.5)


def judge(group: Group) -> Finding:
    """What the state of a group means. Pure."""
    lag = sum(group.waiting.values())
    detail = ", ".join(
        f"{number} in {topic}"
        for topic, number in sorted(group.waiting.items())
        if number
    )
    members = f"{group.members} member{'' if group.members == 1 else 's'}"
    text = f"{group.name} has {members}, {lag} notifications wait"
    if detail:
        text += f" ({detail})"
    if group.may_read is False:
        return findings.warning(
            GROUP,
            f"the user may not join the group {group.name}",
            "give the user READ on the group if the service is to listen",
        )
    if group.members == 0 and lag:
        return findings.warning(
            GROUP,
            text,
            "start the listener, or name the pool that it uses with --group",
        )
    if group.members == 0 and not group.waiting:
        text = (
            f"{group.name} has no member and never had an offset: no "
            "listener uses it (--group looks at another, such as a pool)"
        )
    return findings.ok(GROUP, text)


def refused(name: str, error: KafkaError) -> Finding:
    """Why nothing is told about a group. Pure."""
    if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
        return findings.warning(
            GROUP,
            f"the user may not see the group {name}",
            "give the user READ on the group if the service is to listen",
        )
    if error.code() in _NO_COORDINATOR:
        return findings.failed(
            GROUP,
            f"no broker coordinates the group {name} "
            f"({errors.reason(error)}), so listeners get nothing",
            "set offsets.topic.replication.factor to no more than the "
            "number of brokers, and see that they all run",
        )
    if error.code() in (KafkaError._TIMED_OUT, KafkaError._WAIT_COORD):
        return findings.warning(
            GROUP,
            f"no broker answered for the group {name} in time",
            "run this again: the first question of all makes the brokers "
            "create a topic; if it stays so, look at their logs",
        )
    return findings.skipped(
        GROUP, f"the brokers refused to tell ({errors.reason(error)})"
    )


def _waiting(
    cluster: Cluster, name: str, topics: list[Topic]
) -> dict[str, int]:
    places = [
        TopicPartition(topic.name, part.number)
        for topic in topics
        for part in topic.partitions
        if part.leader >= 0
    ]
    if not places:
        return {}
    asked = cluster.admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(name, places)],
        request_timeout=cluster.timeout,
    )[name]
    committed = {
        (one.topic, one.partition): one.offset
        for one in cluster.wait(asked).topic_partitions
        if one.error is None and one.offset >= 0
    }
    ends = cluster.admin.list_offsets(
        dict.fromkeys(
            [TopicPartition(*place) for place in committed],
            OffsetSpec.latest(),  # type: ignore[no-untyped-call]
        ),
        request_timeout=cluster.timeout,
    )
    waiting: dict[str, int] = {}
    for place, future in ends.items():
        behind = (
            cluster.wait(future).offset
            - committed[place.topic, place.partition]
        )
        waiting[place.topic] = waiting.get(place.topic, 0) + max(0, behind)
    return waiting
