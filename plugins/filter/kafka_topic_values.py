# SPDX-License-Identifier: Apache-2.0
"""A filter of the role kafka: topics that Kafka would not make.

It returns one sentence for each thing that is wrong, before anything is
changed; Kafka itself would tell when the others are there.
"""

import difflib
import re

from ..plugin_utils.kafka_setting_problems import key_problem, value_problem

TOPIC = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}")
FRACTION = re.compile(r"[0-9]*\.?[0-9]+([Ee]-?[0-9]+)?")
#: Settings of topics in Kafka 4.3; a newer one may have more.
TOPIC_SETTINGS = (
    *("cleanup.policy", "compression.gzip.level", "compression.lz4.level"),
    *("compression.type", "compression.zstd.level", "delete.retention.ms"),
    *("file.delete.delay.ms", "flush.messages", "flush.ms"),
    *("follower.replication.throttled.replicas", "index.interval.bytes"),
    *("leader.replication.throttled.replicas", "local.retention.bytes"),
    *("local.retention.ms", "max.compaction.lag.ms", "max.message.bytes"),
    *("message.timestamp.after.max.ms", "message.timestamp.before.max.ms"),
    *("message.timestamp.type", "min.cleanable.dirty.ratio"),
    *("min.compaction.lag.ms", "min.insync.replicas", "preallocate"),
    *("remote.log.copy.disable", "remote.log.delete.on.disable"),
    *("remote.storage.enable", "retention.bytes", "retention.ms"),
    *("segment.bytes", "segment.index.bytes", "segment.jitter.ms"),
    *("segment.ms", "unclean.leader.election.enable"),
)
INT, LONG = 2**31 - 1, 2**63 - 1
#: The least and the most that Kafka takes for a setting of a topic.
TOPIC_RANGES = {
    "delete.retention.ms": (0, LONG),
    "file.delete.delay.ms": (0, LONG),
    "flush.messages": (1, LONG),
    "flush.ms": (0, LONG),
    "index.interval.bytes": (0, INT),
    "local.retention.bytes": (-2, LONG),
    "local.retention.ms": (-2, LONG),
    "max.compaction.lag.ms": (1, LONG),
    "max.message.bytes": (0, INT),
    "message.timestamp.after.max.ms": (0, LONG),
    "message.timestamp.before.max.ms": (0, LONG),
    "min.compaction.lag.ms": (0, LONG),
    "min.insync.replicas": (1, INT),
    "retention.ms": (-1, LONG),
    "segment.bytes": (14, INT),
    "segment.index.bytes": (4, INT),
    "segment.jitter.ms": (0, LONG),
    "segment.ms": (1, LONG),
}
#: The words that it takes, some with commas between for the first.
TOPIC_WORDS = {
    "cleanup.policy": ("compact", "delete"),
    "compression.type": (
        *("gzip", "lz4", "producer", "snappy", "uncompressed", "zstd"),
    ),
    "message.timestamp.type": ("CreateTime", "LogAppendTime"),
}
#: Settings that are true or false; Kafka knows no other words for it.
TOPIC_SWITCHES = (
    *("preallocate", "remote.log.copy.disable", "remote.storage.enable"),
    *("remote.log.delete.on.disable", "unclean.leader.election.enable"),
)
#: More partitions the client library asks for of no topic.
MOST_PARTITIONS = 100000
#: Offsets of groups and the like: without them much is lost.
KAFKAS_OWN = (
    *("__cluster_metadata", "__consumer_offsets", "__share_group_state"),
    "__transaction_state",
)


def _topic_setting_problem(where, key, value):
    if problem := key_problem(where, key):
        return problem
    near = difflib.get_close_matches(key, TOPIC_SETTINGS, 1, 0.85)
    if key not in TOPIC_SETTINGS and near:
        return (
            f"{where} has the setting {key}, which Kafka does not know: write "
            f"{near[0]}."
        )
    numeric = key in TOPIC_RANGES
    return value_problem(where, key, value, numeric) or _topic_value_problem(
        where, key, str(value).strip()
    )


def _topic_value_problem(where, key, text):
    if key in TOPIC_RANGES or key == "min.cleanable.dirty.ratio":
        return _topic_number_problem(where, key, text)
    if key in TOPIC_SWITCHES and text.lower() not in ("true", "false"):
        return f"{key} of {where} is {text!r}: write true or false."
    words = TOPIC_WORDS.get(key)
    if not words:
        return ""
    several = key == "cleanup.policy"
    parts = [part.strip() for part in text.split(",")] if several else [text]
    # No policy at all is one of Kafka's, too.
    if (several and not text) or set(parts) <= set(words):
        return ""
    return (
        f"{key} of {where} is {text!r}: write "
        f"{', '.join(words[:-1])} or {words[-1]}"
        f"{', or both with a comma' if several else ''}."
    )


def _topic_number_problem(where, key, text):
    if key == "min.cleanable.dirty.ratio":
        if FRACTION.fullmatch(text) and float(text) <= 1:
            return ""
        return f"{key} of {where} is {text!r}: write a number from 0 to 1."
    least, most = TOPIC_RANGES[key]
    if least <= int(text) <= most:
        return ""
    limit = f"{least} or more" if int(text) < least else f"{most} or less"
    return f"{key} of {where} is {text}: write {limit}."


def kafka_topic_problems(topics):
    """Topics that Kafka would not make."""
    problems, seen = [], set()
    for topic in topics:
        name = topic["name"]
        where = f"{name} in kafka_topics"
        if not TOPIC.fullmatch(name):
            problems.append(
                f"kafka_topics has a topic {name!r}: write a name of at most "
                "249 letters, digits, dots, dashes and underscores."
            )
            continue
        if name in seen:
            problems.append(f"kafka_topics has {name} twice: remove one.")
        seen.add(name)
        partitions = topic.get("partitions")
        if partitions is not None and int(partitions) < 1:
            problems.append(
                f"partitions of {where} is {partitions}: write 1 or more."
            )
        elif partitions is not None and int(partitions) > MOST_PARTITIONS:
            problems.append(
                f"partitions of {where} is {partitions}: write "
                f"{MOST_PARTITIONS} or less."
            )
        if topic.get("state") == "absent" and name in KAFKAS_OWN:
            problems.append(
                f"{where} has the state absent, and Kafka keeps in it what "
                "it has to know: remove it there."
            )
        copies = int(topic.get("replication_factor", -1))
        if copies < -1 or copies == 0:
            problems.append(
                f"replication_factor of {where} is {copies}: write 1 or "
                "more, or -1 for the broker's own."
            )
        problems += [
            _topic_setting_problem(where, key, value)
            for key, value in (topic.get("config") or {}).items()
        ]
    return [problem for problem in problems if problem]


class FilterModule:
    """The filter, by name."""

    def filters(self):
        return {"kafka_topic_problems": kafka_topic_problems}
