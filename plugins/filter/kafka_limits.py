# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: numbers that do not fit together.

Each returns one sentence for each thing that cannot work, and what to write.
The file stands alone: DevStack's checks load it without the collection.
"""

import re

#: Bytes of heap that a broker needs to come up at all.
LEAST_HEAP = 96 * 2**20
#: Bytes of a segment of a log, since Kafka 4.0.
LEAST_SEGMENT = 2**20
#: How many copies topics have, and how many of these must be in sync where
#: Kafka has a setting for that.
COPIES = {
    "default.replication.factor": "",
    "offsets.topic.replication.factor": "",
    "share.coordinator.state.topic.replication.factor": (
        "share.coordinator.state.topic.min.isr"
    ),
    "transaction.state.log.replication.factor": (
        "transaction.state.log.min.isr"
    ),
}
UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}


def size(text):
    """Bytes of a JVM's size, such as 512m."""
    match = re.fullmatch(r"([0-9]+)([kKmMgG])", str(text))
    return int(match[1]) * UNITS[match[2].lower()] if match else 0


def _topic_problems(topic, brokers, default_copies, default_in_sync):
    name = topic["name"]
    copies = int(topic.get("replication_factor") or -1)
    copies = default_copies if copies < 0 else copies
    config = topic.get("config") or {}
    in_sync = int(config.get("min.insync.replicas", default_in_sync))
    if topic.get("state") == "absent":
        return
    if copies > brokers:
        yield (
            f"kafka_topics wants {copies} copies of {name}, and there are "
            f"{brokers} brokers: set its replication_factor to {brokers} or "
            "less."
        )
    elif in_sync > copies:
        yield (
            f"{name} in kafka_topics has {copies} copies, and nobody could "
            f"write to it with min.insync.replicas {in_sync}: set that to "
            f"{max(copies - 1, 1)}, or its replication_factor to "
            f"{in_sync + 1}."
        )


def kafka_copy_problems(topics, settings, brokers):
    """Topics with more copies than brokers, or fewer than must be in sync.

    settings is what the broker's file says, brokers how many there are.
    """
    default_copies = int(settings.get("default.replication.factor", 1))
    default_in_sync = int(settings.get("min.insync.replicas", 1))
    problems = []
    for setting, in_sync in COPIES.items():
        copies = int(settings.get(setting, 1))
        if copies > brokers:
            problems.append(
                f"kafka_properties sets {setting} to {copies}, and there are "
                f"{brokers} brokers: set it to {brokers} or less."
            )
        elif in_sync and int(settings.get(in_sync, 1)) > copies:
            problems.append(
                f"{in_sync} is {settings[in_sync]}, and {setting} is "
                f"{copies}: set the first in kafka_properties to "
                f"{max(copies - 1, 1)} or less."
            )
    if default_in_sync > min(default_copies, brokers):
        problems.append(
            f"min.insync.replicas is {default_in_sync}, and a topic has "
            f"{default_copies} copies: set it in kafka_properties to "
            f"{max(default_copies - 1, 1)} or less."
        )
    for topic in topics:
        problems += _topic_problems(
            topic, brokers, default_copies, default_in_sync
        )
    return problems


def kafka_segment_problems(topics, settings, version):
    """Segments smaller than Kafka makes them since 4.0, see KIP-1030.

    settings is what the broker's file says.
    """
    if int(str(version).split(".", maxsplit=1)[0]) < 4:
        return []
    sizes = {
        f"segment.bytes of {topic['name']} in kafka_topics": (
            topic.get("config") or {}
        ).get("segment.bytes")
        for topic in topics
        if topic.get("state") != "absent"
    }
    sizes["log.segment.bytes of kafka_properties"] = settings.get(
        "log.segment.bytes"
    )
    return [
        f"{where} is {number}: write {LEAST_SEGMENT} or more."
        for where, number in sizes.items()
        if number is not None and int(number) < LEAST_SEGMENT
    ]


def kafka_copies_wanted(topics, settings):
    """How many copies each declared topic, and each of Kafka's own, has."""
    default = int(settings.get("default.replication.factor", 1))
    own = {
        "__consumer_offsets": "offsets.topic.replication.factor",
        "__transaction_state": "transaction.state.log.replication.factor",
        "__share_group_state": (
            "share.coordinator.state.topic.replication.factor"
        ),
    }
    found = {
        name: int(settings[key])
        for name, key in own.items()
        if key in settings
    }
    for topic in topics:
        copies = int(topic.get("replication_factor") or -1)
        if topic.get("state") != "absent":
            found[topic["name"]] = default if copies < 0 else copies
    return found


def kafka_heap_problem(heap, memory):
    """A heap that the machine's memory (in MiB) cannot hold; empty if it can.

    The page cache needs room beside it, so half of the memory is a warning in
    Kafka's own documentation; here only what cannot work is refused.
    """
    if size(heap) < LEAST_HEAP:
        return (
            f"kafka_heap is {heap}, in which Kafka does not start: set it to "
            "256m or more."
        )
    if size(heap) < memory * 2**20:
        return ""
    return (
        f"kafka_heap is {heap}, and the machine has {memory} MiB of memory: "
        f"set it to {max(memory // 2, 1)}m or less."
    )


def kafka_disk_needed(topics, settings, brokers):
    """Bytes on each broker when all declared topics are full; 0 if unknown.

    A partition is full with its retention.bytes and one more segment, which
    is deleted as a whole. Without retention.bytes nobody can know.
    """
    total = 0
    default_copies = int(settings.get("default.replication.factor", 1))
    for topic in topics:
        config = topic.get("config") or {}
        kept = int(
            config.get(
                "retention.bytes", settings.get("log.retention.bytes", -1)
            )
        )
        if topic.get("state") == "absent" or kept < 0:
            continue
        segment = int(
            config.get(
                "segment.bytes", settings.get("log.segment.bytes", 2**30)
            )
        )
        copies = int(topic.get("replication_factor") or -1)
        copies = default_copies if copies < 0 else copies
        total += int(topic.get("partitions") or 1) * copies * (kept + segment)
    return -(-total // brokers)


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_copy_problems": kafka_copy_problems,
            "kafka_copies_wanted": kafka_copies_wanted,
            "kafka_disk_needed": kafka_disk_needed,
            "kafka_heap_problem": kafka_heap_problem,
            "kafka_segment_problems": kafka_segment_problems,
        }
