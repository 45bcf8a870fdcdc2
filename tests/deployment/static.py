# SPDX-License-Identifier: Apache-2.0
"""A cluster that began with Kafka 3: its controllers are fixed.

The tests are in the order in which an operator would do these things.
"""

import json

import pytest
import yaml

from .clusters import Cluster
from .load import load
from .machine import CHECKOUT, default_of
from .plays import play

BUS = Cluster("static", ("old1", "old2", "old3"))
OLD = BUS.variables["kafka_version"]
NEW = default_of("kafka", "kafka_version")
TO_NEW = ("--extra-vars", json.dumps({"kafka_version": NEW}))
CONVERSION = "kafka-features.sh upgrade --feature kraft.version=1"


def finalised(feature: str) -> str:
    said = BUS.tool("kafka-features", "describe")
    line = next(line for line in said.splitlines() if feature in line)
    return line.split("FinalizedVersionLevel: ")[1].split()[0]


def test_the_voters_are_in_the_settings() -> None:
    said = BUS.machine().check_output("cat /etc/kafka/server.properties")
    voters = next(
        line
        for line in said.splitlines()
        if line.startswith("controller.quorum.voters=")
    )
    assert voters.endswith("=1@old1:9093,2@old2:9093,3@old3:9093")
    assert sorted(BUS.quorum().values()) == ["Follower", "Follower", "Leader"]


def test_a_notification_crosses_the_cluster() -> None:
    sent = BUS.send(BUS.settings("notifier"), "static.crosses")
    assert sent.rc == 0, sent.stderr
    assert "static.crosses" in BUS.events()


@pytest.mark.parametrize(
    ("playbook", "arguments"),
    [
        ("remove_node.yml", ("--extra-vars", "kafka_leaving=old3")),
        ("add_node.yml", ()),
    ],
)
def test_a_controller_neither_goes_nor_comes(
    playbook: str, arguments: tuple[str, ...]
) -> None:
    hosts = BUS.inventory / "hosts.yml"
    before, ids = hosts.read_text(), BUS.ids.read_text()
    inventory = yaml.safe_load(before)
    if playbook == "add_node.yml":
        inventory["kafka"]["hosts"]["old4"] = {}
    hosts.write_text(yaml.safe_dump(inventory))
    try:
        run = play(CHECKOUT / "playbooks" / playbook, *arguments)
    finally:
        hosts.write_text(before)
    assert run.code != 0
    assert CONVERSION in run.words
    assert run.counts["changed"] == 0
    assert BUS.ids.read_text() == ids


def test_the_way_to_kafka_4_loses_nothing_and_repeats_nothing() -> None:
    with load(BUS) as counted:
        run = play(CHECKOUT / "playbooks" / "upgrade.yml", *TO_NEW)
    assert run.code == 0
    assert BUS.machine().check_output("/opt/kafka/kafka-service version") == (
        f"kafka_2.13-{NEW}"
    )
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0


def test_finalised_features_leave_the_quorum_as_it_is() -> None:
    assert finalised("metadata.version").startswith(OLD[:3])
    run = play(CHECKOUT / "playbooks" / "finalise_features.yml", *TO_NEW)
    assert run.code == 0
    assert finalised("metadata.version").startswith(NEW[:3])
    assert finalised("kraft.version") == "0"
    assert sorted(BUS.quorum().values()) == ["Follower", "Follower", "Leader"]
