# SPDX-License-Identifier: Apache-2.0
"""What the documents say is so: links, names, defaults and sentences."""

import ast
import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_repository_layout import CHECKOUT, ROLES, tracked

from kafka_driver import options
from kafka_driver.cli import main

DOCUMENTS = [file for file in tracked() if file.suffix == ".md"]
GUIDES = CHECKOUT / "docs" / "driver"


def anchors(text: str) -> set[str]:
    """Return what a link may name behind its #."""
    titles = re.findall(r"^#+ (.*)$", _without_code(text), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in titles
    }


def dead_links(document: Path) -> list[str]:
    """Return the links of a document that lead to nothing in the checkout."""
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        name, _, anchor = link.partition("#")
        if name.startswith(("http://", "https://")):
            continue
        target = document.parent / name if name else document
        if not target.exists() or (
            anchor and anchor not in anchors(target.read_text())
        ):
            dead.append(link)
    return dead


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of each table."""
    for line in text.splitlines():
        if line.startswith("| "):
            # A | in a cell is written \|.
            cells = re.split(r"(?<!\\)\|", line.strip()[1:-1])
            yield [cell.strip() for cell in cells]


def variables(text: str) -> dict[str, str]:
    """Return the variables that a role's tables have, with their defaults."""
    found = {}
    for cells in rows(text):
        names = re.findall(r"`([a-z0-9_]+)`", cells[0])
        if len(cells) != 3 or not names:
            continue
        told = [cells[1]] if len(names) == 1 else cells[1].split(",")
        if len(told) == 1:
            told *= len(names)
        # `a_user`, `_password` are a_user and a_password.
        stem = names[0].rpartition("_")[0]
        for name, default in zip(names, told, strict=True):
            whole = stem + name if name.startswith("_") else name
            found[whole] = default.strip(' `"')
    return found


def commands(text: str) -> Iterator[str]:
    """Yield the commands `kafka-driver ...` of a document."""
    joined = text.replace("\\\n", " ")
    pattern = r"(?:^ *|`)kafka-driver ((?:doctor|send|tail|bench) [^`\n]*)"
    yield from re.findall(pattern, joined, re.MULTILINE)


