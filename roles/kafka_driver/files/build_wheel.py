#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Build the driver's wheel from a checkout, once for each state of it.

Usage: build_wheel.py CHECKOUT DIRECTORY [--offline] [--look]

Prints JSON: the wheel's path, its SHA-256 and whether it was built now. The
same sources give the same bytes, whoever builds them. The checkout is only
read. --look builds nothing and prints an empty path where no wheel is.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = "kafka_driver"
PROJECT_FILES = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE")
# Any fixed time serves; archives cannot hold one before 1980.
SOURCE_DATE_EPOCH = "1700000000"


def sources(checkout: Path) -> list[Path]:
    """List what the wheel is made of, in a fixed order."""
    package = checkout / PACKAGE
    found = [
        path
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    found += [
        checkout / name for name in PROJECT_FILES if (checkout / name).exists()
    ]
    return sorted(found)


def fingerprint(checkout: Path, files: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        name = str(path.relative_to(checkout)).encode()
        digest.update(
            name + b"\0" + hashlib.sha256(path.read_bytes()).digest()
        )
    return digest.hexdigest()[:16]


def copy(checkout: Path, files: list[Path], target: Path) -> None:
    """Copy the sources, so that building leaves nothing in the checkout."""
    for path in files:
        copied = target / path.relative_to(checkout)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
        copied.chmod(0o644)


def has_backend() -> bool:
    """Tell whether this interpreter can build without fetching anything."""
    if importlib.util.find_spec("setuptools") is None:
        return False
    import setuptools  # noqa: PLC0415

    # From 70.1 on setuptools makes wheels by itself.
    major, minor = (int(n) for n in setuptools.__version__.split(".")[:2])
    return (major, minor) >= (70, 1) or (
        major >= 64 and importlib.util.find_spec("wheel") is not None
    )


def build(source: Path, target: Path, offline: bool) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    command += ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(target)]
    if has_backend():
        command.append("--no-build-isolation")
    elif offline:
        raise SystemExit(
            f"{sys.executable} has no setuptools to build the driver's wheel "
            "with: install setuptools 70.1 or newer there, or give a wheel "
            "with kafka_driver_source file."
        )
    environment = {**os.environ, "SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
    done = subprocess.run(
        [*command, str(source)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise SystemExit(
            f"The driver's wheel could not be built ({lines[-1].strip()}): "
            "give a wheel with kafka_driver_source file."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--look", action="store_true")
    arguments = parser.parse_args()

    checkout = arguments.checkout.resolve()
    if (
        not (checkout / PACKAGE).is_dir()
        or not (checkout / "setup.cfg").exists()
    ):
        raise SystemExit(
            f"{checkout} is no checkout of the project: set "
            "kafka_driver_source to index or file."
        )
    files = sources(checkout)
    home = arguments.directory / fingerprint(checkout, files)
    wheels = sorted(home.glob("*.whl"))
    built = not wheels
    if built and not arguments.look:
        arguments.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=arguments.directory) as scratch:
            source, target = Path(scratch, "source"), Path(scratch, "wheel")
            copy(checkout, files, source)
            build(source, target, arguments.offline)
            try:
                target.rename(home)
            except OSError:
                # Another run was faster; its wheel is the same.
                if not home.is_dir():
                    raise
        wheels = sorted(home.glob("*.whl"))
    wheel = wheels[0] if wheels else None
    print(
        json.dumps(
            {
                "path": str(wheel or ""),
                "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()
                if wheel
                else "",
                "built": built,
            }
        )
    )


if __name__ == "__main__":
    main()
