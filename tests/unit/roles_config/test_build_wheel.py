# SPDX-License-Identifier: Apache-2.0
"""The wheel of a checkout: the same bytes for the same sources."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import ROOT

PROGRAM = ROOT / "roles/kafka_driver/files/build_wheel.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a small project that looks like a checkout."""
    path = tmp_path / "checkout"
    (path / "kafka_driver").mkdir(parents=True)
    (path / "kafka_driver/__init__.py").write_text("")
    (path / "setup.cfg").write_text(
        "[metadata]\nname = oslo-messaging-kafka-driver\nversion = 1\n"
        "[options]\npackages = kafka_driver\n"
    )
    (path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools>=64"]\n'
        'build-backend = "setuptools.build_meta"\n'
    )
    return path


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def build(*arguments: object) -> dict[str, Any]:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_state_of_the_checkout_is_built_once(
    checkout: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    looked = build(checkout, cache, "--look")
    assert (looked["path"], looked["built"]) == ("", True)
    assert not cache.exists()

    first = build(checkout, cache)
    again = build(checkout, cache)
    assert (first["built"], again["built"]) == (True, False)
    assert first["sha256"] == again["sha256"]

    (checkout / "kafka_driver/new.py").write_text("x = 1\n")
    changed = build(checkout, cache)
    assert changed["built"] is True
    assert changed["sha256"] != first["sha256"]


def test_two_builders_get_the_same_bytes(
    checkout: Path, tmp_path: Path
) -> None:
    one = build(checkout, tmp_path / "one")
    (checkout / "kafka_driver/__init__.py").touch()
    (checkout / "kafka_driver/__init__.py").chmod(0o600)
    assert build(checkout, tmp_path / "two")["sha256"] == one["sha256"]


def test_the_checkout_stays_as_it_was(checkout: Path, tmp_path: Path) -> None:
    before = sorted(checkout.rglob("*"))
    build(checkout, tmp_path / "cache")
    assert sorted(checkout.rglob("*")) == before


def test_a_failed_build_leaves_nothing_and_says_one_sentence(
    checkout: Path, tmp_path: Path
) -> None:
    (checkout / "setup.cfg").write_text("no configuration\n")
    done = run(checkout, tmp_path / "cache")
    assert done.returncode == 1
    assert "kafka_driver_source" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "cache").iterdir()) == []


def test_another_folder_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "cache")
    assert done.returncode == 1
    assert "is no checkout" in done.stderr
