# SPDX-License-Identifier: Apache-2.0
"""What bus_check says when the bus does not work.

That it sees both messages is tested with real brokers.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import ROOT

PROGRAM = ROOT / "roles/oslo_messaging/files/bus_check.py"
PASSWORD = "hush-hush"  # noqa: S105


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a port that accepts connections and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(64)
        yield server.getsockname()[1]


def run(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--config-file", str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "hush" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def configuration(directory: Path, url: str, driver: str = "") -> Path:
    path = directory / "service.conf"
    path.write_text(
        f"[DEFAULT]\ntransport_url = {url}\n"
        f"[oslo_messaging_notifications]\n{driver}\n"
    )
    return path


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        url = f"rabbit://u:{PASSWORD}@127.0.0.1:{port}/"
        done = run(configuration(tmp_path, url))
    assert done.returncode == 1
    assert f"127.0.0.1:{port} (Connection refused)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_broker_that_does_not_answer_ends_at_the_timeout(
    tmp_path: Path, silent_port: int
) -> None:
    url = f"rabbit://u:{PASSWORD}@127.0.0.1:{silent_port}/"
    done = run(configuration(tmp_path, url), "--timeout", "2", "--json")
    assert done.returncode == 1
    answer = json.loads(done.stdout)
    assert answer["ok"] is False
    assert "Could not call over RPC within 2 seconds" in answer["error"]


@pytest.mark.parametrize(
    "url",
    [
        f"rabbit://u:{PASSWORD}#@h:5672/",
        f"rabbit://u:{PASSWORD}@h:{PASSWORD}/",
        f"//u:{PASSWORD}@h:5672/",
    ],
)
def test_a_url_that_cannot_be_read_is_not_quoted(
    tmp_path: Path, url: str
) -> None:
    done = run(configuration(tmp_path, url))
    assert done.returncode == 1
    assert "[DEFAULT] transport_url cannot be read" in done.stderr


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    done = run(configuration(tmp_path, "carrier-pigeon://h:1/"))
    assert done.returncode == 1
    assert "install its driver" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = run(tmp_path / "nova.conf")
    assert done.returncode == 1
    assert str(tmp_path / "nova.conf") in done.stderr


def test_an_interpreter_without_oslo_messaging_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(PROGRAM), "--config-file", "x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "run this program with the service's interpreter" in done.stderr
    assert len(done.stderr.splitlines()) == 1
