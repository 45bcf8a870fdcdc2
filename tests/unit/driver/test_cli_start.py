# SPDX-License-Identifier: Apache-2.0
"""How the command begins."""

import signal
import subprocess
import sys

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
        [sys.executable, "-c", LOADING],
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
