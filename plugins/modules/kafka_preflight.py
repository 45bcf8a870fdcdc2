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

import errno
import getpass
import glob
import grp
import ipaddress
import os
import pwd
import shutil
import socket
import stat
import time
from concurrent import futures

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_directories,
    kafka_properties,
)

#: Seconds for a connection to a peer; a port that nobody listens on answers.
CONNECT = 5
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
#: The lowest port that the kernel gives to everybody.
PORT_START = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
FIREWALLS = {"ufw": "ufw", "firewalld": "firewall-cmd"}


def socket_owner(port):
    """The (pid, arguments) of who listens on a TCP port, as far as seen."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            with open(table) as source:
                inodes.update(listening_inodes(source.read(), port))
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) in inodes:
                pid = link.split("/")[2]
                with open(f"/proc/{pid}/cmdline") as source:
                    return pid, source.read().split("\0")
        except OSError:  # the process ended, or belongs to somebody else
            continue
    return None, []


def runs_with(argument):
    """Whether any process has this among its arguments."""
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path) as source:
                if argument in source.read().split("\0"):
                    return True
        except OSError:  # the process ended
            continue
    return False


def listening_inodes(table, port):
    """Sockets that listen on port, as /proc/PID/fd names them."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port
    }


def bind_error(address, port):
    """The errno of listening there, or 0."""
    try:
        family, kind, protocol, _name, where = socket.getaddrinfo(
            address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError):  # no name, or none of the DNS
        return errno.EADDRNOTAVAIL
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(where)
            probe.listen(1)
        except OSError as error:
            return error.errno
    return 0


def port_start():
    try:
        with open(PORT_START) as source:
            return int(source.read())
    except OSError:  # an old kernel, or none that shows it
        return 1024


def is_root(user):
    """Whether an account is root; one that is to be made is not."""
    try:
        return pwd.getpwnam(user).pw_uid == 0
    except KeyError:
        return False


def look_at_listener(listener, config_file, user):
    error = bind_error(listener["address"], listener["port"])
    # It is root who tries here, and not who runs the broker.
    if not error and listener["port"] < port_start() and not is_root(user):
        error = errno.EACCES
    if error == errno.EADDRINUSE:
        pid, arguments = socket_owner(listener["port"])
        if config_file in arguments:
            return
        # In a container root may not see whose socket it is.
        if not pid and runs_with(config_file):
            return
        who = (
            f"by process {pid} ({os.path.basename(arguments[0])})"
            if pid
            else "by another process"
        )
        yield (
            f"Port {listener['port']} is taken {who}: stop it, or set "
            f"{listener['port_setting']} to a free port."
        )
    elif error == errno.EACCES:
        yield (
            f"Port {listener['port']} is not for ordinary users: set "
            f"{listener['port_setting']} to {port_start()} or more."
        )
    elif error:
        yield (
            f"{listener['address']} is no address of this machine: correct "
            f"{listener['address_setting']}."
        )


def existing_parent(path):
    path = os.path.abspath(path)
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def broken_link(path):
    """The link on the way to a path that leads nowhere; empty without one."""
    path = os.path.abspath(path)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return "" if os.path.exists(path) else path


def look_at_directory(directory):
    path, setting = directory["path"], directory["setting"]
    broken = broken_link(path)
    if broken:
        # What it stands for may only not be mounted, and would be made on
        # the disk that is there.
        yield (
            f"{broken} is a link to {os.readlink(broken)}, which is not "
            f"there: mount or make that, or correct {setting}."
        )
        return
    there = existing_parent(path)
    if not os.path.isdir(there):
        yield (
            f"{there} is no directory, and {path} could not be made: correct "
            f"{setting}."
        )
        return
    if os.path.exists(path) and os.stat(path).st_mode & stat.S_ISVTX:
        yield (
            f"{path} is sticky, as directories are that everybody writes to, "
            "and the role would change its owner and its mode: write a "
            f"directory of its own, such as {path}/kafka, into {setting}."
        )
        return
    flags = os.statvfs(there).f_flag
    if flags & os.ST_RDONLY:
        yield (
            f"{path} is on a disk that is mounted for reading only: mount it "
            f"for writing, or change {setting}."
        )
    elif not os.access(there, os.W_OK | os.X_OK):
        yield (
            f"{there} cannot be written by {getpass.getuser()}: change its "
            f"owner or its mode, or change {setting}."
        )
    elif directory["executes"] and flags & os.ST_NOEXEC:
        yield (
            f"{path} is on a disk that is mounted noexec, and programs are "
            f"started from there: mount it without that, or change {setting}."
        )


