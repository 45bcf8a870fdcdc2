#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: look whether a broker can be set up on this machine."""

DOCUMENTATION = r"""
module: kafka_preflight
short_description: Look whether a Kafka broker can be set up here
version_added: "0.1.0"
description:
  - Changes nothing. Names everything that stands in the way, each in a
    sentence with the setting to change.
options:
  listeners:
    description: Addresses and ports that the broker will listen on.
    type: list
    elements: dict
    required: true
    suboptions:
      address: {type: str, required: true, description: Address or name.}
      address_setting: {type: str, required: true, description: Its variable.}
      port: {type: int, required: true, description: Port.}
      port_setting: {type: str, required: true, description: Its variable.}
  config_file:
    description:
      - The broker's C(server.properties). A process with this path among its
        arguments is the broker that the role itself manages.
    type: path
    required: true
  env_file:
    description: The environment of the broker, with the options of its JVM.
    type: path
    default: ""
  space:
    description: Folders, which need not exist yet, and their free space.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {type: path, required: true, description: Folder.}
      megabytes: {type: int, required: true, description: Space it needs.}
      setting: {type: str, required: true, description: Its variable.}
  data_dirs:
    description: Folders of the messages.
    type: list
    elements: path
    default: []
  data_megabytes:
    description: How large the disks of O(data_dirs) have to be in all.
    type: int
    default: 0
  directories:
    description: Folders that must be there, or that can be made.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {type: path, required: true, description: Folder.}
      setting: {type: str, required: true, description: Its variable.}
      executes:
        description: Whether programs or their libraries are started there.
        type: bool
        default: false
      owned:
        description:
          - Whether the role gives it an owner and a mode. One that holds
            files must not belong to others then, unless O(config_file) has
            O(mark).
        type: bool
        default: false
  peers:
    description: Other machines that must be found and reached from here.
    type: list
    elements: dict
    default: []
    suboptions:
      address: {type: str, required: true, description: Name or address.}
      port: {type: int, required: true, description: Port.}
      setting: {type: str, required: true, description: Its variable.}
  clock:
    description:
      - Seconds since 1970 on the machine that runs Ansible. A clock that is
        far from it is a problem. Empty is not compared.
    type: float
  ours:
    description: Files that must hold O(mark) if they exist.
    type: list
    elements: dict
    default: []
    suboptions:
      path: {type: path, required: true, description: File.}
      setting: {type: str, required: true, description: Its variable.}
  mark:
    description: Text that is in each file that the role writes.
    type: str
    required: true
  paths:
    description: Paths to look for.
    type: list
    elements: path
    default: []
  user:
    description:
      - User to look for, who will run the broker. Only root may listen on
        the first ports, mostly 1024.
    type: str
    required: true
  group:
    description: Group to look for.
    type: str
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Look at the machine
  kafka_bus.openstack.kafka_preflight:
    listeners:
      - address: 127.0.0.1
        address_setting: kafka_listen_address
        port: 9092
        port_setting: kafka_port
    config_file: /etc/kafka/server.properties
    mark: kafka_bus.openstack.kafka
    user: kafka
    group: kafka
"""

RETURN = r"""
problems:
  description: One sentence for each thing that stands in the way.
  returned: success
  type: list
  elements: str
configured:
  description: >-
    What O(config_file) says of listeners and how clients are known; empty
    where it is not there.
  returned: success
  type: dict
jvm_options:
  description: The options of the JVM in O(env_file); empty without any.
  returned: success
  type: str
privileged:
  description: Whether this runs as root.
  returned: success
  type: bool
missing_paths:
  description: Those of O(paths) that do not exist.
  returned: success
  type: list
  elements: str
user_exists:
  description: Whether O(user) exists.
  returned: success
  type: bool
group_exists:
  description: Whether O(group) exists.
  returned: success
  type: bool
firewalls:
  description: Firewalls that the role knows, and whether they are here.
  returned: success
  type: dict
memory:
  description: Memory of the machine in MiB.
  returned: success
  type: int
"""

import contextlib
import grp
import os
import pwd
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_disks,
    kafka_listening,
    kafka_peers,
    kafka_properties,
)

#: Seconds that two clocks may differ; the way to the machine takes some.
CLOCKS = 60
MIB = 2**20
#: Settings of a broker that is there, which its next ones are compared with.
CONFIGURED = (
    "advertised.listeners",
    "listener.security.protocol.map",
    "listeners",
    "sasl.enabled.mechanisms",
)
FIREWALLS = {"ufw": "ufw", "firewalld": "firewall-cmd"}


