# SPDX-License-Identifier: Apache-2.0
"""A cluster of three nodes with certificates, passwords, access rules."""

import json
from typing import Any

import pytest
import yaml

from .clusters import Cluster
from .figures import tell
from .load import load
from .machine import CHECKOUT, mode_of
from .plays import play
from .watch import watched

BUS = Cluster("cluster", ("cluster1", "cluster2", "cluster3"))
NODES = BUS.brokers
FULL = "notifications.info"


# -- what runs ----


def test_a_run_with_nothing_to_do_starts_no_java(host: Any) -> None:
    """The scenario has run its playbook twice, the second time for nothing."""
    runs = host.file("/srv/java-starts").content_string.split("run\n")
    before, first, second = runs[:3]
    assert before == ""
    assert first, "the starts are not counted"
    assert second == ""


def test_every_node_runs_and_starts_at_boot(host: Any) -> None:
    service = host.service("kafka")
    assert service.is_enabled
    assert service.is_running


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/etc/kafka/secrets.properties", ("root", "kafka", 0o640)),
        ("/etc/kafka/server.properties", ("root", "kafka", 0o640)),
        ("/etc/kafka/admin.properties", ("root", "kafka", 0o600)),
        ("/etc/kafka/tls/node.pem", ("root", "kafka", 0o640)),
        ("/opt/kafka/admin-venv/client.json", ("root", "root", 0o600)),
    ],
)
def test_secrets_are_not_for_everybody(
    host: Any, path: str, mode: tuple[str, str, int]
) -> None:
    assert mode_of(host, path) == mode


def test_no_other_file_and_no_process_holds_a_password(host: Any) -> None:
    generated = yaml.safe_load(BUS.secrets.read_text())
    words = [*generated.values(), "listener-password"]
    found = host.run(
        "find /etc /opt /var /home /root /tmp -xdev -type f -perm -o=r "
        f"-size -10M -exec grep -lF{' -e %s' * len(words)} {{}} +",
        *words,
    )
    assert found.stdout == ""
    # The search itself is over by now.
    running = host.run("sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null'")
    for word in words:
        assert word not in running.stdout


def test_the_unit_keeps_kafka_in_a_sandbox(host: Any) -> None:
    said = host.check_output("systemd-analyze security kafka --no-pager")
    last = said.strip().splitlines()[-1]
    tell(last.strip())
    score = float(last.split(":")[1].split()[0])
    assert score <= 2.0


def test_three_controllers_have_a_leader() -> None:
    assert sorted(BUS.quorum().values()) == ["Follower", "Follower", "Leader"]


def test_topics_have_the_copies_of_a_cluster() -> None:
    said = BUS.tool("kafka-topics", "--describe")
    heads = {
        line.split("\t")[0].removeprefix("Topic: "): line
        for line in said.splitlines()
        if "PartitionCount" in line
    }
    for topic in BUS.variables["kafka_topics"]:
        head = heads[topic["name"]]
        assert "ReplicationFactor: 3" in head
        assert f"PartitionCount: {topic.get('partitions', 1)}" in head
        assert "min.insync.replicas=2" in head
    assert "retention.ms=86400000" in heads["notifications.info"]


def test_brokers_keep_messages_as_long_as_the_inventory_says() -> None:
    said = BUS.tool(
        "kafka-configs",
        *("--describe", "--all", "--entity-type", "brokers"),
        *("--entity-name", "1"),
    )
    assert "log.retention.hours=24 " in said
    assert "log.retention.bytes=50000000 " in said
    assert f"broker.rack=room-of-{NODES[0]} " in said


def test_a_logger_is_as_loud_as_the_inventory_says() -> None:
    said = BUS.tool(
        "kafka-configs",
        *("--describe", "--entity-type", "broker-loggers"),
        *("--entity-name", "1"),
    )
    assert "kafka.request.logger=ERROR " in said


def test_the_jvm_has_the_options_of_the_inventory(host: Any) -> None:
    number = host.check_output(
        "systemctl show --property=MainPID --value kafka"
    )
    words = host.check_output("cat /proc/%s/cmdline", number).split("\0")
    assert "-Xmx256m" in words
    assert "-XX:+ExitOnOutOfMemoryError" in words
    # Kafka's own, which the list of the inventory leaves out.
    assert "-XX:MaxGCPauseMillis=20" not in words


# -- who may do what ----


def test_a_notification_crosses_the_cluster() -> None:
    sent = BUS.send(BUS.settings("notifier"), "cluster.crosses")
    assert sent.rc == 0, sent.stderr
    assert "cluster.crosses" in BUS.events()


def test_a_controller_wants_a_certificate() -> None:
    said = (
        BUS.machine()
        .run(
            "sh -c %s",
            "openssl s_client -connect cluster2:9093 -CAfile "
            "/etc/kafka/tls/ca.pem -verify_return_error </dev/null 2>&1; "
            "printf x | timeout 10 openssl s_client -quiet -connect "
            "cluster2:9093 -CAfile /etc/kafka/tls/ca.pem 2>&1",
        )
        .stdout
    )
    assert "certificate required" in said or "bad certificate" in said


# -- what operators are told ----


def test_the_report_says_how_the_cluster_is() -> None:
    run = play(
        CHECKOUT / "playbooks" / "verify.yml",
        # The first one is also a service, whose settings are not made here.
        *("--limit", ",".join(NODES[1:])),
    )
    assert run.code == 0
    assert run.counts["changed"] == 0
    assert "cluster of the brokers 1, 2, 3" in run.output
    assert "every copy up to date" in run.output


