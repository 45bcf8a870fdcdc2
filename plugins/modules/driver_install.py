#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Install the driver beside a service without touching its packages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: driver_install
short_description: Install the Kafka driver into a Python environment
description:
  - Installs the driver and what it needs. Every package that is already there
    keeps its version; when the driver cannot be had without changing one, the
    module fails, names it and changes nothing.
  - Needs pip 22.2 or newer in the environment.
options:
  python:
    description: Interpreter of the environment.
    type: path
    required: true
  wheel:
    description: Wheel to install; empty to install from the package index.
    type: path
    default: ""
  version:
    description: Version to install from the index; empty for any.
    type: str
    default: ""
  extras:
    description: Extras of the driver's package.
    type: list
    elements: str
    default: []
  system:
    description: The environment is the system's own.
    type: bool
    default: false
  offline:
    description: >-
      Ask no package index: what is missing is looked for beside O(wheel).
    type: bool
    default: false
author:
  - kafka-bus contributors
"""

EXAMPLES = r"""
- name: Install the driver beside nova
  kafka_bus.openstack.driver_install:
    python: /opt/nova/bin/python
    wheel: /var/cache/oslo_messaging_kafka_driver-0.1.0-py3-none-any.whl
"""

RETURN = r"""
version:
  description: The driver's version that is installed now.
  returned: success
  type: str
packages:
  description: Packages that were installed, as name==version.
  returned: success
  type: list
  elements: str
"""

import hashlib
import json
import os
import re
import tempfile

from ansible.module_utils.basic import AnsibleModule

DISTRIBUTION = "oslo-messaging-kafka-driver"
PIP_MIN = (22, 2)

# Runs in the environment: lists what is installed there.
_LOOK = r"""
import json, re, sys
from importlib import metadata
def canonical(name):
    return re.sub("[-_.]+", "-", name).lower()
found, ours = {}, {}
for d in metadata.distributions():
    name = d.metadata["Name"]
    if not name:
        continue
    # The first one on the path is the one that is imported.
    found.setdefault(canonical(name), d.version)
    if canonical(name) == "oslo-messaging-kafka-driver" and not ours:
        origin = d.read_text("direct_url.json") or "{}"
        ours = {"direct_url": json.loads(origin), "requires": d.requires or []}
print(json.dumps({"packages": found, "ours": ours,
                  "python": list(sys.version_info[:2])}))
"""


def canonical(name):
    """Return the one spelling of a package's name."""
    return re.sub("[-_.]+", "-", name).lower()