def look_at_clock(there, here):
    if there is not None and abs(there - here) > CLOCKS:
        yield (
            f"The clock of this machine differs by {abs(there - here):.0f} "
            "seconds from that of the one that runs Ansible: synchronise "
            "them, with chrony or systemd-timesyncd."
        )


def memory():
    """Of the machine, in MiB."""
    pages = os.sysconf("SC_PHYS_PAGES")
    return pages * os.sysconf("SC_PAGE_SIZE") // MIB


def has_mark(path, mark):
    """Whether a file is this role's; None where there is none."""
    try:
        with open(path, errors="replace") as source:
            return mark in source.read()
    except FileNotFoundError:
        return None
    except PermissionError:
        return False


def look_at_file(item, mark):
    if has_mark(item["path"], mark) is not False:
        return
    yield (
        "{} exists and is not this role's: a Kafka that somebody else set up "
        "is left alone; change {}, or set kafka_existing to reuse.".format(
            item["path"], item["setting"]
        )
    )


def look_at_owners(options):
    """Before the first run; later ones may change the accounts."""
    if has_mark(options["config_file"], options["mark"]):
        return
    users, groups = {0, os.geteuid()}, {0, os.getegid(), *os.getgroups()}
    with contextlib.suppress(KeyError):
        users.add(pwd.getpwnam(options["user"]).pw_uid)
    with contextlib.suppress(KeyError):
        groups.add(grp.getgrnam(options["group"]).gr_gid)
    for directory in options["directories"]:
        if directory["owned"]:
            yield from kafka_disks.look_at_owner(directory, users, groups)


def configured(path):
    """Nothing else of the file: other settings may be secret."""
    found = read_settings(path)
    return {key: found[key] for key in CONFIGURED if key in found}


def read_settings(path):
    try:
        with open(path, encoding="utf-8") as source:
            return kafka_properties.parse(source.read())
    except OSError:
        return {}


def find_problems(options):
    for listener in options["listeners"]:
        yield from kafka_listening.look_at_listener(
            listener, options["config_file"], options["user"]
        )
    data_dirs = [
        {"path": path, "setting": "kafka_data_dirs", "executes": False}
        for path in options["data_dirs"]
    ]
    directories = data_dirs + options["directories"]
    for directory in directories:
        yield from kafka_disks.look_at_directory(directory)
    yield from look_at_owners(options)
    yield from kafka_disks.look_at_real_paths(directories)
    for space in options["space"]:
        yield from kafka_disks.look_at_space(space)
    yield from kafka_disks.look_at_disks(
        options["data_dirs"], options["data_megabytes"]
    )
    yield from kafka_peers.look_at_peers(options["peers"])
    yield from look_at_clock(options["clock"], time.time())
    for item in options["ours"]:
        yield from look_at_file(item, options["mark"])


def exists(lookup, name):
    try:
        lookup(name)
    except KeyError:
        return False
    return True


def main():
    def table(**columns):
        return {
            name: {"type": kind, "required": True}
            for name, kind in columns.items()
        }

    module = AnsibleModule(
        argument_spec={
            "listeners": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": table(
                    address="str",
                    address_setting="str",
                    port="int",
                    port_setting="str",
                ),
            },
            "config_file": {"type": "path", "required": True},
            "env_file": {"type": "path", "default": ""},
            "space": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": table(path="path", megabytes="int", setting="str"),
            },
            "data_dirs": {"type": "list", "elements": "path", "default": []},
            "data_megabytes": {"type": "int", "default": 0},
            "directories": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    **table(path="path", setting="str"),
                    "executes": {"type": "bool", "default": False},
                    "owned": {"type": "bool", "default": False},
                },
            },
            "peers": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": table(address="str", port="int", setting="str"),
            },
            "clock": {"type": "float"},
            "ours": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": table(path="path", setting="str"),
            },
            "mark": {"type": "str", "required": True},
            "paths": {"type": "list", "elements": "path", "default": []},
            "user": {"type": "str", "required": True},
            "group": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    module.exit_json(
        changed=False,
        problems=list(find_problems(options)),
        privileged=os.geteuid() == 0,
        missing_paths=[
            path for path in options["paths"] if not os.path.lexists(path)
        ],
        user_exists=exists(pwd.getpwnam, options["user"]),
        group_exists=exists(grp.getgrnam, options["group"]),
        configured=configured(options["config_file"]),
        jvm_options=read_settings(options["env_file"])
        .get("KAFKA_JVM_PERFORMANCE_OPTS", "")
        .strip('"'),
        memory=memory(),
        firewalls={
            name: bool(module.get_bin_path(command))
            for name, command in FIREWALLS.items()
        },
    )


if __name__ == "__main__":
    main()
