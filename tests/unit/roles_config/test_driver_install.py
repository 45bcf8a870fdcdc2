# SPDX-License-Identifier: Apache-2.0
"""The driver comes into an environment and nothing there changes version.

Runs real pip in a real environment, on small wheels that are made here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
from running import ROOT

MODULE = ROOT / "plugins/modules/driver_install.py"
DRIVER = "oslo-messaging-kafka-driver"


def make_wheel(
    directory: Path,
    name: str,
    version: str,
    requires: tuple[str, ...] = (),
    content: str = "",
) -> Path:
    """Write the smallest wheel that pip accepts."""
    package = name.replace("-", "_")
    info = f"{package}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {each}\n" for each in requires)
    if any("extra" in each for each in requires):
        metadata += "Provides-Extra: fast\n"
    files = {
        f"{package}.py": content,
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = hashlib.sha256(text.encode()).digest()
        encoded = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        record += f"{path},sha256={encoded},{len(text)}\n"
    files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
    directory.mkdir(parents=True, exist_ok=True)
    wheel = directory / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


class Environment:
    """A service's environment, with a folder that serves as its index."""

    def __init__(self, directory: Path) -> None:
        self.index = directory / "index"
        self.index.mkdir()
        venv.create(directory / "venv", with_pip=True)
        self.python = directory / "venv/bin/python"

    def pip(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.python, "-m", "pip", *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def versions(self) -> dict[str, str]:
        listed = json.loads(self.pip("list", "--format", "json"))
        return {item["name"]: item["version"] for item in listed}

    def install(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run the module as Ansible does; offline, but for the folder."""
        parameters = {
            "python": str(self.python),
            "offline": True,
            "_ansible_check_mode": check,
            **{name: str(value) for name, value in arguments.items()},
        }
        done = subprocess.run(
            [sys.executable, str(MODULE)],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": parameters}),
            env={"PIP_FIND_LINKS": str(self.index), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("service"))


@pytest.fixture
def service(environment: Environment) -> Environment:
    """Return the environment with version 1 of a library in it."""
    names = (DRIVER, "library", "codec")
    environment.pip("uninstall", "-q", "-y", *names)
    for name in names:
        for wheel in environment.index.glob(f"{name}-*.whl"):
            wheel.unlink()
    old = make_wheel(environment.index, "library", "1.0")
    make_wheel(environment.index, "library", "2.0")
    environment.pip("install", "-q", "--no-index", str(old))
    return environment


def test_a_driver_that_fits_is_installed_once(
    service: Environment, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, DRIVER, "1.0", ("library>=1",))
    planned = service.install(check=True, wheel=wheel)
    assert planned["changed"] is True
    assert DRIVER not in service.versions()

    first = service.install(wheel=wheel)
    assert (first["changed"], first["version"]) == (True, "1.0")
    assert service.versions()["library"] == "1.0"
    assert service.install(wheel=wheel)["changed"] is False
    assert service.install(check=True, wheel=wheel)["changed"] is False


def test_a_driver_that_would_change_a_package_is_refused_by_name(
    service: Environment, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, DRIVER, "1.0", ("library>=2",))
    before = service.versions()
    for check in (True, False):
        refused = service.install(check=check, wheel=wheel)
        assert refused["failed"] is True
        assert "library from 1.0 to 2.0" in refused["msg"]
        assert "\n" not in refused["msg"]
    assert service.versions() == before


def test_what_is_missing_is_taken_from_beside_the_wheel(
    service: Environment, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, DRIVER, "1.0", ("codec>=1",))
    make_wheel(tmp_path, "codec", "1.0")
    assert service.install(wheel=wheel)["changed"] is True
    assert service.versions()["codec"] == "1.0"


def test_a_missing_package_is_named(
    service: Environment, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, DRIVER, "1.0", ("nowhere-to-be-had",))
    refused = service.install(wheel=wheel)
    assert refused["failed"] is True
    assert "nowhere-to-be-had" in refused["msg"]


def test_another_build_of_the_same_version_replaces_the_first(
    service: Environment, tmp_path: Path
) -> None:
    first = make_wheel(tmp_path / "a", DRIVER, "1.0", content="build = 1\n")
    second = make_wheel(tmp_path / "b", DRIVER, "1.0", content="build = 2\n")
    service.install(wheel=first)
    assert service.install(wheel=second)["changed"] is True
    module = DRIVER.replace("-", "_")
    printed = subprocess.run(
        [service.python, "-c", f"import {module}; print({module}.build)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout == "2\n"
    assert service.install(wheel=second)["changed"] is False


def test_an_extra_is_added_later(service: Environment, tmp_path: Path) -> None:
    make_wheel(service.index, "codec", "3.0")
    wheel = make_wheel(tmp_path, DRIVER, "1.0", ('codec>=3; extra == "fast"',))
    service.install(wheel=wheel)
    assert "codec" not in service.versions()
    assert service.install(wheel=wheel, extras="fast")["changed"] is True
    assert service.versions()["codec"] == "3.0"
    assert service.install(wheel=wheel, extras="fast")["changed"] is False


def test_a_version_of_the_index_is_kept_until_another_is_asked_for(
    service: Environment,
) -> None:
    make_wheel(service.index, DRIVER, "1.0")
    make_wheel(service.index, DRIVER, "1.1")
    # --no-index leaves the folder: it stands for the index here.
    assert service.install(version="1.0")["version"] == "1.0"
    assert service.install()["changed"] is False
    assert service.install(version="1.1")["version"] == "1.1"
    for wheel in service.index.glob("oslo*"):
        wheel.unlink()


def test_what_is_no_environment_is_refused_in_a_sentence(
    service: Environment, tmp_path: Path
) -> None:
    refused = service.install(python=tmp_path / "python")
    assert refused["failed"] is True
    assert str(tmp_path) in refused["msg"]


def test_others_can_read_the_driver_whose_installer_keeps_files_to_itself(
    service: Environment, tmp_path: Path
) -> None:
    before = os.umask(0o077)
    try:
        service.install(wheel=make_wheel(tmp_path, DRIVER, "1.0"))
    finally:
        os.umask(before)

    (folder,) = service.python.parent.parent.glob(
        "lib/python3*/site-packages/*driver-1.0.dist-info"
    )
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
