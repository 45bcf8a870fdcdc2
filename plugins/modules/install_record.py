#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Remember on a host what a role has installed there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: install_record
short_description: Remember on a host what a role has installed there
description:
  - Keeps one JSON file on the managed host that says which packages, services,
    paths, users and groups each role has brought there.
  - A removal reads it and takes away those and nothing else, so a role writes
    down what it is about to make before it makes it.
options:
  file:
    description:
      - The record's file. Its directory is made when missing.
      - An empty value means that no record is kept, the module then does
        nothing.
    type: str
    required: true
  state:
    description:
      - V(present) adds the named things to what the role has recorded.
      - V(absent) takes the named things out of the role's record, or the
        whole role when none of the lists is given. A record without roles is
        deleted, and so is its directory once that is empty.
      - V(read) changes nothing and returns the record.
    type: str
    choices: [present, absent, read]
    default: present
  role:
    description:
      - The role whose record is changed. Needed unless O(state=read).
    type: str
  packages:
    description:
      - Names of packages of the distribution that were not installed before.
    type: list
    elements: str
  services:
    description:
      - Names of services that the role has set up.
    type: list
    elements: str
  paths:
    description:
      - Absolute paths of files and directories that the role has made and
        that a removal deletes.
    type: list
    elements: str
  parents:
    description:
      - Absolute paths of directories that the role has made for what others
        put there as well. A removal deletes those that are empty.
    type: list
    elements: str
  data_paths:
    description:
      - Absolute paths that hold data. A removal keeps them unless it is told
        to purge.
    type: list
    elements: str
  users:
    description:
      - Names of users that the role has made.
    type: list
    elements: str
  groups:
    description:
      - Names of groups that the role has made.
    type: list
    elements: str
attributes:
  check_mode:
    support: full
    description: Returns what would change and writes nothing.
  diff_mode:
    support: full
    description: Shows the record before and after.
author:
  - kafka-bus contributors
"""

EXAMPLES = r"""
- name: Write down the directory that the next task makes
  kafka_bus.openstack.install_record:
    file: /var/lib/kafka-bus/installed.json
    role: kafka
    paths: [/opt/kafka]
    data_paths: [/var/lib/kafka/data]
    users: [kafka]

- name: Forget a role whose things are gone
  kafka_bus.openstack.install_record:
    file: /var/lib/kafka-bus/installed.json
    role: kafka
    state: absent
"""

RETURN = r"""
roles:
  description: What is recorded now, by role and kind.
  type: dict
  returned: always
  sample:
    kafka:
      packages: [openjdk-17-jre-headless]
      services: [kafka]
      paths: [/opt/kafka]
      parents: []
      data_paths: [/var/lib/kafka/data]
      users: [kafka]
      groups: [kafka]
exists:
  description: Whether the file was there before.
  type: bool
  returned: always
