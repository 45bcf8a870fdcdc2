# SPDX-License-Identifier: Apache-2.0
"""Questions to a machine that the tests have in common."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICE_CONFIG = "/etc/kafka-bus/service.conf"
SERVICE_PYTHON = "/opt/kafka-bus/venv/bin/python"
ADMIN_PYTHON = "/opt/kafka/admin-venv/bin/python"


def default_of(role: str, variable: str) -> Any:
    """Return the default of a role's variable."""
    defaults = CHECKOUT / "roles" / role / "defaults" / "main.yml"
    return yaml.safe_load(defaults.read_text())[variable]


def listening(host: Any, port: int) -> set[str]:
    """Return the addresses that somebody listens on at a TCP port."""
    lines = host.check_output("ss --listening --tcp --numeric --no-header")
    ends = [line.split()[3].rpartition(":") for line in lines.splitlines()]
    return {address for address, _, number in ends if number == str(port)}


def mode_of(host: Any, path: str) -> tuple[str, str, int]:
    """Return owner, group and permissions of a file."""
    file = host.file(path)
    return file.user, file.group, file.mode


def secrets(host: Any) -> set[str]:
    """Return the bus password, as it is and as it stands in a URL."""
    config = host.check_output("cat %s", SERVICE_CONFIG)
    url = next(
        line.partition("=")[2].strip()
        for line in config.splitlines()
        if line.startswith("transport_url") and "@" in line
    )
    encoded = urlsplit(url).netloc.rpartition("@")[0].partition(":")[2]
    assert encoded
    return {encoded, unquote(encoded)}


def run_python(host: Any, python: str, script: str, *args: str) -> Any:
    """Run a script on the machine; return what it printed as JSON."""
    words = " ".join(["%s"] * (3 + len(args)))
    said = host.run(words, python, "-c", script, *args)
    assert said.rc == 0, said.stderr + said.stdout
    return json.loads(said.stdout)
