# SPDX-License-Identifier: Apache-2.0
"""A machine that the bus has been removed from."""

from typing import Any

from .machine import CHECKOUT
from .plays import Run, play

REMOVE = CHECKOUT / "playbooks" / "remove.yml"


def units_and_processes(host: Any) -> str:
    """Return what systemd knows and what runs of the brokers."""
    return str(
        host.check_output(
            "systemctl list-unit-files --no-legend 'kafka*' 'rabbitmq*'; "
            "ps --no-headers -e --format comm | grep -E 'java|beam|epmd' "
            "|| true"
        )
    )


def cluster_id(host: Any) -> str:
    meta: str = host.check_output("cat /var/lib/kafka/data/meta.properties")
    return dict(
        line.split("=", 1) for line in meta.splitlines() if "=" in line
    )["cluster.id"]


def remove(host: Any, *arguments: str) -> Run:
    """Remove from a machine as it has to be asked for: by name, and by id."""
    named = ["--limit", host.check_output("hostname")]
    if host.file("/var/lib/kafka/data/meta.properties").exists:
        named += ["--extra-vars", f"remove_cluster_id={cluster_id(host)}"]
    return play(REMOVE, *named, *arguments)


def test_a_machine_that_nobody_has_named_is_left_alone(host: Any) -> None:
    run = play(REMOVE)
    assert run.code != 0
    assert "add --limit" in run.output
    assert host.service("kafka").is_running


def test_a_cluster_that_nobody_has_named_is_left_alone(host: Any) -> None:
    run = play(REMOVE, "--limit", host.check_output("hostname"))
    assert run.code != 0
    assert f"remove_cluster_id={cluster_id(host)}" in run.output
    assert host.service("kafka").is_running


def test_removing_leaves_no_unit_and_no_process_and_keeps_the_data(
    host: Any,
) -> None:
    run = remove(host)
    assert run.code == 0
    assert units_and_processes(host) == ""
    for path in ("/opt/kafka", "/etc/kafka", "/opt/kafka-bus"):
        assert not host.file(path).exists, path
    assert host.file("/var/lib/kafka/data/meta.properties").exists


def test_removing_again_does_no_harm(host: Any) -> None:
    assert remove(host).code == 0
    assert host.file("/var/lib/kafka/data/meta.properties").exists


def test_what_was_removed_can_be_deployed_again_on_its_data(
    host: Any,
) -> None:
    identity = host.check_output("cat /var/lib/kafka/data/meta.properties")
    assert play(CHECKOUT / "playbooks" / "site.yml").code == 0
    assert host.service("kafka").is_running
    found = host.check_output("cat /var/lib/kafka/data/meta.properties")
    assert found == identity


def test_purging_takes_the_data_and_the_account(host: Any) -> None:
    run = remove(host, "--extra-vars", "remove_purge=true")
    assert run.code == 0
    assert units_and_processes(host) == ""
    for path in ("/var/lib/kafka", "/var/lib/kafka-bus", "/var/log/kafka"):
        assert not host.file(path).exists, path
    assert not host.user("kafka").exists
