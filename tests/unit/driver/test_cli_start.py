# SPDX-License-Identifier: Apache-2.0
"""How the command begins."""

import os
import signal
import subprocess
import sys

import pytest
from mock_cluster import MockCluster
from signals import HEEDING

from kafka_driver.cli import main

# The first of its own modules that takes long to load stands still.
# SIGINT is as at a terminal, even if whoever runs the tests ignores it.
LOADING = """
import builtins, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
real = builtins.__import__
def load(name, *arguments, **how):
    if name.startswith("oslo_messaging"):
        print("loading", flush=True)
        time.sleep(30)
    return real(name, *arguments, **how)
builtins.__import__ = load
from kafka_driver.cli import start
start.main()
"""


def test_an_interrupt_while_it_is_loaded_ends_it_without_a_traceback() -> None:
    with subprocess.Popen(
        [*HEEDING, sys.executable, "-c", LOADING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        _out, error = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert error == ""


def run(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it."""
    return subprocess.run(
        ["sh", "-c", f"{sys.executable} -m kafka_driver.cli.main {line}"],
        env={**os.environ, "PYTHONWARNINGS": "ignore", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", ">&- <&-"])
@pytest.mark.parametrize(
    "command", ["send", "tail --no-follow --priority=info --timeout=20"]
)
def test_output_that_is_closed_is_no_failure(
    command: str, closed: str, cluster: MockCluster
) -> None:
    done = run(f"{command} --url={cluster.url} {closed}")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_output_cannot_hold_is_written_in_another_way(
    cluster: MockCluster,
) -> None:
    assert run(f"send --url={cluster.url} --event-type=\u00fc").returncode == 0
    done = run(
        f"tail --url={cluster.url} --no-follow --priority=info --timeout=20",
        PYTHONIOENCODING="ascii",
    )
    assert done.stderr == ""
    assert "  \\xfc  " in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("how", [signal.SIG_DFL, signal.SIG_IGN])
def test_whoever_ends_it_lets_it_remove_what_it_made(
    number: signal.Signals, how: signal.Handlers
) -> None:
    before = signal.signal(number, how)
    removed = []
    code = None
    try:
        with main._orderly_ends():
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(number)  # once more
                removed.append("topic")
    except SystemExit as exc:
        code = exc.code
    finally:
        assert signal.signal(number, before) is how
    assert removed
    assert code == (None if how is signal.SIG_IGN else 128 + number)
