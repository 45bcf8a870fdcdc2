# SPDX-License-Identifier: Apache-2.0
"""Topics: whether they are there, replicated, and what the user may do."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ConfigResource,
    ResourceType,
)

from kafka_driver import errors
from kafka_driver.cli.doctor import findings
from kafka_driver.cli.doctor.client import Cluster
from kafka_driver.cli.doctor.findings import Finding

TOPICS = "topics"
REPLICATION = "replication"
PERMISSIONS = "permissions"

NO_RIGHT = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)


@dataclasses.dataclass(frozen=True)
class Partition:
    number: int
    leader: int
    replicas: int
    in_sync: int


@dataclasses.dataclass(frozen=True)
class Topic:
    """What the brokers tell of a topic.

    :param error: why they tell nothing: "", "missing", "forbidden" or text
    :param may: names of operations; None when the brokers do not tell them
    :param min_insync: None when the user may not read it
    """

    name: str
    error: str = ""
    partitions: tuple[Partition, ...] = ()
    may: frozenset[str] | None = None
    min_insync: int | None = None


def read(cluster: Cluster, names: list[str]) -> list[Topic]:
    """Ask about topics. Each of them is answered, with an error at least."""
    try:
        futures = cluster.admin.describe_topics(
            TopicCollection(names),
            include_authorized_operations=True,
            request_timeout=cluster.timeout,
        )
    except (KafkaException, ValueError, TypeError) as exc:
        return [Topic(name, str(exc)) for name in names]
    found = [_topic(cluster, name, futures[name]) for name in names]
    there = [one.name for one in found if not one.error]
    minimums = _minimums(cluster, there)
    return [
        dataclasses.replace(one, min_insync=minimums.get(one.name))
        for one in found
    ]


def existence(
    topics: list[Topic], created: bool, what_creates: str
) -> list[Finding]:
    """Which topics exist. Pure.

    :param created: whether a missing one is made when it is first used
    :param what_creates: who makes it, or which setting forbids it
    """
    found = []
    there = [one for one in topics if not one.error]
    if there:
        found.append(findings.ok(TOPICS, "; ".join(_sizes(there))))
    missing = [one.name for one in topics if one.error == "missing"]
    text = f"{', '.join(missing)} {verb(missing)} not exist"
    if missing and created:
        found.append(
            findings.ok(TOPICS, f"{text}: made at first use ({what_creates})")
        )
    elif missing:
        found.append(
            absence(topics)(
                TOPICS,
                f"{text}, and nobody makes them ({what_creates})",
                "create them, or notifications of these priorities are lost",
            )
        )
    hidden = [one.name for one in topics if one.error == "forbidden"]
    if hidden:
        found.append(
            findings.failed(
                PERMISSIONS,
                f"the user may not see {', '.join(hidden)}",
                "give the user DESCRIBE on them, WRITE to send and READ to "
                "listen",
            )
        )
    found += [
        findings.failed(
            TOPICS,
            f"{one.name} cannot be looked at ({one.error})",
            "look at the brokers' logs",
        )
        for one in topics
        if one.error not in ("", "missing", "forbidden")
    ]
    return found


def absence(topics: list[Topic]) -> Callable[[str, str, str], Finding]:
    """How bad it is that some are missing: few services use every priority."""
    there = any(not one.error for one in topics)
    return findings.warning if there else findings.failed


def replication(
    topics: list[Topic], brokers: int, capped: bool
) -> list[Finding]:
    """Whether records are accepted, now and with a broker less. Pure.

    :param capped: whether the brokers want no more replicas in sync than
        a topic has
    """
    found = []
    there = [one for one in topics if not one.error]
    for topic in there:
        found += _replication(topic, brokers, capped)
    if there and not found:
        found.append(
            findings.ok(REPLICATION, "every replica of the topics is in sync")
        )
    unknown = [one.name for one in there if one.min_insync is None]
    if unknown:
        found.append(
            findings.skipped(
                REPLICATION,
                "the user may not read min.insync.replicas (no right "
                f"DESCRIBE_CONFIGS on {', '.join(unknown)})",
            )
        )
    return found


def permissions(topics: list[Topic], sends: bool) -> list[Finding]:
    """What the user may do with the topics that exist. Pure.

    :param sends: whether the configuration is of a service that sends
    """
    there = [one for one in topics if not one.error]
    if any(one.error == "forbidden" for one in topics) and not there:
        return []  # said already
    if not there:
        return [findings.skipped(PERMISSIONS, "no topic exists")]
    if any(one.may is None for one in there):
        return [
            findings.skipped(
                PERMISSIONS, "these brokers do not tell them (before 2.3)"
            )
        ]
    found = []
    for operation, what in (("WRITE", "send to"), ("READ", "listen to")):
        lack = [one.name for one in there if operation not in (one.may or ())]
        if not lack:
            continue
        needed = operation == "WRITE" and sends
        tell = findings.failed if needed else findings.warning
        found.append(
            tell(
                PERMISSIONS,
                f"the user may not {what} {', '.join(lack)}",
                f"give the user {operation} on them"
                + ("" if needed else f" if the service is to {what} them"),
            )
        )
    if not found:
        return [findings.ok(PERMISSIONS, "sending and listening are allowed")]
    return found


def settings(
    cluster: Cluster, kind: Any, names: list[str]
) -> dict[str, dict[str, str]]:
    """Name -> its settings, of those that the user may read."""
    resources = [ConfigResource(kind, name) for name in names]
    if not resources:
        return {}
    found = {}
    try:
        futures = cluster.admin.describe_configs(
            resources, request_timeout=cluster.timeout
        )
    except (KafkaException, ValueError):
        return {}
    for resource, future in futures.items():
        try:
            entries = cluster.wait(future)
        except (KafkaException, FutureTimeout):
            continue
        found[resource.name] = {
            entry.name: entry.value for entry in entries.values()
        }
    return found


def _topic(cluster: Cluster, name: str, future: Any) -> Topic:
    try:
        told = cluster.wait(future)
    except KafkaException as exc:
        error = errors.kafka_error(exc)
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return Topic(name, "missing")
        if error.code() in NO_RIGHT:
            return Topic(name, "forbidden")
        return Topic(name, errors.reason(error))
    except FutureTimeout:
        return Topic(name, "no answer in time")
    return Topic(
        name,
        partitions=tuple(
            Partition(
                one.id,
                -1 if one.leader is None else one.leader.id,
                len(one.replicas),
                len(one.isr),
            )
            for one in told.partitions
        ),
        may=operations(told.authorized_operations),
    )


def operations(told: list[Any] | None) -> frozenset[str] | None:
    """The names of operations, None when a broker tells none. Pure."""
    return None if told is None else frozenset(one.name for one in told)


def _minimums(cluster: Cluster, names: list[str]) -> dict[str, int]:
    read_ones = settings(cluster, ResourceType.TOPIC, names)
    return {
        name: int(entries["min.insync.replicas"])
        for name, entries in read_ones.items()
        if entries.get("min.insync.replicas", "").isdigit()
    }


def _replication(topic: Topic, brokers: int, capped: bool) -> list[Finding]:
    found = []
    headless = [one.number for one in topic.partitions if one.leader < 0]
    if headless:
        found.append(
            findings.failed(
                REPLICATION,
                f"{topic.name}: no leader for partition {_list(headless)}, "
                "so nothing is sent to it or read from it",
                "start the brokers that have its replicas",
            )
        )
    factor = min((one.replicas for one in topic.partitions), default=0)
    least = topic.min_insync
    if least is not None and factor < least:
        text = (
            f"{topic.name} has {_many(factor, 'replica')} and "
            f"min.insync.replicas is {least}"
        )
        fix = (
            f"set min.insync.replicas of the topic to {max(1, factor - 1)}, "
            "or add replicas"
        )
        if not capped:
            found.append(
                findings.failed(
                    REPLICATION,
                    f"{text}, so every confirmed send is refused",
                    fix,
                )
            )
            return found
        found.append(
            findings.warning(
                REPLICATION,
                f"{text}, of which these brokers (3.7 or newer) make {factor}",
                fix,
            )
        )
        least = factor
    few = [
        one.number
        for one in topic.partitions
        if one.leader >= 0 and least is not None and one.in_sync < least
    ]
    behind = [
        one.number
        for one in topic.partitions
        if one.in_sync < one.replicas and one.number not in few
    ]
    if few:
        found.append(
            findings.failed(
                REPLICATION,
                f"{topic.name}: partition {_list(few)} has fewer in-sync "
                f"replicas than min.insync.replicas ({least}), so confirmed "
                "sends to it wait",
                "start the brokers that are away",
            )
        )
    if behind:
        found.append(
            findings.warning(
                REPLICATION,
                f"{topic.name}: partition {_list(behind)} has replicas that "
                "are not in sync",
                "start the brokers that are away, or wait until they have "
                "caught up",
            )
        )
    if found or brokers == 1:
        return found
    if factor == 1:
        return [
            findings.warning(
                REPLICATION,
                f"{topic.name} has one replica: what is in it is away with "
                "one of the brokers",
                "add replicas",
            )
        ]
    if least is not None and factor == least:
        return [
            findings.warning(
                REPLICATION,
                f"{topic.name} has {factor} replicas and min.insync.replicas "
                "is the same, so that one broker away stops sending",
                f"set min.insync.replicas to {factor - 1}, or add replicas",
            )
        ]
    return []


def _sizes(topics: list[Topic]) -> list[str]:
    """Topics of the same size in one phrase."""
    sizes: dict[tuple[int, int], list[str]] = {}
    for one in topics:
        size = (
            len(one.partitions),
            min((part.replicas for part in one.partitions), default=0),
        )
        sizes.setdefault(size, []).append(one.name)
    return [
        f"{', '.join(names)} with {_many(partitions, 'partition')} and "
        f"{_many(replicas, 'replica')}"
        for (partitions, replicas), names in sizes.items()
    ]


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def verb(names: list[str]) -> str:
    return "does" if len(names) == 1 else "do"


def _list(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers)
