#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: have several files and directories, in one call."""

DOCUMENTATION = r"""
module: files_written
short_description: Have several files and directories
version_added: "0.1.0"
description:
  - Writes files with given content and makes directories, all of them in one
    call, which takes a node as long as a single file.
  - A file appears whole, and is never open to more than its mode allows.
  - Set C(no_log) and C(diff=false) on a task whose content is secret.
options:
  directories:
    description: >-
      Directories to have. Parents that are missing are made alike.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {type: path, required: true, description: Absolute path.}
      owner: {type: str, description: Its owner.}
      group: {type: str, description: Its group.}
      mode: {type: str, required: true, description: Its mode, octal.}
  files:
    description: Files to have, when the directories are there.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {type: path, required: true, description: Absolute path.}
      owner: {type: str, description: Its owner.}
      group: {type: str, description: Its group.}
      mode: {type: str, required: true, description: Its mode, octal.}
      content: {type: str, required: true, description: All that is in it.}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Have two files in a directory of their own
  kafka_bus.openstack.files_written:
    directories:
      - {path: /etc/example, owner: root, group: kafka, mode: "0750"}
    files:
      - path: /etc/example/one.conf
        content: "{{ lookup('ansible.builtin.template', 'one.conf.j2') }}"
        owner: root
        group: kafka
        mode: "0640"
"""

RETURN = r"""
changed_paths:
  description: Those of the paths that were changed.
  returned: success
  type: list
  elements: str
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule


def have_attributes(module, item, path):
    """Owner, group, mode, SELinux's context; whether one was another."""
    wanted = module.load_file_common_arguments(item, path=path)
    return module.set_fs_attributes_if_different(wanted, changed=False)


def missing(path):
    """The directories on the way to a path that are not there yet."""
    found = []
    while not os.path.isdir(path):
        found.insert(0, path)
        path = os.path.dirname(path)
    return found


def have_directory(module, item):
    """Make a directory, if it is not there; whether that changed something."""
    # What a link points to, not the link.
    path = os.path.realpath(item["path"])
    new = missing(path)
    if not new:
        return have_attributes(module, item, path)
    if not module.check_mode:
        for directory in new:
            os.mkdir(directory)
            have_attributes(module, item, directory)
    return True


def read(path):
    """What is in a file; None where there is none."""
    try:
        with open(path, "rb") as source:
            return source.read()
    except FileNotFoundError:
        return None


def write(module, path, content):
    handle, name = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "wb") as target:
        target.write(content)
    module.atomic_move(name, path)


def have_file(module, item):
    """Write a file, if it is another; (changed, diff)."""
    path, wanted = item["path"], item["content"].encode()
    before = read(path)
    if before == wanted:
        return have_attributes(module, item, path), None
    if not module.check_mode:
        write(module, path, wanted)
        have_attributes(module, item, path)
    return True, {
        "before_header": path,
        "after_header": path,
        "before": (before or b"").decode(errors="replace"),
        "after": item["content"],
    }


def main():
    def table(**more):
        return {
            "path": {"type": "path", "required": True},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "str", "required": True},
            **more,
        }

    module = AnsibleModule(
        argument_spec={
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": table(),
            },
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": table(content={"type": "str", "required": True}),
            },
        },
        supports_check_mode=True,
    )
    # What is new belongs to nobody else until it has its mode.
    os.umask(0o077)
    changed, diffs = [], []
    try:
        for item in module.params["directories"]:
            if have_directory(module, item):
                changed.append(item["path"])
        for item in module.params["files"]:
            differs, diff = have_file(module, item)
            if differs:
                changed.append(item["path"])
            if diff:
                diffs.append(diff)
    except OSError as error:
        module.fail_json(
            msg=f"{item['path']} cannot be written: {error.strerror}.",
            changed_paths=changed,
        )
    module.exit_json(changed=bool(changed), changed_paths=changed, diff=diffs)


if __name__ == "__main__":
    main()
