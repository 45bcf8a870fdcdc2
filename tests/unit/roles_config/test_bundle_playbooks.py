# SPDX-License-Identifier: Apache-2.0
"""A bundle takes the place of an older one, and of nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT, Ansible


def play(ansible: Ansible, playbook: str, bundle: str, *more: str) -> str:
    """Run a playbook with the folder of a bundle, and say what it said."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", "localhost,", "-c", "local"),
            *("-e", "ansible_become=false"),
            *("-e", f"kafka_bus_bundle={bundle}"),
            *more,
            str(ROOT / "playbooks" / playbook),
        ],
        env=ansible.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    # In one line, however it was wrapped and quoted.
    return " ".join(done.stdout.replace('\\"', '"').split())


@pytest.mark.parametrize("name", ["SHA512SUMS", ".profile", ".git/HEAD", ""])
def test_what_is_no_bundle_is_not_taken_away(
    ansible: Ansible, tmp_path: Path, name: str
) -> None:
    there = tmp_path / "there"
    file = there / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("somebody's own")
    said = play(ansible, "bundle.yml", str(there), "--check")
    assert f"{there} is no bundle but holds files: set" in said


def test_a_bundle_takes_the_place_of_an_older_one(
    ansible: Ansible, tmp_path: Path
) -> None:
    folder, new = tmp_path / "bundle", tmp_path / "bundle.part"
    for path in (folder, new):
        path.mkdir()
    for name in ("bundle.json", "SHA512SUMS"):
        (folder / name).touch()
    (new / "whole").touch()
    known = json.dumps({"kafka_bundled": {"version": "4.3.1"}})
    # As a shell completes it.
    said = play(ansible, "bundle.yml", f"{folder}/", "--check")
    assert "is no bundle" not in said
    play(
        ansible,
        "bundle.yml",
        f"{folder}/",
        *("-e", known, "--start-at-task", "Take the old folder away"),
    )
    assert [path.name for path in folder.iterdir()] == ["whole"]


@pytest.mark.parametrize("path", ["bundle", "~/bundle"])
def test_a_bundle_is_taken_by_its_whole_path(
    ansible: Ansible, tmp_path: Path, path: str
) -> None:
    hosts = tmp_path / "hosts.ini"
    hosts.write_text("[kafka]\nlocalhost\n")
    said = play(ansible, "site.yml", path, "-i", str(hosts))
    assert f'kafka_bus_bundle is "{path}": set it to the absolute' in said
