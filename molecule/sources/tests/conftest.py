# SPDX-License-Identifier: Apache-2.0
"""Run the scenario's playbooks from a test."""

import json
import os
import subprocess
from pathlib import Path

import pytest

SCENARIO = Path(__file__).resolve().parents[1]
CHECKOUT = SCENARIO.parents[1]


@pytest.fixture
def playbook():
    """Run a playbook with settings; answers (code, output)."""

    def run(name, *arguments, **settings):
        done = subprocess.run(
            [
                "ansible-playbook",
                f"--inventory={CHECKOUT}/molecule/shared/inventory/",
                f"--inventory={SCENARIO}/inventory/",
                f"--extra-vars={json.dumps(settings)}",
                *arguments,
                str(SCENARIO / name),
            ],
            # Nothing of the checkout's ansible.cfg is needed to use a role.
            cwd="/",
            env=os.environ
            | {"ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run
