# SPDX-License-Identifier: Apache-2.0
"""Features are raised by what the cluster says about itself."""

from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_features as features,
)

# As printed by Kafka 4.3.1.
MAPPING = """\
metadata.version=30 (4.3)
kraft.version=1
transaction.version=2
group.version=1
share.version=1
"""
DESCRIBED = """\
Feature: group.version\tSupportedMinVersion: 0\tSupportedMaxVersion: 1\t\
FinalizedVersionLevel: 1\tEpoch: 145
Feature: kraft.version\tSupportedMinVersion: 0\tSupportedMaxVersion: 1\t\
FinalizedVersionLevel: 0\tEpoch: 145
Feature: metadata.version\tSupportedMinVersion: 3.3-IV3\t\
SupportedMaxVersion: 4.3-IV0\tFinalizedVersionLevel: {metadata}\tEpoch: 145
Feature: share.version\tSupportedMinVersion: 0\tSupportedMaxVersion: 1\t\
FinalizedVersionLevel: {share}\tEpoch: 145
Feature: transaction.version\tSupportedMinVersion: 0\t\
SupportedMaxVersion: 2\tFinalizedVersionLevel: 2\tEpoch: 145
"""


def plan(metadata, share):
    return features.plan(
        features.parse_mapping(MAPPING),
        features.parse_levels(
            DESCRIBED.format(metadata=metadata, share=share)
        ),
    )


def test_a_finalised_cluster_is_left():
    assert plan("4.3-IV0", "1") == {}


def test_what_is_behind_is_raised():
    assert plan("4.1-IV1", "0") == {
        "metadata.version": ("30", "4.3"),
        "share.version": ("1", "1"),
    }


def test_a_static_quorum_stays_static():
    assert "kraft.version" not in plan("4.1-IV1", "0")


def test_a_newer_level_is_not_lowered():
    assert plan("4.10-IV0", "1") == {}


def test_a_warning_is_no_feature():
    assert features.parse_mapping("WARN something=odd\n") == {}
    assert features.parse_levels("Error: nobody answers\n") == {}
