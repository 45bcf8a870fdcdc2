# SPDX-License-Identifier: Apache-2.0
"""What a cluster's playbooks write of its nodes, and tell of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import ROOT, Ansible


class Inventory:
    """A group kafka of hosts that are all this machine."""

    def __init__(self, ansible: Ansible, directory: Path) -> None:
        self.ansible = ansible
        self.folder = directory / "inventory"
        self.folder.mkdir()
        self.ids = self.folder / "group_vars/kafka/cluster.yml"

    def has(
        self, *names: str, roles: dict[str, list[str] | None] | None = None
    ) -> None:
        """Name the hosts, each with directories and an address of its own."""
        machine = {
            "ansible_become": False,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "kafka_listen_address": "::",
            "kafka_packages_manage": False,
            "kafka_service_manage": False,
        }
        hosts: dict[str, dict[str, Any]] = {
            name: {
                "kafka_admin_venv": f"{self.folder}/{name}/venv",
                "kafka_advertised_address": f"{name}.invalid",
                "kafka_data_dirs": [f"{self.folder}/{name}/data"],
                "kafka_service_name": f"kafka-{name}",
                **{
                    f"kafka_{kind}_dir": f"{self.folder}/{name}/{kind}"
                    for kind in ("install", "config", "log", "tmp")
                },
            }
            for name in names
        }
        for name, some in (roles or {}).items():
            hosts[name]["kafka_node_roles"] = some
        groups = {"kafka": {"hosts": hosts, "vars": machine}}
        (self.folder / "hosts.yml").write_text(
            json.dumps(groups), encoding="utf-8"
        )

    def play(
        self, playbook: str, *arguments: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                *("-i", str(self.folder)),
                str(ROOT / "playbooks" / playbook),
                *arguments,
            ],
            env=self.ansible.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def begin(self, *names: str) -> dict[str, Any]:
        """Have a new cluster, and say what was written of it."""
        self.has(*names)
        done = self.play("new_cluster.yml")
        assert done.returncode == 0, done.stdout + done.stderr
        return self.written()

    def written(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.ids.read_text("utf-8"))
        return found


@pytest.fixture
def inventory(ansible: Ansible, tmp_path: Path) -> Inventory:
    return Inventory(ansible, tmp_path)


def test_a_host_keeps_its_name_whatever_yaml_makes_of_it(
    inventory: Inventory,
) -> None:
    names = {"no", "1e3", "k1"}
    assert {*inventory.begin(*names)["kafka_nodes"]} == names


def test_secrets_are_invented_once(inventory: Inventory) -> None:
    secrets = inventory.ids.with_name("secrets.yml")
    inventory.begin("k1")
    before = secrets.read_text(encoding="utf-8")
    words = yaml.safe_load(before)
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert {*words} == {"kafka_admin_password", "kafka_controller_password"}
    assert len({*words.values()}) == 2
    inventory.begin("k1")
    assert secrets.read_text(encoding="utf-8") == before


def test_a_check_run_knows_the_nodes_that_it_would_add(
    inventory: Inventory,
) -> None:
    before = inventory.begin("k1", "k2", "k3")
    inventory.has("k1", "k2", "k3", "k4", "k5")
    done = inventory.play("add_node.yml", "--check")
    # Which is how the old ones are told of them.
    assert "k4.invalid is no name that this machine" in done.stdout
    assert "does not name" not in done.stdout
    assert inventory.written() == before


@pytest.mark.parametrize(
    ("leaving", "limit", "sentence"),
    [
        ("kafka", [], "set it to one of k1, k2, k3"),
        ("all", [], "set it to one of k1, k2, k3"),
        ("k3", ["--limit", "k3"], "leaves out the nodes that stay"),
    ],
)
def test_no_node_stops_before_others_have_taken_over(
    inventory: Inventory, leaving: str, limit: list[str], sentence: str
) -> None:
    inventory.begin("k1", "k2", "k3")
    notes = [
        inventory.folder / name / "config/formatted"
        for name in ("k1", "k2", "k3")
    ]
    for note in notes:
        note.parent.mkdir(parents=True)
        note.touch()
    done = inventory.play(
        "remove_node.yml", "-e", f"kafka_leaving={leaving}", *limit
    )
    assert sentence in done.stdout, done.stdout
    # Taken away where a node is stopped for good.
    assert all(note.exists() for note in notes)


def test_a_lost_node_need_not_be_in_the_inventory(
    inventory: Inventory,
) -> None:
    inventory.begin("k1", "k2", "k3")
    inventory.has("k1", "k2")
    done = inventory.play("remove_node.yml", "-e", "kafka_leaving=k3")
    # The others are looked at; they are none that this machine could reach.
    assert "k1.invalid is no name that this machine" in done.stdout
    assert "leaves out k3" not in done.stdout


def test_a_node_without_roles_has_both(inventory: Inventory) -> None:
    brokers = {name: ["broker"] for name in ("k3", "k4")}
    inventory.has(
        *("k1", "k2", "k3", "k4", "k5"),
        roles={**brokers, "k1": None, "k2": []},
    )
    done = inventory.play("new_cluster.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    nodes = inventory.written()["kafka_nodes"]
    voters = {name for name in nodes if "directory_id" in nodes[name]}
    assert voters == {"k1", "k2", "k5"}


def test_a_cluster_without_controllers_is_refused(
    inventory: Inventory,
) -> None:
    inventory.has("k1", roles={"k1": ["broker"]})
    done = inventory.play("new_cluster.yml")
    assert "has 0 controllers: have 1, 3 or 5" in done.stdout