def strings(folder: Path) -> str:
    """Return the texts in Python files, a line for each."""
    found: list[str] = []
    for file in sorted(folder.rglob("*.py")):
        found += [
            node.value
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
    return "\n".join(found)


def blocks(kind: str) -> list[Any]:
    """Return the blocks of code of a kind, each with its document's name."""
    return [
        pytest.param(block, id=f"{file.relative_to(CHECKOUT)}-{number}")
        for file in DOCUMENTS
        for number, block in enumerate(
            re.findall(
                rf"^```{kind}\n(.*?)^```", file.read_text(), re.M | re.S
            )
        )
    ]


def specified() -> set[str]:
    """Return the variables of all roles."""
    return {
        name
        for role in ROLES
        for name in yaml.safe_load(
            (role / "meta/argument_specs.yml").read_text()
        )["argument_specs"]["main"]["options"]
    }


def names_in(value: Any) -> Iterator[str]:
    """Yield the keys at all depths."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield str(key)
            yield from names_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from names_in(one)


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda one: one.name)
def test_links_lead_somewhere(document: Path) -> None:
    assert dead_links(document) == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# One\n[a](#one) [b](#two) [c](a.md#one) [d](b.md)\n")
    assert dead_links(document) == ["#two", "b.md"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_tells_each_variable_and_its_default(role: Path) -> None:
    told = variables((role / "README.md").read_text())
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
    assert set(specs["argument_specs"]["main"]["options"]) <= set(told)
    defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
    wrong = {}
    for name, default in defaults.items():
        if not isinstance(default, str | int) or "{{" in str(default):
            continue  # it is told in words
        written = str(default)
        if isinstance(default, bool):
            written = written.lower()
        if told[name] not in ({written} if written else {"", "empty"}):
            wrong[name] = (told[name], default)
    assert wrong == {}


@pytest.mark.parametrize(
    "document",
    [
        CHECKOUT / "README.md",
        *sorted(GUIDES.glob("*.md")),
    ],
    ids=lambda one: one.name,
)
def test_the_commands_of_a_document_are_understood(document: Path) -> None:
    parser = main.build_parser()
    for command in commands(document.read_text()):
        words = shlex.split(command.partition(" > ")[0])
        assert parser.parse_args(words)


def test_commands_are_found() -> None:
    found = list(commands((GUIDES / "operations.md").read_text()))
    assert any(one.startswith("tail ") and "--since" in one for one in found)
    assert any(one.startswith("send ") for one in found)


def test_the_log_says_what_the_guide_quotes() -> None:
    text = (GUIDES / "operations.md").read_text().partition("## Rights")[0]
    said = strings(CHECKOUT / "kafka_driver")
    quoted = [cells[0].strip("`") for cells in rows(text) if "`" in cells[0]]
    assert len(quoted) > 10
    missing = []
    for one in quoted:
        # Words that stand for others, and names of the client library's.
        words = re.split(
            r"\(.*?\)|\.\.\.|\b[NT]\b|_[A-Z_]+|[A-Z]+_[A-Z_]+", one
        )
        missing += [
            word.strip(" :()")
            for word in words
            if word.strip(" :()") and word.strip(" :()") not in said
        ]
    assert missing == []


@pytest.mark.parametrize(
    "document", sorted(GUIDES.glob("*.md")), ids=lambda one: one.name
)
def test_options_of_the_driver_are_there(document: Path) -> None:
    found = set(re.findall(r"\bkafka_driver_\w+", document.read_text()))
    assert found - {opt.dest for opt in options.OPTS} == set()


@pytest.mark.parametrize("block", blocks("yaml"))
def test_variables_of_an_example_are_there(block: str) -> None:
    prefixes = tuple(f"{role.name}_" for role in ROLES)
    used = {
        name
        for name in names_in(yaml.safe_load(block))
        if name.startswith(prefixes)
    }
    assert used - specified() == set()


@pytest.mark.parametrize("block", blocks("ini"))
def test_options_of_an_example_are_there(block: str) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(block)
    known = {opt.dest for opt in options.ALL_OPTS}
    if parser.has_section(options.GROUP):
        assert set(parser[options.GROUP]) <= known


def test_the_readme_names_the_ansible_that_quickstart_has_installed() -> None:
    """There need be no other."""
    text = (CHECKOUT / "README.md").read_text()
    text = text.partition("## Troubleshooting")[2]
    found = re.findall(r"`(\S*ansible-playbook) ", text)
    assert set(found) == {".build/venv/bin/ansible-playbook"}


def test_each_playbook_is_told() -> None:
    text = (CHECKOUT / "docs/deployment.md").read_text()
    told = set(re.findall(r"^\| `(\w+\.yml)` \|", text, re.MULTILINE))
    assert told == {path.name for path in CHECKOUT.glob("playbooks/*.yml")}


def test_each_option_of_quickstart_is_told() -> None:
    text = (CHECKOUT / "README.md").read_text()
    usage = (CHECKOUT / "tools/quickstart/options.sh").read_text()
    has = re.findall(r"^  (?:-\w, )?(--[\w-]+)", usage, re.MULTILINE)
    section = text.partition("## quickstart.sh")[2].partition("\n## ")[0]
    # -h, and the short spelling of --extra-vars.
    told = set(re.findall(r"--[\w-]+", section)) | {"--extra-vars", "--help"}
    assert set(has) <= told


def test_each_check_of_doctor_is_told() -> None:
    text = (GUIDES / "doctor.md").read_text()
    told = {
        name
        for cells in rows(text)
        for name in re.findall(r"`([a-z ]+)`", cells[0])
    }
    made = {"software"}
    for file in (CHECKOUT / "kafka_driver/cli/doctor").glob("*.py"):
        if file.name != "findings.py":  # these are levels
            made |= set(
                re.findall(r'^[A-Z_]+ = "([a-z ]+)"', file.read_text(), re.M)
            )
    assert told == made
