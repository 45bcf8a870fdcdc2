# SPDX-License-Identifier: Apache-2.0
"""Run an Ansible module as Ansible does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

MODULES = Path(__file__).resolve().parents[2] / "plugins" / "modules"


def run(name: str, /, **arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run a module; its answer is the JSON of its output."""
    return subprocess.run(
        [sys.executable, str(MODULES / f"{name}.py")],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
