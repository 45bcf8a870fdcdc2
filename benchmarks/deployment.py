#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure how long the roles take on the three nodes of a scenario.

The first run, two runs with nothing to do, a rolling restart; for each its
seconds, tasks, and the Java machines that it started beside the services.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STARTS = "/srv/java-starts"


@dataclass
class Figures:
    """What one run of a playbook took."""

    name: str
    seconds: float
    tasks: int
    changed: int
    javas: int
    away: dict[str, float] = field(default_factory=dict)


class Scenario:
    """The machines of a scenario, which Molecule makes and takes away."""

    def __init__(self, name: str, *, profile: bool) -> None:
        self.folder = CHECKOUT / "molecule" / name
        self.name = name
        self.profile = profile
        inventory = yaml.safe_load(
            (self.folder / "inventory" / "hosts.yml").read_text()
        )
        self.nodes = list(inventory["kafka"]["hosts"])

    def molecule(self, step: str) -> None:
        """Run one of Molecule's steps."""
        done = subprocess.run(
            [BIN / "molecule", step, "--scenario-name", self.name],
            cwd=CHECKOUT,
            env=os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\nmolecule {step} failed.")

    @contextmanager
    def machines(self, *, keep: bool) -> Iterator[None]:
        """Have new machines, that count the starts of Java."""
        subprocess.run([CHECKOUT / "ci" / "docker-daemon"], check=True)
        self.molecule("destroy")
        try:
            self.molecule("create")
            self.molecule("prepare")
            yield
        finally:
            if not keep:
                self.molecule("destroy")

    def javas(self) -> int:
        """Count the starts of Java on all nodes, but those of services."""
        count = 0
        for node in self.nodes:
            told = subprocess.run(
                ["docker", "exec", node, "cat", STARTS],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
            # The scenario's playbook writes "run" when it begins.
            count += sum(line != "run" for line in told.splitlines())
        return count

    def play(self, name: str, playbook: Path) -> Figures:
        """Run a playbook on all nodes, and measure it."""
        shared = CHECKOUT / "molecule" / "shared" / "inventory"
        environment = os.environ | {
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build"),
            "ANSIBLE_NOCOLOR": "true",
        }
        if self.profile:
            environment["ANSIBLE_CALLBACKS_ENABLED"] = (
                "ansible.posix.profile_tasks"
            )
        javas, begin = self.javas(), time.monotonic()
        done = subprocess.run(
            [
                BIN / "ansible-playbook",
                f"--inventory={shared}",
                f"--inventory={self.folder / 'inventory'}",
                "--limit=kafka",
                playbook,
            ],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - begin
        if done.returncode:
            sys.exit(f"{done.stdout}\n{name} failed.")
        output, _, recap = done.stdout.rpartition("PLAY RECAP")
        if self.profile:
            print(f"-- {name}\n{recap}", flush=True)
        return Figures(
            name=name,
            seconds=round(seconds, 1),
            tasks=len(re.findall(r"(?m)^TASK \[", output)),
            changed=sum(map(int, re.findall(r"changed=(\d+)", recap))),
            javas=self.javas() - javas,
            away={
                node: float(length)
                for node, length in re.findall(
                    r"(\w+) was away for ([\d.]+) seconds", output
                )
            },
        )


def measure(scenario: Scenario) -> Iterator[Figures]:
    """Run one playbook after the other."""
    site = scenario.folder / "converge.yml"
    yield scenario.play("first run", site)
    yield scenario.play("nothing to do", site)
    yield scenario.play("nothing to do, again", site)
    restart = CHECKOUT / "playbooks" / "rolling_restart.yml"
    yield scenario.play("rolling restart", restart)


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = re.search(
        r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text()
    )
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": model.group(1) if model else "unknown",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scenario",
        default="cluster",
        choices=sorted(
            path.parent.name
            for path in CHECKOUT.glob("molecule/*/molecule.yml")
        ),
        help="a folder of molecule/",
    )
    parser.add_argument(
        "--profile", action="store_true", help="show the slowest tasks"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the machines running"
    )
    parser.add_argument("--json", type=Path, help="write the figures there")
    arguments = parser.parse_args()
    scenario = Scenario(arguments.scenario, profile=arguments.profile)
    where = machine()
    print(", ".join(f"{key} {value}" for key, value in where.items()))
    figures = []
    with scenario.machines(keep=arguments.keep):
        print(f"{'':22}{'seconds':>9}{'tasks':>7}{'changed':>9}{'JVMs':>6}")
        for one in measure(scenario):
            figures.append(one)
            print(
                f"{one.name:22}{one.seconds:9.1f}{one.tasks:7d}"
                f"{one.changed:9d}{one.javas:6d}",
                flush=True,
            )
    for node, length in figures[-1].away.items():
        print(f"{node} was away for {length:.1f} s")
    if arguments.json:
        told = {**where, "figures": [asdict(one) for one in figures]}
        arguments.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