# -- what changes while services notify ----


def test_a_topic_with_too_few_copies_is_told_and_gets_them() -> None:
    thin = "notifications.thin"
    BUS.tool(
        "kafka-topics",
        *("--create", "--topic", thin),
        *("--partitions", "2", "--replication-factor", "1"),
    )
    topics = [*BUS.variables["kafka_topics"], {"name": thin, "partitions": 2}]
    declared = ("--extra-vars", json.dumps({"kafka_topics": topics}))
    verify = (CHECKOUT / "playbooks" / "verify.yml", "--limit", NODES[1])
    told = play(*verify, *declared)
    assert told.code != 0
    assert f"{thin} has fewer copies than it shall have" in told.words

    with load(BUS) as counted:
        added = play(CHECKOUT / "playbooks" / "add_node.yml", *declared)
    assert added.code == 0
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0
    said = BUS.tool("kafka-topics", "--describe", "--topic", thin)
    assert "ReplicationFactor: 3" in said
    assert play(*verify, *declared).code == 0


def test_partitions_are_never_taken_away() -> None:
    """Declared are fewer than there are: they stay, and it is told."""
    fewer = {"kafka_topics": [{"name": "notifications.info", "partitions": 1}]}
    run = play(
        CHECKOUT / "molecule" / "cluster" / "converge.yml",
        *("--tags", "kafka_provision"),
        *("--extra-vars", json.dumps(fewer)),
    )
    assert run.code == 0
    assert "Kafka cannot take partitions away" in run.words
    said = BUS.tool("kafka-topics", "--describe", "--topic", FULL)
    assert "PartitionCount: 3" in said


def certificate(node: str) -> str:
    """Return which certificate the broker shows its clients."""
    shown: str = BUS.machine(node).check_output(
        "sh -c %s",
        f"openssl s_client -connect {node}:9092 </dev/null 2>/dev/null "
        "| openssl x509 -noout -serial",
    )
    return shown


def test_certificates_are_renewed_without_an_outage() -> None:
    before = {node: certificate(node) for node in NODES}
    with load(BUS) as counted:
        run = play(CHECKOUT / "playbooks" / "renew_certificates.yml")
    assert run.code == 0
    assert all(certificate(node) != before[node] for node in NODES)
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0


# -- restarts ----


def test_a_changed_setting_takes_down_one_node_at_a_time() -> None:
    """And only where something has changed.

    The play has no "serial": the role itself holds the others back.
    """
    before = BUS.started()
    setting = {"log.cleaner.backoff.ms": 15001}
    others = f"inventory_hostname == '{NODES[0]}'"
    changed = {
        "kafka_properties": f"{{{{ {{}} if {others} else {setting} }}}}"
    }
    with watched(BUS, {node: 9092 for node in NODES}) as seen:
        run = play(
            CHECKOUT / "molecule" / "cluster" / "converge.yml",
            *("--tags", "kafka_configure,kafka_service"),
            *("--forks", "8", "--extra-vars", json.dumps(changed)),
        )
    assert run.code == 0
    restarted = {n for n, m in BUS.started().items() if m != before[n]}
    assert restarted == set(NODES[1:])
    assert set(seen) == {0, 1}


def test_no_node_is_restarted_while_another_is_down() -> None:
    down = BUS.machine(NODES[2])
    before = BUS.started()[NODES[0]]
    down.check_output("systemctl stop kafka")
    try:
        run = play(
            CHECKOUT / "playbooks" / "rolling_restart.yml",
            *("--limit", NODES[0]),
            *("--extra-vars", "kafka_ready_timeout=5"),
        )
    finally:
        down.check_output("systemctl start kafka")
    assert run.code != 0
    assert "Node 1 is not restarted" in run.output
    assert "Node 3 does not answer" in run.output
    assert BUS.started()[NODES[0]] == before


def test_a_node_that_others_count_on_is_not_removed() -> None:
    """Its vote and its copies may be the ones that are needed."""
    run = play(
        CHECKOUT / "playbooks" / "remove.yml",
        *("--limit", NODES[2]),
        *("--extra-vars", f"remove_cluster_id={BUS.cluster_id()}"),
    )
    assert run.code != 0
    assert f"remove_node.yml -e kafka_leaving={NODES[2]}" in run.words
    assert run.counts["changed"] == 0
    assert BUS.machine(NODES[2]).service("kafka").is_running


def test_the_brokers_own_password_changes_without_an_outage() -> None:
    """The last test: afterwards the inventory no longer fits."""
    new = "another-long-password"
    rotate = CHECKOUT / "playbooks" / "rotate_secrets.yml"
    same = play(
        rotate, "--extra-vars", json.dumps({"kafka_admin_password": new})
    )
    assert same.code != 0
    assert "set kafka_admin_user to admin-2" in same.output
    account = {"kafka_admin_user": "admin-2", "kafka_admin_password": new}
    arguments = ("--extra-vars", json.dumps(account))
    with load(BUS) as counted:
        one = play(rotate, "--limit", NODES[1], *arguments)
        assert one.code == 0
        run = play(rotate, *arguments)
    assert f"because {NODES[0]}, {NODES[2]} may still use it" in one.words
    assert run.code == 0
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0
    said = BUS.tool("kafka-configs", "--describe", "--entity-type", "users")
    assert "user-principal 'admin-2'" in said
    assert "user-principal 'admin'" not in said
    assert new not in one.output + run.output
