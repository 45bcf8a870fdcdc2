# SPDX-License-Identifier: Apache-2.0
"""From one version to the next while services notify, and back from a backup.

The tests are in the order in which an operator would do these things.
"""

import json
from typing import Any

import pytest

from .clusters import Cluster
from .load import load
from .machine import CHECKOUT, default_of
from .plays import play, tell_times_away

BUS = Cluster("upgrade", ("node1", "node2", "node3"))
OLD = BUS.variables["kafka_version"]
NEW = default_of("kafka", "kafka_version")
UPGRADE = CHECKOUT / "playbooks" / "upgrade.yml"
FINALISE = CHECKOUT / "playbooks" / "finalise_features.yml"
TO_NEW = ("--extra-vars", json.dumps({"kafka_version": NEW}))


def running() -> set[str]:
    return {
        BUS.machine(node).check_output("/opt/kafka/kafka-service version")
        for node in BUS.brokers
    }


def metadata_version() -> str:
    said = BUS.tool("kafka-features", "describe")
    line = next(
        line for line in said.splitlines() if "metadata.version" in line
    )
    return line.split("FinalizedVersionLevel: ")[1].split()[0]


def test_features_are_not_finalised_before_the_upgrade() -> None:
    run = play(FINALISE, *TO_NEW)
    assert run.code != 0
    assert f"runs kafka_2.13-{OLD} and not kafka_2.13-{NEW}" in run.output
    assert running() == {f"kafka_2.13-{OLD}"}


def test_an_upgrade_loses_nothing_and_repeats_nothing() -> None:
    with load(BUS) as counted:
        run = play(UPGRADE, *TO_NEW)
    assert run.code == 0
    assert running() == {f"kafka_2.13-{NEW}"}
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == 0
    assert counted.duplicated == 0
    tell_times_away(run)


def test_what_was_before_is_saved_for_root_only() -> None:
    for node in BUS.brokers:
        one = BUS.machine(node)
        saved = f"/var/backups/kafka/before-{NEW}.tgz"
        assert one.file(saved).mode == 0o600
        held = one.check_output("tar --list --file %s", saved)
        for name in (
            "etc/kafka/server.properties",
            "etc/kafka/secrets.properties",
            "var/lib/kafka/data/meta.properties",
            "var/lib/kafka/data/__cluster_metadata-0/quorum-state",
        ):
            assert name in held


def test_a_second_upgrade_changes_nothing() -> None:
    run = play(UPGRADE, *TO_NEW)
    assert run.code == 0
    assert run.counts["changed"] == 0


def test_an_older_version_is_refused() -> None:
    run = play(UPGRADE, "--extra-vars", json.dumps({"kafka_version": "4.1.2"}))
    assert run.code != 0
    assert "may not read what a newer one has written" in run.output
    assert running() == {f"kafka_2.13-{NEW}"}


def test_nodes_go_back_one_by_one_and_nothing_is_lost() -> None:
    """As docs/deployment.md says it."""
    with load(BUS) as counted:
        for node in BUS.brokers:
            BUS.machine(node).check_output(
                "sh -c %s",
                "systemctl stop kafka && tar --extract --directory=/ "
                "--exclude=__cluster_metadata-0 "
                f"--file=/var/backups/kafka/before-{NEW}.tgz && "
                "systemctl daemon-reload && systemctl start kafka",
            )
            BUS.wait_until_well()
    assert running() == {f"kafka_2.13-{OLD}"}
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0
    run = play(CHECKOUT / "playbooks" / "site.yml", "--tags", "kafka")
    assert run.code == 0
    again = play(UPGRADE, *TO_NEW)
    assert again.code == 0


def test_features_are_finalised_once_and_the_quorum_stays_what_it_was() -> (
    None
):
    before = metadata_version()
    assert before.startswith(OLD[:3])
    first = play(FINALISE, *TO_NEW)
    assert first.code == 0
    for node in BUS.brokers:
        saved = f"/var/backups/kafka/before-features-of-{NEW}.tgz"
        assert BUS.machine(node).file(saved).mode == 0o600
    assert metadata_version().startswith(NEW[:3])
    second = play(FINALISE, *TO_NEW)
    assert second.code == 0
    assert second.counts["changed"] == 0
    assert "Nothing was to be raised" in second.output


@pytest.mark.parametrize(
    ("playbook", "restarts"),
    [
        ("site.yml", False),
        ("verify.yml", False),
        ("rolling_restart.yml", True),
        ("renew_certificates.yml", True),
        ("upgrade.yml", False),
        ("finalise_features.yml", False),
        ("new_cluster.yml", False),
        ("add_node.yml", False),
    ],
)
def test_a_playbook_takes_one_node_alone(
    playbook: str, *, restarts: bool
) -> None:
    before = BUS.started()
    node = BUS.brokers[1]
    run = play(CHECKOUT / "playbooks" / playbook, "--limit", node, *TO_NEW)
    assert run.code == 0
    assert run.hosts == {node}
    restarted = {
        name
        for name, moment in BUS.started().items()
        if moment != before[name]
    }
    assert restarted == ({node} if restarts else set())


def test_a_notification_crosses_the_cluster_afterwards() -> None:
    sent: Any = BUS.send(BUS.settings("notifier"), "after.upgrade")
    assert sent.rc == 0, sent.stderr
    assert "after.upgrade" in BUS.events()