"""

import contextlib
import json
import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

VERSION = 1
KINDS = (
    "packages",
    "services",
    "paths",
    "parents",
    "data_paths",
    "users",
    "groups",
)
PATHS = ("paths", "parents", "data_paths")
# A removal deletes recorded paths with everything in them, so a directory
# that the system itself needs must never get into the record.
SYSTEM_PATHS = frozenset(
    {
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/etc/default",
        "/etc/init.d",
        "/etc/systemd",
        "/etc/systemd/system",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/tmp",  # noqa: S108
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
        "/usr/local/bin",
        "/usr/sbin",
        "/usr/share",
        "/var",
        "/var/cache",
        "/var/lib",
        "/var/log",
        "/var/spool",
        "/var/tmp",  # noqa: S108
    }
)


class RecordError(Exception):
    """The record cannot be used; the text tells the user why."""


def parse(text, path):
    """Return the roles that the record's text holds."""
    try:
        record = json.loads(text)
        version, roles = record["version"], record["roles"]
        good = isinstance(roles, dict) and all(
            isinstance(names, list)
            for kinds in roles.values()
            for names in kinds.values()
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        good, version = False, VERSION
    if version != VERSION:
        raise RecordError(
            f"The install record {path} has version {version!r}, this release"
            f" reads version {VERSION}: use the release that wrote it."
        )
    if not good:
        raise RecordError(
            f"The install record {path} is damaged: restore it from a backup,"
            " or delete it and remove what was installed by hand."
        )
    return roles


def render(roles):
    """Return the record's text, always the same for the same roles."""
    record = {"version": VERSION, "roles": roles}
    return json.dumps(record, indent=2, sort_keys=True) + "\n"


def normalise(kind, names):
    """Return the names as they are recorded, None where none are given.

    Paths that must not be deleted are refused.
    """
    if names is None:
        return None
    if kind not in PATHS:
        return [name for name in names if name]
    result = []
    for name in names:
        path = os.path.normpath(name)
        if not path.startswith("/"):
            raise RecordError(
                f"{kind} has {name!r}, which is not an absolute path: write"
                " it with a leading '/'."
            )
        # normpath leaves exactly two leading slashes as they are.
        path = "/" + path.lstrip("/")
        if path in SYSTEM_PATHS:
            raise RecordError(
                f"{kind} has {path!r}, which belongs to the system: choose a"
                " directory of its own."
            )
        result.append(path)
    return result


def add(roles, role, things):
    """Return roles with the things added to one role."""
    known = roles.get(role, {})
    merged = {
        kind: sorted({*known.get(kind, []), *(things[kind] or [])})
        for kind in KINDS
    }
    return {**roles, role: merged}


def take_out(roles, role, things):
    """Return roles without the things, or without the role if none given."""
    rest = {name: kinds for name, kinds in roles.items() if name != role}
    if role not in roles or all(names is None for names in things.values()):
        return rest
    left = {
        kind: [
            name
            for name in roles[role].get(kind, [])
            if name not in (things[kind] or [])
        ]
        for kind in KINDS
    }
    return {**rest, role: left} if any(left.values()) else rest


def load(path):
    """Return (text, roles) of the file, ("", {}) where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        return "", {}
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(
            f"The install record {path} cannot be read: {error}."
        ) from error
    return text, parse(text, path)


def store(module, path, text):
    """Put the text in place so that a reader sees the old or the new one."""
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.makedirs(directory, exist_ok=True)
        os.chmod(directory, 0o755)  # noqa: S103 - nothing in it is secret
    handle, draft = tempfile.mkstemp(prefix=".installed-", dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        module.atomic_move(draft, path)
        # A new file has been given what the caller's umask leaves.
        os.chmod(path, 0o644)
    finally:
        if os.path.exists(draft):
            os.unlink(draft)


def discard(path):
    """Delete the file, and its directory where that is left empty."""
    os.unlink(path)
    # It stays when something else lives there.
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(path))


def wanted(state, roles, role, things):
    """Return the roles as they have to be."""
    if state == "present":
        return add(roles, role, things)
    if state == "absent":
        return take_out(roles, role, things)
    return roles


def run(module):
    """Do what the parameters say and return the result."""
    params = module.params
    path = params["file"]
    if not path:
        return {"changed": False, "roles": {}, "exists": False}
    if not path.startswith("/"):
        raise RecordError(
            f"file is {path!r}, which is not an absolute path: write it with"
            " a leading '/', or leave it empty to keep no record."
        )
    before, roles = load(path)
    things = {kind: normalise(kind, params[kind]) for kind in KINDS}
    after_roles = wanted(params["state"], roles, params["role"], things)
    changed = after_roles != roles
    after = render(after_roles) if after_roles else ""
    if changed and not module.check_mode:
        if after:
            store(module, path, after)
        else:
            discard(path)
    return {
        "changed": changed,
        "roles": after_roles,
        "exists": bool(before),
        "diff": {
            "before_header": path,
            "after_header": path,
            "before": before,
            "after": after if changed else before,
        },
    }


def main():
    spec = {kind: {"type": "list", "elements": "str"} for kind in KINDS}
    spec.update(
        file={"type": "str", "required": True},
        role={"type": "str"},
        state={
            "type": "str",
            "choices": ["present", "absent", "read"],
            "default": "present",
        },
    )
    module = AnsibleModule(
        argument_spec=spec,
        required_if=[
            ("state", "present", ["role"]),
            ("state", "absent", ["role"]),
        ],
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except RecordError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(
            msg=f"The install record {module.params['file']} cannot be"
            f" written: {error}."
        )
    module.exit_json(**result)


if __name__ == "__main__":
    main()
