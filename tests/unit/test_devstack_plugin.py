# SPDX-License-Identifier: Apache-2.0
"""The DevStack plugin, by its bats tests and by the table of URLs."""

import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import oslo_messaging
import pytest
from oslo_config import cfg

CHECKOUT = Path(__file__).resolve().parents[2]
CASES = json.loads((CHECKOUT / "tests/data/transport_urls.json").read_text())
SUITES = sorted((CHECKOUT / "tests/devstack").glob("*.bats"))
BATS = shutil.which("bats")


def bash_url(case):
    """Let the plugin's function build the URL of a case."""
    return subprocess.run(
        [
            "bash",
            "-c",
            'source "$1"; shift; _kafka_transport_url "$@"',
            "-",
            str(CHECKOUT / "devstack/lib/urls"),
            case["transport"],
            ",".join(case["hosts"]),
            str(case["port"]),
            case["user"],
            case["password"],
            case["vhost"],
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
    ).stdout.removesuffix("\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_url_of_the_plugin_is_the_one_of_the_roles(case):
    assert bash_url(case) == case["url"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_oslo_messaging_reads_from_the_url_what_was_put_in(case):
    url = oslo_messaging.TransportURL.parse(cfg.ConfigOpts(), bash_url(case))
    assert url.transport == case["transport"]
    assert (url.virtual_host or "") == case["vhost"]
    assert len(url.hosts) == len(case["hosts"])
    for host in url.hosts:
        assert (host.username or "") == case["user"]
        assert (host.password or "") == case["password"]


def defaults():
    """Return each variable of the settings with its default."""
    settings = (CHECKOUT / "devstack/settings").read_text()
    return dict(re.findall(r"^(\w+)=\$\{\1:-(.*)\}$", settings, re.MULTILINE))


def table(path):
    """Return the variables of a document's table: {name: default}."""
    found = {}
    for line in (CHECKOUT / path).read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        names = re.findall(r"`([A-Z_0-9]+)`", "".join(cells[1:2]))
        values = [part.strip() for part in "".join(cells[2:3]).split(",")]
        found |= dict(itertools.zip_longest(names, values[: len(names)]))
    return found


def test_plugin_lists_the_variables_that_settings_has():
    header = (CHECKOUT / "devstack/plugin.sh").read_text()
    header = header.partition("# Variables,")[2].partition("\n\n")[0]
    listed = re.findall(r"\b[A-Z]+_[A-Z_0-9]+\b", header)
    assert sorted(listed) == sorted(defaults())


def test_document_lists_the_variables_and_their_defaults():
    listed = table("docs/devstack.md")
    assert sorted(listed) == sorted(defaults())
    for name, default in defaults().items():
        # Without a default of its own the variable may still have a meaning.
        if default and "$" not in default:
            assert listed[name] == f"`{default}`"


def test_readme_has_the_variables_of_the_guide():
    listed = table("README.md")
    assert set(listed) <= set(defaults())
    assert set(listed) >= {
        *("KAFKA_VERSION", "KAFKA_BASEURL", "SCALA_VERSION", "SCALA_BASEURL"),
        *(
            f"{bus}_{what}"
            for bus in ("RPC", "NOTIFY")
            for what in ("SERVICE", "HOST", "PORT", "USERNAME", "PASSWORD")
        ),
    }
    for name, shown in listed.items():
        default = defaults()[name]
        if default and "$" not in default:
            assert shown == f"`{default}`"


def test_every_variable_is_used():
    code = "".join(
        path.read_text()
        for path in [
            CHECKOUT / "devstack/plugin.sh",
            *sorted((CHECKOUT / "devstack/lib").iterdir()),
        ]
        if path.is_file()
    )
    code = "\n".join(
        line for line in code.splitlines() if not line.startswith("#")
    )
    names = set(re.findall(r"\w+", code))
    unused = sorted(set(defaults()) - names)
    assert unused == []


def test_there_are_suites():
    assert SUITES


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.stem)
def test_plugin(suite):
    if BATS is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no bats: install the package bats")
        pytest.skip("there is no bats")
    done = subprocess.run(
        [BATS, str(suite)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
