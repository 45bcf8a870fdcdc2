# SPDX-License-Identifier: Apache-2.0
"""How nodes leave a cluster, and how controllers come into it."""

import pytest
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_health,
    kafka_tool,
)
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_copies as copies,
)
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_voters as voters,
)


def partition(number, replicas, leader=1, topic="t"):
    return {
        "topic": topic,
        "partition": number,
        "leader": leader,
        "replicas": list(replicas),
    }


def test_copies_go_to_the_brokers_that_hold_fewest():
    partitions = [
        partition(0, [1, 4]),
        partition(1, [4, 1]),
        partition(2, [1, 2]),
        partition(3, [2, 1]),
    ]
    assert copies.plan(partitions, [1, 2, 3], 4, {}) == {
        "version": 1,
        "partitions": [
            {"topic": "t", "partition": 0, "replicas": [1, 3]},
            {"topic": "t", "partition": 1, "replicas": [3, 1]},
        ],
    }


def test_no_partition_gets_two_copies_on_a_broker():
    partitions = [partition(n, [1, 2, 4]) for n in range(6)]
    moves = copies.plan(partitions, [1, 2, 3], 4, {})["partitions"]
    assert all(sorted(move["replicas"]) == [1, 2, 3] for move in moves)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (partition(0, [1, 2, 4]), ["t-0", "3 copies", "2 brokers"]),
        (partition(0, [4], leader=-1), ["t-0", "only copy on node 4"]),
    ],
)
def test_what_would_be_lost_is_refused(bad, words):
    problem = copies.problem([bad, partition(1, [1, 2])], [1, 2], 4, {})
    for word in words:
        assert word in problem


def test_a_copy_elsewhere_is_enough_when_the_broker_is_gone():
    assert copies.problem([partition(0, [4, 1])], [1, 2], 4, {}) == ""


def test_copies_that_a_topic_lacks_are_added_at_the_end():
    partitions = [
        partition(0, [1, 2]),
        partition(1, [2, 1]),
        partition(0, [1], topic="other"),
    ]
    assert copies.plan(partitions, [1, 2, 3], None, {"t": 3}) == {
        "version": 1,
        "partitions": [
            {"topic": "t", "partition": 0, "replicas": [1, 2, 3]},
            {"topic": "t", "partition": 1, "replicas": [2, 1, 3]},
        ],
    }
    assert "has to have 4 copies" in copies.problem(
        partitions, [1, 2, 3], None, {"t": 4}
    )
    # Nothing is taken away.
    assert copies.misplaced(partitions, None, {"t": 1}) == []


def test_moves_that_are_under_way_are_known():
    said = (
        "Current partition reassignments:\n"
        "my-topic-3: replicas: 1,2,3. adding: 3. removing: 1.\n"
    )
    assert copies.parse_moving(said) == {("my-topic", 3)}
    assert copies.parse_moving("No partition reassignments found.\n") == set()


def test_only_what_says_which_node_it_is_is_told_of_a_controller():
    told = voters.own_settings(
        "# rendered\nnode.id=4\nlisteners=CONTROLLER://:9093\n"
        "log.dirs=/a\nssl.keystore.location=/secret\n"
        "sasl.mechanism.inter.broker.protocol=PLAIN\n"
    )
    assert told == ("node.id=4\nlisteners=CONTROLLER://:9093\nlog.dirs=/a\n")


def replica(node, status, caught_up):
    return {
        "id": node,
        "directory": "x",
        "end": 10,
        "fetched": caught_up,
        "caught_up": caught_up,
        "status": status,
    }


def test_a_controller_votes_only_when_it_has_what_the_leader_has():
    replicas = [replica(1, "Leader", 90000), replica(4, "Observer", 89900)]
    assert kafka_health.has_caught_up(replicas, 4)
    replicas[1]["caught_up"] = 10000
    assert not kafka_health.has_caught_up(replicas, 4)
    assert not kafka_health.has_caught_up(replicas, 5)
    assert not kafka_health.has_caught_up(replicas[1:], 4)


@pytest.mark.parametrize(
    ("output", "error", "told"),
    [
        ("", "", "no message"),
        ("no such thing\n", "", "no such thing"),
        (
            "",
            "[2026-01-01] WARN x\norg.x.TimeoutException: too late\n"
            "\tat org.x.Y(Z)\n",
            "org.x.TimeoutException: too late",
        ),
    ],
)
def test_the_line_that_tells_most_is_shown(output, error, told):
    assert kafka_tool.reason(output, error) == told
