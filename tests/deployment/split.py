# SPDX-License-Identifier: Apache-2.0
"""Controllers apart from brokers, and nodes that come and go.

The tests are in the order in which an operator would do these things.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from .clusters import Cluster
from .load import load
from .machine import CHECKOUT, listening
from .plays import Run, play, tell_times_away
from .watch import watched

BUS = Cluster("split", ("broker1", "broker2", "broker3"))
CONTROLLERS = ("controller1", "controller2", "controller3")
ADD = CHECKOUT / "playbooks" / "add_node.yml"
REMOVE = CHECKOUT / "playbooks" / "remove_node.yml"


def ids() -> dict[str, int]:
    nodes = yaml.safe_load(BUS.ids.read_text())["kafka_nodes"]
    return {host: node["id"] for host, node in nodes.items()}


def copies() -> dict[int, int]:
    """Return how many copies of partitions each broker has."""
    said = BUS.tool("kafka-topics", "--describe")
    counted: dict[int, int] = {}
    for line in said.splitlines():
        if "Replicas: " in line:
            for number in line.split("Replicas: ")[1].split()[0].split(","):
                counted[int(number)] = counted.get(int(number), 0) + 1
    return counted


def remove(node: str) -> Run:
    return play(REMOVE, "--extra-vars", json.dumps({"kafka_leaving": node}))


@pytest.fixture(scope="module", autouse=True)
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Work with a copy of the inventory, which the tests edit."""
    scenario = tmp_path_factory.mktemp("operator")
    shutil.copytree(BUS.inventory, scenario / "inventory")
    BUS.use(scenario / "inventory")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOLECULE_SCENARIO_DIRECTORY", str(scenario))
        yield


@contextmanager
def edited() -> Iterator[dict[str, Any]]:
    """Change the hosts of the group kafka."""
    path = BUS.inventory / "hosts.yml"
    inventory = yaml.safe_load(path.read_text())
    yield inventory["kafka"]["hosts"]
    path.write_text(yaml.safe_dump(inventory))


@pytest.mark.parametrize("node", CONTROLLERS)
def test_a_controller_has_no_port_for_clients(node: str) -> None:
    assert not listening(BUS.machine(node), 9092)
    assert listening(BUS.machine(node), 9093)


@pytest.mark.parametrize("node", BUS.brokers)
def test_a_broker_has_no_port_for_controllers(node: str) -> None:
    assert listening(BUS.machine(node), 9092)
    assert not listening(BUS.machine(node), 9093)


def test_controllers_vote_and_brokers_do_not() -> None:
    states = BUS.quorum()
    for node, number in ids().items():
        expected = "Observer" if node in BUS.brokers else "er"
        assert states[str(number)].endswith(expected)
    assert sorted(states.values()).count("Leader") == 1


def test_a_notification_crosses_the_cluster() -> None:
    sent = BUS.send(BUS.settings("notifier"), "split.crosses")
    assert sent.rc == 0, sent.stderr
    assert "split.crosses" in BUS.events()


def test_each_node_is_restarted_while_the_others_go_on() -> None:
    ports = dict.fromkeys(CONTROLLERS, 9093) | dict.fromkeys(BUS.brokers, 9092)
    with load(BUS) as counted, watched(BUS, ports) as seen:
        run = play(CHECKOUT / "playbooks" / "rolling_restart.yml")
    tell_times_away(run)
    assert run.code == 0
    assert set(seen) == {0, 1}
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0


def test_a_broker_gets_another_directory_while_services_notify() -> None:
    more = "/var/lib/kafka/more"
    with edited() as hosts:
        hosts["broker1"]["kafka_data_dirs"] = ["/var/lib/kafka/data", more]
    with load(BUS) as counted:
        run = play(CHECKOUT / "playbooks" / "site.yml", "--tags", "kafka")
    assert run.code == 0
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0
    said = BUS.tool(
        "kafka-log-dirs", "--describe", "--broker-list", str(ids()["broker1"])
    )
    assert more in said


