# SPDX-License-Identifier: Apache-2.0
"""A removal takes away what the roles have made, and no file of others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import ROOT, Ansible

REMOVE = ROOT / "playbooks/remove.yml"
#: What an older release has written for each role.
OLD: dict[str, list[str]] = {
    kind: []
    for kind in ("packages", "services", "data_paths", "users", "groups")
}


class Machine:
    """A machine with a record of what was installed on it."""

    def __init__(self, ansible: Ansible, directory: Path) -> None:
        self.ansible = ansible
        self.record = directory / "installed.json"

    def play(self, task: dict[str, Any]) -> None:
        done = self.ansible.play([task])
        assert done.returncode == 0, done.stdout + done.stderr

    def record_made(self, **things: list[str]) -> None:
        self.play(
            {
                "kafka_bus.openstack.install_record": {
                    "file": str(self.record),
                    "role": "oslo_messaging",
                    **things,
                }
            }
        )

    def remove(self) -> str:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                *("-i", "localhost,", "-c", "local"),
                *("-e", "ansible_become=false"),
                *("-e", f"ansible_python_interpreter={sys.executable}"),
                *("-e", f"remove_record_file={self.record}"),
                str(REMOVE),
            ],
            env=self.ansible.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def machine(ansible: Ansible, tmp_path: Path) -> Machine:
    return Machine(ansible, tmp_path)


def test_a_directory_stays_when_others_have_put_files_there(
    machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "nova"
    machine.play(
        {
            "import_role": {"name": "kafka_bus.openstack.oslo_messaging"},
            "vars": {
                "oslo_messaging_config_file": str(folder / "nova.conf"),
                "oslo_messaging_rpc_password": "hush",
                "oslo_messaging_record_file": str(machine.record),
                "oslo_messaging_verify": False,
            },
        }
    )
    (folder / "policy.yaml").write_text("{}")

    machine.remove()

    assert [one.name for one in folder.iterdir()] == ["policy.yaml"]
    assert not machine.record.exists()


def test_directories_that_nothing_is_in_any_more_go(
    machine: Machine, tmp_path: Path
) -> None:
    inner = tmp_path / "etc/nova"
    inner.mkdir(parents=True)
    machine.record_made(parents=[str(inner), str(inner.parent)])

    machine.remove()

    assert not inner.parent.exists()


def test_a_record_of_an_older_release_is_read(
    machine: Machine, tmp_path: Path
) -> None:
    file = tmp_path / "nova.conf"
    file.write_text("")
    machine.record.write_text(
        json.dumps(
            {"version": 1, "roles": {"kafka": OLD | {"paths": [str(file)]}}}
        )
    )

    machine.remove()

    assert not file.exists()
    assert not machine.record.exists()
