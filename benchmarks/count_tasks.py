#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Count the tasks that roles of Ansible can run, to compare their size.

    benchmarks/count_tasks.py roles/kafka roles/java

Counts each task in the files that a role's tasks/main.yml reaches by imports
and includes. A file whose name is computed is looked for by its pattern; other
roles have to be named, too.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


class Loader(yaml.SafeLoader):
    """Reads tags of Ansible, such as !unsafe, as what they hold."""


Loader.add_multi_constructor(
    "", lambda loader, _suffix, node: loader.construct_scalar(node)
)


def leaves(tasks: list[dict[str, Any]] | None) -> Iterator[dict[str, Any]]:
    """Give the tasks of a list and of the blocks in it."""
    for task in tasks or []:
        if "block" in task:
            for part in ("block", "rescue", "always"):
                yield from leaves(task.get(part))
        else:
            yield task


def included(task: dict[str, Any]) -> str:
    """Return the file that a task includes or imports, or nothing."""
    for name, value in task.items():
        if re.search(r"(include|import)_tasks$|^include$", name):
            return value.get("file", "") if isinstance(value, dict) else value
    return ""


def files_of(folder: Path, name: str) -> list[Path]:
    """Return the files that a name, which may be computed, can mean."""
    name = re.sub(r"{{\s*role_path\s*}}/tasks/", "", name)
    pattern = re.sub(r"{{.*?}}", "*", name)
    found = folder.glob(pattern) if pattern else []
    return sorted(file for file in found if file.is_file())


def count(file: Path, seen: set[Path]) -> int:
    """Count the tasks of a file and of what it reaches, each file once."""
    if file.resolve() in seen:
        return 0
    seen.add(file.resolve())
    total = 0
    for task in leaves(yaml.load(file.read_text(), Loader)):  # noqa: S506
        name = included(task)
        if name:
            total += sum(count(f, seen) for f in files_of(file.parent, name))
        else:
            total += 1
    return total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("roles", nargs="+", type=Path, help="their folders")
    total = 0
    for role in parser.parse_args().roles:
        seen: set[Path] = set()
        main_file = role / "tasks" / "main.yml"
        if not main_file.is_file():
            sys.exit(f"{role} is no role: there is no {main_file}.")
        number = count(main_file, seen)
        total += number
        print(f"{number:5d} tasks in {len(seen):3d} files  {role}")
    print(f"{total:5d} tasks")


if __name__ == "__main__":
    main()
