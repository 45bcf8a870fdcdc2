# SPDX-License-Identifier: Apache-2.0
"""Numbers that do not fit together are refused with the one to write."""

import pytest
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_limits as limits,
)

THREE = {"default.replication.factor": 3, "min.insync.replicas": 2}


@pytest.mark.parametrize(
    ("topics", "settings", "brokers", "words"),
    [
        (
            [{"name": "t", "replication_factor": 3}],
            {},
            2,
            ["3 copies of t", "2 brokers"],
        ),
        ([], THREE, 2, ["default.replication.factor", "2 brokers"]),
        (
            [{"name": "t", "replication_factor": 1}],
            THREE,
            3,
            ["t in kafka_topics has 1 copies", "replication_factor to 3"],
        ),
        (
            [{"name": "t", "config": {"min.insync.replicas": 4}}],
            THREE,
            3,
            ["min.insync.replicas 4", "set that to 2"],
        ),
        (
            [],
            {"default.replication.factor": 1, "min.insync.replicas": 2},
            3,
            ["min.insync.replicas is 2", "to 1 or less"],
        ),
        (
            [],
            {"offsets.topic.replication.factor": 3},
            1,
            ["offsets.topic.replication.factor to 3"],
        ),
        (
            [],
            {"transaction.state.log.replication.factor": 3},
            1,
            ["transaction.state.log.replication.factor to 3", "1 brokers"],
        ),
        (
            [],
            {
                "transaction.state.log.replication.factor": 1,
                "transaction.state.log.min.isr": 2,
            },
            3,
            ["transaction.state.log.min.isr is 2", "to 1 or less"],
        ),
    ],
)
def test_copies_that_cannot_be_are_refused(topics, settings, brokers, words):
    problems = limits.kafka_copy_problems(topics, settings, brokers)
    for word in words:
        assert word in " ".join(problems)
    assert all(problem.endswith(".") for problem in problems)


def test_copies_that_can_be_are_not_refused():
    topics = [{"name": "t"}, {"name": "u", "replication_factor": -1}]
    assert limits.kafka_copy_problems(topics, THREE, 3) == []
    assert limits.kafka_copy_problems(topics, {}, 1) == []
    gone = [{"name": "t", "state": "absent", "replication_factor": 9}]
    assert limits.kafka_copy_problems(gone, {}, 1) == []


def test_segments_smaller_than_kafka_makes_them_are_refused():
    topics = [
        {"name": "t", "config": {"segment.bytes": "1048575"}},
        {"name": "u", "config": {"segment.bytes": 1048576}},
        {"name": "v", "config": {"segment.bytes": 14}, "state": "absent"},
        {"name": "w", "config": None},
    ]
    settings = {"log.segment.bytes": 1000}
    assert limits.kafka_segment_problems(topics, settings, "4.0.0") == [
        "segment.bytes of t in kafka_topics is 1048575: write 1048576 or "
        "more.",
        "log.segment.bytes of kafka_properties is 1000: write 1048576 or "
        "more.",
    ]
    assert limits.kafka_segment_problems(topics, {}, "3.9.1") == []


def test_topics_that_are_declared_and_kafkas_own_have_their_copies():
    settings = {**THREE, "offsets.topic.replication.factor": 2}
    topics = [
        {"name": "t"},
        {"name": "u", "replication_factor": 1},
        {"name": "v", "state": "absent"},
    ]
    assert limits.kafka_copies_wanted(topics, settings) == {
        "__consumer_offsets": 2,
        "t": 3,
        "u": 1,
    }


def test_a_heap_larger_than_the_memory_is_refused():
    assert "set it to 512m" in limits.kafka_heap_problem("2g", 1024)
    assert limits.kafka_heap_problem("512m", 1024) == ""
    assert limits.kafka_heap_problem("1024m", 1024) != ""
    assert "256m or more" in limits.kafka_heap_problem("8m", 1024)


def test_full_topics_are_counted_with_their_copies_and_segments():
    topics = [
        {
            "name": "t",
            "partitions": 6,
            "config": {"retention.bytes": 10**9, "segment.bytes": 10**8},
        },
        {"name": "unknown"},
    ]
    assert limits.kafka_disk_needed(topics, THREE, 3) == 66 * 10**8
    assert limits.kafka_disk_needed(topics[1:], THREE, 3) == 0
    bounded = {**THREE, "log.retention.bytes": 10, "log.segment.bytes": 5}
    assert limits.kafka_disk_needed(topics[1:], bounded, 3) == 15
