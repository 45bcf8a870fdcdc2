# SPDX-License-Identifier: Apache-2.0
"""Topics are changed where they differ from what is declared."""

import pytest
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_topics as topics,
)

THERE = {"t": {"partitions": 2, "copies": [1]}}


def topic(**more):
    return {
        "name": "t",
        "partitions": None,
        "replication_factor": -1,
        "config": {},
        "state": "present",
        **more,
    }


def plan(existing=THERE, has=None, **more):
    return topics.plan([topic(**more)], existing, {"t": has or {}})


@pytest.mark.parametrize(
    ("key", "declared", "kept"),
    [
        ("cleanup.policy", "compact, delete", "compact,delete"),
        ("unclean.leader.election.enable", "True", "true"),
        ("unclean.leader.election.enable", False, "false"),
        ("min.cleanable.dirty.ratio", "0.50", "0.5"),
        ("min.cleanable.dirty.ratio", 0.0001, "1.0E-4"),
        ("retention.ms", "0100000", "100000"),
        ("retention.ms", " 100000", "100000"),
        ("retention.bytes", 2**63 - 1, "9223372036854775807"),
        ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"),
    ],
)
def test_another_spelling_of_a_value_is_no_change(key, declared, kept):
    todo, _warnings = plan(config={key: declared}, has={key: kept})
    assert todo["configure"] == []


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("compact", "compact,delete"),
        ("True", "false"),
        ("9223372036854775807", "9223372036854775806"),
        ("0.5", "0.05"),
        ("LZ4", "lz4"),
        ("1_0", "10"),
        ("0", None),
        ("x", ""),
    ],
)
def test_another_value_is_a_change(declared, kept):
    todo, _warnings = plan(config={"a": declared}, has={"a": kept})
    assert todo["configure"] == [("t", {"a": declared})]


def test_partitions_are_left_where_nothing_is_declared():
    todo, warnings = plan()
    assert not any(todo.values())
    assert warnings == []


def test_partitions_are_added_and_never_taken_away():
    todo, warnings = plan(partitions=3)
    assert [one["partitions"] for one in todo["grow"]] == [3]
    assert warnings == []
    todo, (warning,) = plan(partitions=1)
    assert not any(todo.values())
    assert "has 2 partitions, not 1" in warning


def test_a_new_topic_has_one_partition_unless_told():
    todo, _warnings = plan(existing={})
    told = topics.difference(todo, {}, {})
    assert told == {"before": "", "after": "t: 1 partitions\n"}
