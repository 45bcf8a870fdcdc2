# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with the network of a machine."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

#: Nothing comes in and nothing goes out; a machine still reaches itself.
CUT = (
    ("INPUT", "!", "--in-interface", "lo", "--jump", "DROP"),
    ("OUTPUT", "!", "--out-interface", "lo", "--jump", "DROP"),
)


@contextmanager
def cut_off(machine: str) -> Iterator[None]:
    """Drop what a machine sends and gets, while commands still run on it.

    It stays in its docker network: one without a machine may be removed by
    a scenario that ends meanwhile.
    """
    process = subprocess.run(
        ["docker", "inspect", "--format", "{{.State.Pid}}", machine],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()

    def rules(action: str) -> None:
        for rule in CUT:
            subprocess.run(
                [
                    *("nsenter", "--target", process, "--net"),
                    *("iptables", "--wait", action, *rule),
                ],
                check=True,
            )

    rules("--append")
    try:
        yield
    finally:
        rules("--delete")
