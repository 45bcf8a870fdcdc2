# SPDX-License-Identifier: Apache-2.0
"""What holds for every file of the repository, and for every role."""

import configparser
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
ROLES = sorted(CHECKOUT.glob("roles/*/"))
SETS = CHECKOUT / "molecule" / "sets.yml"

# Apache's licence, and formats that have no comments.
NO_LICENCE_LINE = {".json", ".tsv", ".patch"}
# Registries are taken from the settings of the machine, never named.
REGISTRY = re.compile(
    r"\b(pypi|pythonhosted|deb\.debian|security\.debian|snapshot\.debian"
    r"|repo1?\.maven|registry\.npmjs|proxy\.golang|crates)\.(org|io)\b"
    r"|repo\.maven\.apache\.org"
)


def settings_of_environments() -> dict[str, str]:
    """Return what each environment of tox sets, by its section."""
    parser = configparser.RawConfigParser()
    parser.read(CHECKOUT / "tox.ini")
    common = parser["testenv"]["set_env"]
    return {
        name: section["set_env"].replace("{[testenv]set_env}", common)
        for name, section in parser.items()
        if "set_env" in section
    }


def tracked() -> list[Path]:
    """Return the files that git knows, or would add, and that are text."""
    # Git reads no checkout of another account, unless it is told to.
    command = ["git", "-c", "safe.directory=*", "ls-files"]
    listed = subprocess.run(
        [*command, "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [
        CHECKOUT / name
        for name in listed
        if (CHECKOUT / name).is_file() and not (CHECKOUT / name).is_symlink()
    ]


def without_licence(files: list[Path]) -> list[str]:
    """Return those that do not name their licence in the first lines."""
    line = re.compile("SPDX-License-Identifier: Apache-2.0")
    return [
        str(file)
        for file in files
        if file.name != "LICENSE"
        and file.stat().st_size > 0
        and file.suffix not in NO_LICENCE_LINE
        and not line.search("\n".join(file.read_text().splitlines()[:6]))
    ]


def with_registry(files: list[Path]) -> list[str]:
    """Return those that name the host of a package registry."""
    return [str(file) for file in files if REGISTRY.search(file.read_text())]


def scenarios_without_a_set(folder: Path) -> set[str]:
    """Return the scenarios that sets.yml leaves out, and the other way."""
    sets = yaml.safe_load((folder / "sets.yml").read_text())
    found = {path.parent.name for path in folder.glob("*/molecule.yml")}
    wrong = {
        name for name, kind in sets.items() if kind not in {"gate", "all"}
    }
    return wrong | found ^ set(sets)


def test_files_are_found_in_the_checkout_of_another_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    done = subprocess.run(
        [CHECKOUT / "ci" / "shell-files"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "run_tests.sh" in done.stdout.splitlines()
    assert CHECKOUT / "run_tests.sh" in tracked()


def test_every_file_names_its_licence() -> None:
    assert without_licence(tracked()) == []


def test_a_file_without_its_licence_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("print()\n")
    assert without_licence([bad]) == [str(bad)]


def test_no_file_names_a_package_registry() -> None:
    assert with_registry(tracked()) == []


def test_a_named_registry_is_found(tmp_path: Path) -> None:
    bad = tmp_path / "bad.cfg"
    bad.write_text("index = https://" + "pypi" + ".org/simple\n")
    assert with_registry([bad]) == [str(bad)]


def test_every_scenario_is_in_a_set() -> None:
    assert scenarios_without_a_set(CHECKOUT / "molecule") == set()


def test_a_scenario_without_a_set_is_found(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "molecule.yml").touch()
    (tmp_path / "sets.yml").write_text("first: gate\ngone: all\n")
    assert scenarios_without_a_set(tmp_path) == {"second", "gone"}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
class TestRole:
    def test_has_what_a_role_needs(self, role: Path) -> None:
        for name in (
            "README.md",
            "defaults/main.yml",
            "meta/main.yml",
            "meta/argument_specs.yml",
            "tasks/main.yml",
        ):
            assert (role / name).is_file(), name

    def test_specifies_each_default(self, role: Path) -> None:
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
        options = specs["argument_specs"]["main"]["options"]
        # What has to be given has no default.
        required = {
            name for name, spec in options.items() if spec.get("required")
        }
        assert set(options) - required == set(defaults) - required

    def test_specifies_the_value_of_each_default(self, role: Path) -> None:
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
        options = specs["argument_specs"]["main"]["options"]
        told = {
            name: (spec["default"], defaults.get(name))
            for name, spec in options.items()
            if "default" in spec and spec["default"] != defaults.get(name)
        }
        assert told == {}

    def test_names_its_variables_after_itself(self, role: Path) -> None:
        defaults = yaml.safe_load((role / "defaults/main.yml").read_text())
        strange = [
            name for name in defaults if not name.startswith(f"{role.name}_")
        ]
        assert strange == []


def test_tests_run_in_a_locale_that_every_machine_has() -> None:
    """Ansible refuses to start with one that the machine lacks."""
    found = settings_of_environments()
    assert "testenv" in found
    for settings in found.values():
        assert "\nLC_ALL = C.UTF-8" in settings


def test_the_collection_holds_what_works_without_the_checkout(
    tmp_path: Path,
) -> None:
    checkout = tmp_path / "checkout"
    for file in tracked():
        copy = checkout / file.relative_to(CHECKOUT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    for name in (".ruff_cache", ".tox", "kafka.egg-info", "build"):
        (checkout / name).mkdir()
        (checkout / name / "file").touch()
    subprocess.run(
        [
            Path(sys.executable).with_name("ansible-galaxy"),
            *("collection", "build", checkout, "--output-path", tmp_path),
        ],
        env={"PATH": os.environ["PATH"], "ANSIBLE_HOME": str(tmp_path)},
        capture_output=True,
        check=True,
    )
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as built:
        names = built.getnames()
    assert "kafka_driver/cli/start.py" in names
    assert {name.partition("/")[0] for name in names} == {
        *("FILES.json", "MANIFEST.json", "LICENSE", "README.md"),
        *("CONTRIBUTING.md", "ansible.cfg", "pyproject.toml", "setup.cfg"),
        *("docs", "examples", "inventories", "kafka_driver", "meta"),
        *("playbooks", "plugins", "releasenotes", "requirements.yml", "roles"),
    }


def test_scenarios_have_machines_of_their_own() -> None:
    """Two of them may be run at the same time."""
    names = [
        name
        for hosts in CHECKOUT.glob("molecule/*/inventory/hosts.yml")
        for name in (
            yaml.safe_load(hosts.read_text()).get("instances") or {}
        ).get("hosts", {})
    ]
    assert len(names) > 1
    assert sorted(set(names)) == sorted(names)
