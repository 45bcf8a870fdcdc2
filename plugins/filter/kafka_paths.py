# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: directories that cannot be.

Where links lead, the module kafka_preflight looks on the machine.
"""

import posixpath
import re

from ..module_utils import kafka_directories

#: What needs no quotes in a shell, a unit of systemd, YAML and Kafka's own
#: files, all of which have some of these paths.
PATH = re.compile(r"/[A-Za-z0-9._+@~:-][A-Za-z0-9./_+@~:-]*")
#: Where a colon parts two paths: in Java's class path and in $PATH.
WITHOUT_COLON = frozenset({"kafka_admin_venv", "kafka_install_dir"})


def kafka_path_problems(directories):
    """Directories that cannot be, with the variables that set them."""
    bad = [
        f"{one['setting']} has {one['path']!r}: write an absolute path below "
        "/, of letters, digits and the signs / . _ - + @ ~ : alone, without "
        "a part that is two dots."
        for one in directories
        if not PATH.fullmatch(one["path"]) or ".." in one["path"].split("/")
    ]
    bad += [
        f"{one['setting']} has {one['path']!r}, and a colon ends a path where "
        "Java and Python look for programs: write one without."
        for one in directories
        if one["setting"] in WITHOUT_COLON and ":" in one["path"]
    ]
    return bad or list(kafka_directories.shared_problems(_places(directories)))


def kafka_directory_problems(data_dirs, others):
    """Directories of a broker, which must not be in each other's way, too.

    others are directories with the variables that set them.
    """
    if not data_dirs:
        return ["kafka_data_dirs is empty: write at least one directory."]
    directories = [
        {"setting": "kafka_data_dirs", "path": path} for path in data_dirs
    ] + others
    return kafka_path_problems(directories) or list(
        kafka_directories.overlap_problems(_places(directories))
    )


def _places(directories):
    """As they are written; where links lead, the module looks."""
    found = [
        (one["setting"], posixpath.normpath(one["path"]))
        for one in directories
    ]
    return [(setting, path, path) for setting, path in found]


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_directory_problems": kafka_directory_problems,
            "kafka_path_problems": kafka_path_problems,
        }
