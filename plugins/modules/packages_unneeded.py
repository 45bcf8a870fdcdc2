#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Remove those of the named packages that nothing else needs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages_unneeded
short_description: Remove those of the named packages that nothing else needs
description:
  - Unlike the package managers' own removal this never takes away a package
    that was not named, a named package that another one depends on stays.
options:
  names:
    description:
      - Names of packages. Those that are not installed are passed over.
    type: list
    elements: str
    required: true
  purge:
    description:
      - Remove configuration files, too, and what the packages themselves
        delete then, such as data. Means nothing to RPM.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Returns what would be removed.
  diff_mode:
    support: none
author:
  - kafka-bus contributors
"""

EXAMPLES = r"""
- name: Remove what was installed and is not needed any more
  kafka_bus.openstack.packages_unneeded:
    names: [maven, openjdk-17-jre-headless]
"""

RETURN = r"""
removed:
  description: Names of the packages that were removed, or would be.
  type: list
  elements: str
  returned: always
kept:
  description: Names of the packages that something else needs.
  type: list
  elements: str
  returned: always
leftover:
  description: Names of the packages whose configuration files stay.
  type: list
  elements: str
  returned: always
"""

import re
import shutil

from ansible.module_utils.basic import AnsibleModule

FIELDS = "".join(
    f"${{{field}}}	"
    for field in (
        "Package",
        "db:Status-Status",
        "Depends",
        "Pre-Depends",
        "Provides",
    )
)
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


def names_in(field):
    """Return the clauses of a dependency field, each a set of names."""
    clauses = []
    for clause in field.split(","):
        alternatives = re.split(r"[|]", clause)
        names = {re.split(r"[\s(:\[]", a.strip())[0] for a in alternatives}
        clauses.append(names - {""})
    return [names for names in clauses if names]


def parse_dpkg(listing):
    """Return ({installed: (dependencies, provided)}, {left over})."""
    installed, leftover = {}, set()
    for line in listing.splitlines():
        name, status, depends, before, provides = line.split("\t")[:5]
        if status == "installed":
            provided = {n for names in names_in(provides) for n in names}
            needs = names_in(depends) + names_in(before)
            installed[name] = (needs, provided | {name})
        elif status == "config-files":
            leftover.add(name)
    return installed, leftover


def unneeded(installed, names):
    """Return the installed ones of names that no other package needs."""
    free = {name for name in names if name in installed}
    while True:
        staying = {name: installed[name] for name in installed.keys() - free}
        provided = {n for _needs, gives in staying.values() for n in gives}
        missed = {
            name
            for needs, _gives in staying.values()
            for clause in needs
            if not clause & provided
            for name in clause
        }
        needed = {name for name in free if installed[name][1] & missed}
        if not needed:
            return free
        free -= needed


class Dpkg:
    """Debian and what comes from it."""

    def __init__(self, module):
        self.module = module
        _rc, listing, _err = module.run_command(
            ["dpkg-query", "-W", f"-f={FIELDS}\n"], check_rc=True
        )
        self.installed, self.leftover = parse_dpkg(listing)

    def plan(self, names, purge):
        removed = unneeded(self.installed, names)
        if purge:
            removed |= {name for name in names if name in self.leftover}
        return removed

    def remove(self, names, purge):
        action = "purge" if purge else "remove"
        self.module.run_command(
            ["apt-get", "-y", "--no-auto-remove", action, *names],
            check_rc=True,
            environ_update=QUIET,
        )


class Rpm:
    """RPM removes no package that another one needs, so it is just asked."""

    def __init__(self, module):
        self.module = module
        _rc, listing, _err = module.run_command(
            ["rpm", "-qa", "--qf", "%{NAME}\n"], check_rc=True
        )
        self.installed = set(listing.split())

    def plan(self, names, _purge):
        free = {name for name in names if name in self.installed}
        while free:
            rc, _out, err = self.module.run_command(
                ["rpm", "-e", "--test", *sorted(free)], environ_update=QUIET
            )
            if rc == 0:
                break
            # Not knowing who is needed, nothing is removed.
            needed = free & self.providers(needed_things(err))
            free -= needed or free
        return free

    def providers(self, things):
        if not things:
            return set()
        command = ["rpm", "-q", "--qf", "%{NAME}\n", "--whatprovides"]
        _rc, listing, _err = self.module.run_command([*command, *things])
        return set(listing.split())

    def remove(self, names, _purge):
        self.module.run_command(["rpm", "-e", *names], check_rc=True)


def needed_things(complaints):
    """Return what rpm -e said that the packages which stay need."""
    # For example: "  libz.so.1 is needed by (installed) git-2.43.0-1.x86_64".
    pattern = r"^\s*(\S+).* is needed by \(installed\)"
    return sorted(set(re.findall(pattern, complaints, re.MULTILINE)))


def main():
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "required": True},
            "purge": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    names, purge = set(module.params["names"]), module.params["purge"]
    manager = (Dpkg if shutil.which("dpkg-query") else Rpm)(module)
    removed = manager.plan(names, purge)
    kept = {name for name in names if name in manager.installed} - removed
    if removed and not module.check_mode:
        manager.remove(sorted(removed), purge)
        manager = type(manager)(module)
    leftover = names & getattr(manager, "leftover", set())
    module.exit_json(
        changed=bool(removed),
        removed=sorted(removed),
        kept=sorted(kept),
        leftover=sorted(leftover),
    )


if __name__ == "__main__":
    main()
