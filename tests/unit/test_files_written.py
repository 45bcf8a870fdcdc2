# SPDX-License-Identifier: Apache-2.0
"""files_written has several files and directories, as it was asked to."""

import json
import os
from pathlib import Path
from typing import Any

import ansible_module
import pytest


def run(*, check: bool = False, **arguments: Any) -> dict[str, Any]:
    """Run the module; return what it printed, or its failure."""
    arguments |= {"_ansible_check_mode": check, "_ansible_diff": True}
    done = ansible_module.run("files_written", **arguments)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    folder = tmp_path / "a" / "b"
    return {
        "directories": [{"path": str(folder), "mode": "0750"}],
        "files": [
            {"path": str(folder / "one"), "content": "1\n", "mode": "0640"},
            {"path": str(folder / "two"), "content": "2\n", "mode": "0755"},
        ],
    }


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_files_and_directories_are_there_with_their_modes(
    tmp_path: Path, wanted: dict[str, Any]
) -> None:
    said = run(**wanted)
    folder = tmp_path / "a" / "b"
    assert said["changed"]
    assert said["changed_paths"] == [
        str(folder),
        str(folder / "one"),
        str(folder / "two"),
    ]
    assert (folder / "one").read_text() == "1\n"
    # Parents are made alike.
    assert [mode(tmp_path / "a"), mode(folder)] == [0o750, 0o750]
    assert mode(folder / "one") == 0o640
    assert mode(folder / "two") == 0o755


def test_a_second_time_changes_nothing(wanted: dict[str, Any]) -> None:
    run(**wanted)
    said = run(**wanted)
    assert not said["changed"]
    assert said["changed_paths"] == said["diff"] == []


def test_check_mode_tells_the_difference_and_writes_nothing(
    tmp_path: Path, wanted: dict[str, Any]
) -> None:
    assert run(check=True, **wanted)["changed"]
    assert list(tmp_path.iterdir()) == []
    run(**wanted)
    one = tmp_path / "a" / "b" / "one"
    one.write_text("drifted\n")
    said = run(check=True, **wanted)
    assert said["changed_paths"] == [str(one)]
    assert said["diff"] == [
        {
            "before_header": str(one),
            "after_header": str(one),
            "before": "drifted\n",
            "after": "1\n",
        }
    ]
    assert one.read_text() == "drifted\n"


def test_a_mode_that_has_drifted_is_mended(
    tmp_path: Path, wanted: dict[str, Any]
) -> None:
    run(**wanted)
    one = tmp_path / "a" / "b" / "one"
    one.chmod(0o666)
    assert run(check=True, **wanted)["changed_paths"] == [str(one)]
    assert mode(one) == 0o666
    assert run(**wanted)["changed_paths"] == [str(one)]
    assert mode(one) == 0o640


def test_a_directory_may_be_a_link_to_another_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    (tmp_path / "data").symlink_to(disk)
    run(directories=[{"path": str(tmp_path / "data"), "mode": "0750"}])
    assert (tmp_path / "data").is_symlink()
    assert mode(disk) == 0o750


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file" / "below")
    said = run(files=[{"path": path, "content": "", "mode": "0640"}])
    assert said["failed"]
    assert said["msg"] == f"{path} cannot be written: Not a directory."


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "one"
    item = {"path": str(path), "content": "", "mode": "0640"}
    run(files=[{**item, "owner": "root", "group": "daemon"}])
    assert path.group() == "daemon"
