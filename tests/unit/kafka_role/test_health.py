# SPDX-License-Identifier: Apache-2.0
"""When a node may be restarted, from what Kafka's own tools print."""

import pytest
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_health as health,
)
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_status,
)

HEADER = (
    "NodeId\tDirectoryId           \tLogEndOffset\tLag\tLastFetchTimestamp\t"
    "LastCaughtUpTimestamp\tStatus  \t\n"
)


def quorum(*rows):
    """What "describe --replication" prints, as replicas."""
    lines = [
        f"{node}\tAAAAAAAAAAAAAAAAAAAAA{node}\t{end}\t0\t{at}\t{at}\t{status}\n"
        for node, end, at, status in rows
    ]
    return health.parse_quorum(HEADER + "".join(lines))


WELL = [
    (1, 900, 1700000009000, "Leader"),
    (2, 900, 1700000008800, "Follower"),
    (3, 899, 1700000008700, "Follower"),
]


def partition(isr=(1, 2, 3), replicas=(1, 2, 3), leader=1, min_isr=2):
    return {
        "topic": "t",
        "partition": 0,
        "leader": leader,
        "replicas": list(replicas),
        "isr": list(isr),
        "min_isr": min_isr,
    }


def state(rows=WELL, answering=(1, 2, 3), partitions=None):
    return {
        "expected": [1, 2, 3],
        "answering": list(answering),
        "controllers": [1, 2, 3],
        "partitions": [partition()] if partitions is None else partitions,
        "quorum": quorum(*rows),
    }


@pytest.mark.parametrize("without", [None, 1, 2, 3])
def test_a_well_cluster_can_miss_any_node(without):
    assert health.problems(state(), without) == []


@pytest.mark.parametrize(
    ("bad", "without", "words"),
    [
        (state(answering=(1, 2)), 1, ["Node 3 does not answer"]),
        (state(answering=(1, 2)), None, ["Node 3 does not answer"]),
        (
            state(partitions=[partition(isr=(1, 2))]),
            1,
            ["t-0 has copies that are not up to date"],
        ),
        (
            state(partitions=[partition(isr=(1,), leader=-1)]),
            2,
            ["t-0 has no leader"],
        ),
        (
            state(partitions=[partition((1, 2), (1, 2))]),
            1,
            ["t-0 would take no messages without node 1"],
        ),
        (
            state(partitions=[partition(min_isr=3)]),
            2,
            ["would take no messages"],
        ),
        (
            state(
                [WELL[0], (2, -1, -1, "Follower"), WELL[2]],
            ),
            1,
            ["1 of 3 controllers would be left (2 behind)"],
        ),
        (
            state([WELL[0], WELL[1], (3, 10, 1690000000000, "Follower")]),
            2,
            ["1 of 3 controllers would be left (3 behind)"],
        ),
        (
            state([WELL[0], WELL[1], (3, 10, 1690000000000, "Follower")]),
            None,
            ["Controller 3 is behind"],
        ),
        (state(WELL[1:]), 1, ["no leader"]),
    ],
)
def test_a_restart_waits(bad, without, words):
    found = health.problems(bad, without)
    for word in words:
        assert any(word in sentence for sentence in found), found
    # Each says which command shows more, or what to do.
    assert all("look" in sentence or "give" in sentence for sentence in found)


def test_a_node_that_is_itself_the_trouble_may_be_restarted():
    bad = state(
        [WELL[0], WELL[1], (3, 10, 1690000000000, "Follower")],
        answering=(1, 2),
        partitions=[partition(isr=(1, 2))],
    )
    assert health.problems(bad, 3) == []
    assert len(health.problems(bad)) == 3


def test_a_controller_that_has_just_died_is_seen_before_it_is_behind():
    """It had everything until then: only its silence tells."""
    rows = [WELL[0], WELL[1], (3, 900, 1700000006500, "Follower")]
    (told,) = health.problems(state(rows), 2)
    assert told.startswith("Controller 3 has stopped asking the leader")
    assert health.problems(state(rows), 3) == []
    assert health.problems(state(rows)) == []


def test_a_controller_is_back_when_it_has_asked_since_its_restart():
    """What it asked before, it asked as the process that was ended."""
    assert health.not_back(state(), 2, since=200) == []
    (told,) = health.not_back(state(), 2, since=199)
    assert told.startswith("Node 2 has not asked the other controllers yet")
    # The leader does not ask: it answers.
    assert health.not_back(state(), 1, since=0) == []
    assert health.not_back(state(WELL[1:]), 2, since=0) == []


def test_a_partition_with_one_copy_is_no_reason_to_wait():
    alone = partition(isr=(2,), replicas=(2,), leader=2, min_isr=1)
    assert health.problems(state(partitions=[alone]), 2) == []
    assert health.alone_on([alone, partition()], 2) == [alone]


def test_observers_are_no_voters():
    rows = [*WELL, (4, 900, 1700000009000, "Observer")]
    assert health.problems(state(rows), 2) == []
    observed = state(rows)
    observed["expected"].append(4)
    observed["controllers"].append(4)
    assert health.not_back(observed, 4) == [
        "Node 4 does not answer yet: look at its log.",
        "Node 4 is no controller any more: look with "
        "kafka-metadata-quorum.sh describe --replication.",
    ]


def test_a_node_that_is_back_is_everywhere():
    assert health.not_back(state(), 2) == []


def test_a_node_has_to_be_back_only_as_what_it_is():
    split = state([WELL[0], WELL[1]], answering=(3,))
    split["expected"], split["controllers"] = [3], [1, 2]
    assert health.not_back(split, 1) == []
    assert health.not_back(split, 3) == []
    split["answering"] = []
    assert "Node 3 does not answer" in str(health.not_back(split, 3))


def test_topics_with_too_few_copies_are_named():
    partitions = [partition(), partition(replicas=(1, 2), isr=(1, 2))]
    (told,) = health.thin_problems(partitions, {"t": 3})
    assert told.startswith("t has fewer copies")
    assert health.thin_problems(partitions, {"t": 2, "__other": 3}) == []


def test_a_topic_that_is_declared_and_not_there_is_named():
    (told,) = health.thin_problems([partition()], {"t": 3, "gone": 3})
    assert told.startswith("gone of kafka_topics is not there")
    many = dict.fromkeys("abcde", 1)
    (told,) = health.thin_problems([], many)
    assert told.startswith("a, b, c and 2 more topics")


def test_the_report_names_who_leads_and_who_lacks_a_vote():
    found = kafka_status.report(state(), {"t": 3})
    assert found == {
        "problems": [],
        "answering": [1, 2, 3],
        "leader": 1,
        "voters": [1, 2, 3],
        "topics": 1,
        "partitions": 1,
    }
    bad = state(WELL[1:])
    bad["controllers"].append(4)
    told = kafka_status.report(bad, {})
    assert told["leader"] == -1
    assert "Controller 1 and 4 has no vote" in " ".join(told["problems"])


def test_many_partitions_are_counted_and_not_listed():
    many = [
        {**partition(isr=(1, 2)), "partition": number} for number in range(9)
    ]
    found = health.problems(state(partitions=many), 1)
    assert "t-0, t-1, t-2 and 6 more" in found[0]


def test_nothing_is_read_from_an_error():
    assert health.parse_quorum("Error: something\n") == []
