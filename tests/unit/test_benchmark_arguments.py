# SPDX-License-Identifier: Apache-2.0
"""The programs of benchmarks/ say what is wrong with their arguments."""

import os
import subprocess
import sys

import pytest
from test_repository_layout import CHECKOUT


@pytest.mark.parametrize(
    ("program", "arguments", "sentence"),
    [
        # Brokers of others, so that it starts none whatever it makes of this.
        (
            "run.py",
            ["--kafka=h:9", "--rabbit=rabbit://h/", "--rounds=0"],
            "argument --rounds: write 1 or more",
        ),
        ("deployment.py", ["--scenario", "no"], "--scenario: invalid choice"),
        ("count_tasks.py", ["/no/such"], "/no/such is no role: there is no"),
    ],
)
def test_wrong_arguments_are_named(
    program: str, arguments: list[str], sentence: str
) -> None:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "benchmarks" / program, *arguments],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(CHECKOUT / "tests" / "functional"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
