#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Tell who listens on TCP ports of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: listener_info
short_description: Tell who listens on TCP ports of a host
description:
  - Reads the kernel's tables, and needs no program such as ss on the host.
  - Processes of other accounts are seen by root only.
options:
  ports:
    description:
      - TCP ports to look at.
    type: list
    elements: int
    required: true
  files:
    description:
      - A regular expression. The first open file of the process whose path
        it is found in is returned; with a group, only that part of the path.
        A program's version is often part of such a path.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
author:
  - kafka-bus contributors
"""

EXAMPLES = r"""
- name: See which Kafka really runs
  kafka_bus.openstack.listener_info:
    ports: [9092]
    files: kafka-clients-([0-9.]+)[.]jar$
"""

RETURN = r"""
listeners:
  description: One entry for each listening socket, ordered by port.
  type: list
  elements: dict
  returned: always
  contains:
    port:
      description: The TCP port.
      type: int
    address:
      description: The address it is bound to.
      type: str
    account:
      description: The account that opened it.
      type: str
    pid:
      description: Process that holds it, V(0) where that cannot be seen.
      type: int
    file:
      description: What O(files) found, empty if nothing.
      type: str
"""

import os
import pwd
import re
import socket
import struct

from ansible.module_utils.basic import AnsibleModule

LISTEN = "0A"


def address(words):
    """Return the kernel's hexadecimal address in the usual notation."""
    # Each 32-bit word is printed in the byte order of the machine.
    packed = b"".join(
        struct.pack("=I", int(words[start : start + 8], 16))
        for start in range(0, len(words), 8)
    )
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed)


def parse(table, ports):
    """Yield (port, address, uid, inode) of the ports' listening sockets."""
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 10 or fields[3] != LISTEN:
            continue
        words, port = fields[1].split(":")
        if int(port, 16) in ports:
            yield int(port, 16), address(words), int(fields[7]), fields[9]


def read(path):
    """Return the file's text, nothing where the kernel has no such table."""
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def open_files(pid):
    """Return what the process has open, nothing if that cannot be seen."""
    directory = f"/proc/{pid}/fd"
    targets = []
    try:
        for name in os.listdir(directory):
            targets.append(os.readlink(f"{directory}/{name}"))
    except OSError:
        pass  # The process has ended, or belongs to somebody else.
    return targets


def holders(inodes):
    """Return {inode: (pid, open files)} of the sockets' processes."""
    sockets = {f"socket:[{inode}]": inode for inode in inodes}
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        files = open_files(pid)
        for target in files:
            if target in sockets:
                found[sockets[target]] = (int(pid), files)
    return found


def account(uid):
    """Return the account's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def first_match(pattern, files):
    """Return the pattern's group (or all it found) in the first path."""
    for path in sorted(files) if pattern else []:
        match = re.search(pattern, path)
        if match:
            return match.group(match.lastindex or 0)
    return ""


def main():
    module = AnsibleModule(
        argument_spec={
            "ports": {"type": "list", "elements": "int", "required": True},
            "files": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    table = read("/proc/net/tcp") + read("/proc/net/tcp6")
    sockets = sorted(parse(table, module.params["ports"]))
    processes = holders([inode for *_rest, inode in sockets])
    listeners = []
    for port, bound, uid, inode in sockets:
        pid, files = processes.get(inode, (0, []))
        listeners.append(
            {
                "port": port,
                "address": bound,
                "account": account(uid),
                "pid": pid,
                "file": first_match(module.params["files"], files),
            }
        )
    module.exit_json(changed=False, listeners=listeners)


if __name__ == "__main__":
    main()