def test_nobody_is_left_out_when_nodes_come_or_go() -> None:
    hosts, ids_before = BUS.inventory / "hosts.yml", BUS.ids.read_text()
    before = hosts.read_text()
    with edited() as nodes:
        nodes["broker4"] = {"kafka_node_roles": ["broker"]}
    added = play(ADD, "--limit", "broker4")
    hosts.write_text(before)
    assert added.code != 0
    assert "leaves out broker1, broker2" in added.words
    removed = play(
        REMOVE, "--limit", "broker1", "--extra-vars", "kafka_leaving=broker3"
    )
    assert removed.code != 0
    assert "leaves out broker3, which has to be stopped" in removed.words
    assert added.counts["changed"] == removed.counts["changed"] == 0
    assert BUS.ids.read_text() == ids_before
    assert BUS.machine("broker3").service("kafka").is_running


def test_a_node_is_not_removed_before_its_cluster_has_let_it_go() -> None:
    """Not even when it is taken out of the group first."""
    hosts = BUS.inventory / "hosts.yml"
    before = hosts.read_text()
    with edited() as nodes:
        del nodes["broker3"]
    run = play(
        CHECKOUT / "playbooks" / "remove.yml",
        *("--limit", "broker3"),
        *("--extra-vars", f"remove_cluster_id={BUS.cluster_id()}"),
    )
    hosts.write_text(before)
    assert run.code != 0
    assert "remove_node.yml -e kafka_leaving=broker3 first" in run.words
    assert run.counts["changed"] == 0
    assert BUS.machine("broker3").service("kafka").is_running


def test_a_broker_is_added_and_another_removed_and_nothing_is_lost() -> None:
    with load(BUS) as counted:
        with edited() as hosts:
            hosts["broker4"] = {"kafka_node_roles": ["broker"]}
        added = play(ADD)
        assert added.code == 0
        number = ids()["broker4"]
        removed = remove("broker3")
        assert removed.code == 0
        assert copies()[number] > 0
    assert "0 partitions still have a copy on broker3." in removed.words
    assert "broker3" not in ids()
    assert not BUS.machine("broker3").service("kafka").is_running
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0
    with edited() as hosts:
        del hosts["broker3"]
    told = play(CHECKOUT / "playbooks" / "site.yml", "--tags", "kafka")
    assert told.code == 0


def test_what_has_left_the_cluster_can_be_removed() -> None:
    run = play(
        CHECKOUT / "playbooks" / "remove.yml",
        *("--limit", "broker3", "--extra-vars"),
        json.dumps(
            {"remove_cluster_id": BUS.cluster_id(), "remove_purge": True}
        ),
    )
    assert run.code == 0
    for path in ("/opt/kafka", "/etc/kafka", "/var/lib/kafka"):
        assert not BUS.machine("broker3").file(path).exists


def test_a_controller_that_lost_its_disk_is_not_just_formatted() -> None:
    machine = BUS.machine("controller3")
    machine.check_output("systemctl stop kafka")
    machine.check_output("sh -c %s", "rm -rf /var/lib/kafka/data/*")
    run = play(CHECKOUT / "playbooks" / "site.yml", "--tags", "kafka")
    assert run.code != 0
    assert "run playbooks/remove_node.yml for this" in run.output


def test_a_controller_that_lost_its_disk_comes_back_with_a_new_vote() -> None:
    old = ids()["controller3"]
    removed = remove("controller3")
    assert removed.code == 0
    assert len([s for s in BUS.quorum().values() if s != "Observer"]) == 2
    added = play(ADD)
    assert added.code == 0
    states = BUS.quorum()
    assert states.get(str(old)) not in ("Follower", "Leader")
    assert states[str(ids()["controller3"])] in ("Follower", "Leader")


def test_what_is_not_a_node_is_not_removed() -> None:
    run = remove("broker9")
    assert run.code != 0
    assert 'kafka_leaving is "broker9"' in run.output


def test_a_node_that_partitions_need_is_not_removed() -> None:
    before = copies()
    run = remove("broker2")
    assert run.code != 0
    assert "there would be 2 brokers: add a broker first" in run.words
    assert copies() == before
