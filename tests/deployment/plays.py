# SPDX-License-Identifier: Apache-2.0
"""Playbooks run by a test, as a user runs them."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .figures import tell
from .machine import CHECKOUT


@dataclass
class Run:
    """What a run of a playbook has said."""

    output: str
    code: int
    counts: Counter[str]
    #: Those of the recap.
    hosts: set[str]

    @property
    def words(self) -> str:
        """The output without the line ends that Ansible puts into it."""
        return " ".join(self.output.split())


def play(playbook: Path, *arguments: str, directory: Path = CHECKOUT) -> Run:
    """Run a playbook on the machines of the scenario.

    :param directory: where it is run: an ansible.cfg there is read.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "MOLECULE_"))
    }
    environment["ANSIBLE_COLLECTIONS_PATH"] = str(CHECKOUT / ".build")
    scenario = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"])
    done = subprocess.run(
        [
            "ansible-playbook",
            f"--inventory={CHECKOUT}/molecule/shared/inventory/",
            f"--inventory={scenario}/inventory/",
            *arguments,
            str(playbook),
        ],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    recap = done.stdout.rpartition("PLAY RECAP")[2]
    counts: Counter[str] = Counter()
    for name, number in re.findall(r"(\w+)=(\d+)", recap):
        counts[name] += int(number)
    # Shown by pytest when the test fails.
    print(done.stdout)
    hosts = set(re.findall(r"(?m)^(\S+) +: ok=", recap))
    return Run(done.stdout, done.returncode, counts, hosts)


def tell_times_away(run: Run) -> None:
    """Tell for how long each node was away while it was restarted."""
    for node, seconds in re.findall(
        r"(\w+)(?: runs \S+; it)? was away for ([\d.]+) seconds", run.output
    ):
        tell(f"{node} away for {seconds} s")


def make_certificates(folder: Path, **wanted: Any) -> None:
    """Have certificates of a cluster's authority, by the module for them."""
    subprocess.run(
        [
            *("ansible", "localhost", "--inventory", "localhost,"),
            *("--connection", "local"),
            *("--module-name", "kafka_bus.openstack.kafka_certificates"),
            *("--args", json.dumps({"folder": str(folder), **wanted})),
            *("--extra-vars", f"ansible_python_interpreter={sys.executable}"),
        ],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build"),
        },
        check=True,
    )
