# SPDX-License-Identifier: Apache-2.0
"""Run roles, modules and filters as Ansible does, without any host."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[3]


def load(path: str) -> ModuleType:
    """Import a file of the project that is in no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Ansible:
    """ansible-playbook on this machine, in a directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        link = (
            directory / "collections/ansible_collections/kafka_bus/openstack"
        )
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT)
        self.environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(directory / "collections"),
            "ANSIBLE_HOME": str(directory / "home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
            "XDG_CACHE_HOME": str(directory / "cache"),
        }

    def play(
        self,
        tasks: list[dict[str, Any]],
        *arguments: str,
        variables: dict[str, Any] | None = None,
        hosts: str = "localhost",
    ) -> subprocess.CompletedProcess[str]:
        """Run tasks; JSON is YAML, so no other format is needed."""
        play = {
            "hosts": hosts,
            "connection": "local",
            "gather_facts": False,
            "vars": {
                "ansible_python_interpreter": sys.executable,
                **(variables or {}),
            },
            "tasks": tasks,
        }
        path = self.directory / "play.yml"
        path.write_text(json.dumps([play]), encoding="utf-8")
        return subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                "-i",
                "localhost,",
                str(path),
                *arguments,
            ],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def refusals(
        self, role: str, variables: dict[str, Any], bad: list[dict[str, Any]]
    ) -> list[str]:
        """Collect what a role's preflight says to each bad setting."""
        said = self.directory / "said.json"
        tasks: list[dict[str, Any]] = [{"set_fact": {"said": []}}]
        for settings in bad:
            preflight = {
                "include_role": {
                    "name": f"kafka_bus.openstack.{role}",
                    "tasks_from": "preflight.yml",
                },
                "vars": settings,
            }
            # A failed loop has its sentence with the item.
            heard = {
                "said": "{{ said + [ansible_failed_result.results"
                " | default([ansible_failed_result])"
                " | selectattr('failed', 'defined')"
                " | selectattr('failed') | map(attribute='msg') | first] }}"
            }
            tasks.append(
                {
                    "block": [
                        preflight,
                        {"set_fact": {"said": "{{ said + [''] }}"}},
                    ],
                    "rescue": [{"set_fact": heard}],
                }
            )
        tasks.append(
            {"copy": {"content": "{{ said | to_json }}", "dest": str(said)}}
        )
        done = self.play(tasks, variables=variables)
        assert done.returncode == 0, done.stdout + done.stderr
        answers: list[str] = json.loads(said.read_text(encoding="utf-8"))
        return answers
