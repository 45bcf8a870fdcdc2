#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: find a Java runtime of a range of versions."""

DOCUMENTATION = r"""
module: java_find
short_description: Find a Java runtime of a range of versions
version_added: "0.1.0"
description:
  - Looks at the runtimes below C(/usr/lib/jvm), or at the given one alone.
  - The one that the command C(java) starts is taken when it is in the range,
    else the newest. Changes nothing.
options:
  home:
    description: The only directory to look at.
    type: path
  min:
    description: Oldest major version.
    type: int
    required: true
  max:
    description: Newest major version.
    type: int
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Find a Java for a broker
  kafka_bus.openstack.java_find:
    min: 17
    max: 25
"""

RETURN = r"""
home:
  description: Directory of the runtime, empty when there is none.
  returned: success
  type: str
major:
  description: Its major version, 0 when there is none.
  returned: success
  type: int
found:
  description: Every runtime that was seen, directory to major version.
  returned: success
  type: dict
"""

import glob
import os
import re
import shutil
import subprocess

from ansible.module_utils.basic import AnsibleModule


def parse_major(text):
    """The major version in what java -version or a release file says."""
    found = re.search(r'(?:version |JAVA_VERSION=)"(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else 0


def major_of(home):
    """The major version of a runtime; 0 where there is none that runs."""
    java = os.path.join(home, "bin", "java")
    if not os.access(java, os.X_OK):
        return 0
    try:
        with open(os.path.join(home, "release")) as source:
            major = parse_major(source.read())
            if major:
                return major
    except OSError:
        pass
    try:
        done = subprocess.run(
            [java, "-version"],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except OSError:
        return 0
    return 0 if done.returncode else parse_major(done.stdout)


def candidates():
    """One directory for each runtime: the shortest of its names.

    The long names hold the release on some distributions, and change with
    each update of the package.
    """
    names = {}
    for home in sorted(glob.glob("/usr/lib/jvm/*"), key=len, reverse=True):
        names[os.path.realpath(os.path.join(home, "bin", "java"))] = home
    return sorted(names.values())


def choose(found, preferred, oldest, newest):
    """The home to use of {home: major}, or an empty string."""
    fitting = {
        home: major
        for home, major in found.items()
        if oldest <= major <= newest
    }
    if preferred in fitting:
        return preferred
    return max(sorted(fitting), key=fitting.get) if fitting else ""


def default_home(homes):
    """The directory whose runtime the command java starts."""
    command = os.path.realpath(shutil.which("java") or "")
    for home in homes:
        if os.path.realpath(os.path.join(home, "bin", "java")) == command:
            return home
    return None


def main():
    module = AnsibleModule(
        argument_spec={
            "home": {"type": "path"},
            "min": {"type": "int", "required": True},
            "max": {"type": "int", "required": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    homes = [options["home"]] if options["home"] else candidates()
    found = {home: major_of(home) for home in homes}
    found = {home: major for home, major in found.items() if major}
    home = choose(found, default_home(found), options["min"], options["max"])
    module.exit_json(
        changed=False, home=home, major=found.get(home, 0), found=found
    )


if __name__ == "__main__":
    main()
