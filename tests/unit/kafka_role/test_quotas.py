# SPDX-License-Identifier: Apache-2.0
"""Quotas are changed where they differ, and nowhere else."""

import pytest
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_quotas as quotas,
)

# As printed by Kafka 4.3.1.
DESCRIBED = """\
Quota configs for user-principal 'CN=nova' are \
consumer_byte_rate=2048.0, producer_byte_rate=1.0E7
Quota configs for user-principal 'it''s' are request_percentage=50.0
SCRAM credential configs for user-principal 'nova' are \
SCRAM-SHA-512=iterations=8192
"""
THERE = {
    "CN=nova": {"consumer_byte_rate": 2048.0, "producer_byte_rate": 1e7},
    "it''s": {"request_percentage": 50.0},
}


def test_what_the_tool_prints_is_read():
    assert quotas.parse(DESCRIBED) == THERE
    assert quotas.parse("") == {}


def test_what_is_as_declared_is_left():
    wanted = {"CN=nova": {"producer_byte_rate": 10000000}}
    assert quotas.plan(THERE, wanted) == {}


def test_limits_are_set_and_taken_away_where_that_is_declared():
    wanted = {
        "CN=nova": {"producer_byte_rate": 5, "consumer_byte_rate": None},
        "new": {"request_percentage": 10, "producer_byte_rate": None},
    }
    changes = quotas.plan(THERE, wanted)
    assert changes == {
        "CN=nova": ({"producer_byte_rate": 5}, ["consumer_byte_rate"]),
        "new": ({"request_percentage": 10}, []),
    }
    assert quotas.after(THERE, changes)["CN=nova"] == {
        "producer_byte_rate": 5.0
    }


def test_what_is_no_limit_is_refused_by_name():
    wrong = " ".join(
        quotas.problems(
            {
                "nova": {"bytes": 5, "producer_byte_rate": "much"},
                "good": {"producer_byte_rate": None},
            }
        )
    )
    assert "quotas of nova have bytes: write one of" in wrong
    assert "producer_byte_rate 'much': write a number" in wrong
    assert "good" not in wrong


@pytest.mark.parametrize("value", ["inf", "nan", float("inf"), True, 0, "-1"])
def test_a_limit_is_a_number_above_none(value):
    (wrong,) = quotas.problems({"nova": {"request_percentage": value}})
    assert "write a number" in wrong


@pytest.mark.parametrize("limits", [None, 5, "producer_byte_rate=5", [5]])
def test_limits_that_are_no_dictionary_are_told(limits):
    (wrong,) = quotas.problems({"nova": limits})
    assert wrong.startswith("The quotas of nova are no dictionary: write {")


def test_numbers_and_none_are_limits():
    limits = {"request_percentage": "1.5", "producer_byte_rate": 1e7}
    limits["consumer_byte_rate"] = None
    assert list(quotas.problems({"nova": limits, "empty": {}})) == []