def sha256(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def installed_hash(direct_url):
    """Return the SHA-256 of the archive that was installed, if recorded."""
    archive = direct_url.get("archive_info", {})
    hashes = archive.get("hashes", {})
    legacy = archive.get("hash", "")
    return hashes.get("sha256") or legacy.partition("sha256=")[2]


def extra_packages(requires, extras):
    """List the packages that the driver's metadata asks for some extras."""
    wanted = []
    for requirement in requires:
        name, _, marker = requirement.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
        if extra and extra.group(1) in extras:
            wanted.append(
                canonical(re.match(r"[A-Za-z0-9._-]+", name).group())
            )
    return wanted


def satisfied(look, wheel_hash, version, extras):
    """Tell whether the environment has the driver that is wanted."""
    have = look["packages"].get(DISTRIBUTION)
    if have is None:
        return False
    if wheel_hash and installed_hash(look["ours"]["direct_url"]) != wheel_hash:
        return False
    if version and have != version:
        return False
    needed = extra_packages(look["ours"]["requires"], extras)
    return all(name in look["packages"] for name in needed)


def constraints(packages):
    """Pin everything that is installed, except the driver itself."""
    return "".join(
        f"{name}=={version}\n"
        for name, version in sorted(packages.items())
        if name != DISTRIBUTION
    )


def version_changes(report, packages):
    """Name the installed packages that a pip report would change."""
    changes = []
    for item in report.get("install", []):
        name = canonical(item["metadata"]["name"])
        new = item["metadata"]["version"]
        if name != DISTRIBUTION and packages.get(name, new) != new:
            changes.append(f"{name} from {packages[name]} to {new}")
    return sorted(changes)


def added(before, after):
    return [
        f"{name}=={version}"
        for name, version in sorted(after.items())
        if before.get(name) != version
    ]


class Environment:
    """A Python environment, and pip in it."""

    def __init__(self, module):
        self.module = module
        self.python = module.params["python"]
        self.options = ["--disable-pip-version-check", "--no-input"]
        self.install_options = []
        if module.params["offline"]:
            self.install_options += ["--no-index"]
        if module.params["offline"] and module.params["wheel"]:
            folder = os.path.dirname(module.params["wheel"])
            self.install_options += ["--find-links", folder]
        if module.params["system"]:
            # Asked for explicitly; constraints keep what is there.
            self.environ = {"PIP_BREAK_SYSTEM_PACKAGES": "1"}
        else:
            self.environ = {}

    def look(self):
        # -I: only the environment itself, not the caller's directory.
        try:
            code, out, err = self.module.run_command(
                [self.python, "-I", "-c", _LOOK], handle_exceptions=False
            )
        except OSError as error:
            code, out, err = 1, "", error.strerror
        if code:
            self.module.fail_json(
                msg=f"{self.python} does not run ({last_line(err)}): give a "
                "Python environment."
            )
        return json.loads(out)

    def pip(self, *arguments):
        command = [self.python, "-I", "-m", "pip", *self.options, *arguments]
        return self.module.run_command(command, environ_update=self.environ)

    def check_pip(self):
        code, out, _err = self.pip("--version")
        match = re.match(r"pip (\d+)\.(\d+)", out)
        if code or not match:
            self.module.fail_json(
                msg=f"{self.python} has no pip: install it there (the "
                "system's own interpreter gets it from python3-pip)."
            )
        if tuple(int(n) for n in match.groups()) < PIP_MIN:
            self.module.fail_json(
                msg=f"pip of {self.python} is too old: upgrade it to "
                f"{PIP_MIN[0]}.{PIP_MIN[1]} or newer."
            )

    def plan(self, requirement, constraint_file=None):
        """Resolve without installing; return (report, error)."""
        arguments = ["install", *self.install_options, "--quiet", "--dry-run"]
        if constraint_file:
            arguments += ["--constraint", constraint_file]
        code, out, err = self.pip(*arguments, "--report", "-", requirement)
        if code:
            return None, err
        return json.loads(out), ""

    def install(self, *arguments):
        """Install; return pip's error, or nothing."""
        code, _out, err = self.pip(
            "install", *self.install_options, "--quiet", *arguments
        )
        return (err or "no message") if code else ""


def last_line(text):
    """Return the last error of pip, or else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no message"])[-1]


def requirement_of(params, wheel_hash):
    extras = (
        "[{}]".format(",".join(params["extras"])) if params["extras"] else ""
    )
    name = DISTRIBUTION + extras
    if params["wheel"]:
        # The hash is checked by pip and recorded in direct_url.json.
        path = os.path.abspath(params["wheel"])
        return f"{name} @ file://{path}#sha256={wheel_hash}"
    return (
        "{}=={}".format(name, params["version"]) if params["version"] else name
    )


def planned(report):
    return [
        "{}=={}".format(
            canonical(item["metadata"]["name"]), item["metadata"]["version"]
        )
        for item in report["install"]
    ]


def refuse(module, environment, requirement, before, error):
    """Say in one sentence why the driver does not fit beside the service."""
    report = environment.plan(requirement)[0]
    changes = version_changes(report, before["packages"]) if report else []
    if changes:
        module.fail_json(
            msg="The driver would change packages of {}: {}. Nothing was "
            "changed: upgrade them with the service's own release, or use "
            "another environment.".format(
                environment.python, ", ".join(changes)
            )
        )
    module.fail_json(
        msg="The driver cannot be installed into "
        f"{environment.python}: {last_line(error)}"
    )


def run(module):
    params = module.params
    wheel_hash = sha256(params["wheel"]) if params["wheel"] else ""
    environment = Environment(module)
    before = environment.look()
    if satisfied(before, wheel_hash, params["version"], params["extras"]):
        version = before["packages"][DISTRIBUTION]
        module.exit_json(changed=False, version=version, packages=[])
    environment.check_pip()
    requirement = requirement_of(params, wheel_hash)

    with tempfile.TemporaryDirectory() as scratch:
        pins = os.path.join(scratch, "constraints.txt")
        with open(pins, "w", encoding="utf-8") as stream:
            stream.write(constraints(before["packages"]))
        if module.check_mode:
            report, error = environment.plan(requirement, pins)
            if report is None:
                refuse(module, environment, requirement, before, error)
            module.exit_json(
                changed=True, version="", packages=planned(report)
            )
        # pip resolves all before it changes anything: no plan is needed.
        error = environment.install("--constraint", pins, requirement)
        if error:
            refuse(module, environment, requirement, before, error)
        after = environment.look()
        if not satisfied(after, wheel_hash, params["version"], []):
            # pip leaves another build of the same version as it is.
            error = environment.install(
                "--no-deps", "--force-reinstall", requirement
            )
            if error:
                refuse(module, environment, requirement, before, error)
            after = environment.look()
    module.exit_json(
        changed=True,
        version=after["packages"][DISTRIBUTION],
        packages=added(before["packages"], after["packages"]),
    )


def main():
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "required": True},
            "wheel": {"type": "path", "default": ""},
            "version": {"type": "str", "default": ""},
            "extras": {"type": "list", "elements": "str", "default": []},
            "system": {"type": "bool", "default": False},
            "offline": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    # Services are not root, whose files are its own on some machines.
    os.umask(0o022)
    run(module)


if __name__ == "__main__":
    main()