def look_at_real_paths(directories):
    """What only those find out who follow links."""
    places = [
        (one["setting"], one["path"], os.path.realpath(one["path"]))
        for one in directories
    ]
    yield from kafka_directories.shared_problems(places)
    yield from kafka_directories.overlap_problems(places)


def look_at_disks(paths, megabytes):
    """What is on one disk counts once."""
    disks = {}
    for path in map(existing_parent, paths):
        found = os.statvfs(path)
        disks[os.stat(path).st_dev] = found.f_blocks * found.f_frsize // MIB
    total = sum(disks.values())
    if total < megabytes:
        yield (
            f"The disks of kafka_data_dirs have {total} MB, and topics may "
            f"grow to {megabytes} MB there: lower kafka_retention_bytes, or "
            "retention.bytes or partitions in kafka_topics, or have larger "
            "disks."
        )


def loopback_of(name, port):
    """The loopback address that a name has here; empty if it has none."""
    for *_rest, where in socket.getaddrinfo(
        name, port, type=socket.SOCK_STREAM
    ):
        if ipaddress.ip_address(where[0].partition("%")[0]).is_loopback:
            return where[0]
    return ""


def look_at_peer(peer):
    """A refused connection is an answer: somebody may listen there later."""
    where = f"{peer['address']}:{peer['port']}"
    try:
        own = loopback_of(peer["address"], peer["port"])
        if own:
            return (
                f"{peer['address']} is {own} to this machine, which is this "
                f"machine itself: correct {peer['setting']}, or the line of "
                "that name in /etc/hosts."
            )
        with socket.create_connection(
            (peer["address"], peer["port"]), timeout=CONNECT
        ):
            return ""
    except ConnectionError:
        return ""
    except (socket.gaierror, UnicodeError):
        return (
            f"{peer['address']} is no name that this machine knows: correct "
            f"{peer['setting']}, or have it in the DNS or in /etc/hosts."
        )
    except OSError:
        return (
            f"{where} cannot be reached from here: open the port in the "
            f"firewalls between, or correct {peer['setting']}."
        )


def look_at_peers(peers):
    """All at once: each may take seconds."""
    if peers:
        with futures.ThreadPoolExecutor(len(peers)) as pool:
            told = pool.map(look_at_peer, peers)
            # Of several ports of one machine some are told alike.
            yield from dict.fromkeys(filter(None, told))


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


def look_at_space(space):
    free = shutil.disk_usage(existing_parent(space["path"])).free >> 20
    if free < space["megabytes"]:
        yield (
            f"{space['path']} has {free} MB free and needs "
            f"{space['megabytes']}: make room, or change {space['setting']}."
        )


def look_at_file(item, mark):
    try:
        with open(item["path"], errors="replace") as source:
            if mark in source.read():
                return
    except FileNotFoundError:
        return
    except PermissionError:
        pass
    yield (
        "{} exists and is not this role's: a Kafka that somebody else set up "
        "is left alone; change {}, or set kafka_existing to reuse.".format(
            item["path"], item["setting"]
        )
    )


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
        yield from look_at_listener(
            listener, options["config_file"], options["user"]
        )
    data_dirs = [
        {"path": path, "setting": "kafka_data_dirs", "executes": False}
        for path in options["data_dirs"]
    ]
    directories = data_dirs + options["directories"]
    for directory in directories:
        yield from look_at_directory(directory)
    yield from look_at_real_paths(directories)
    for space in options["space"]:
        yield from look_at_space(space)
    yield from look_at_disks(options["data_dirs"], options["data_megabytes"])
    yield from look_at_peers(options["peers"])
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
