# SPDX-License-Identifier: Apache-2.0
"""Whether a broker can listen where it shall."""

import errno
import glob
import os
import pwd
import socket

#: The lowest port that the kernel gives to everybody.
PORT_START = "/proc/sys/net/ipv4/ip_unprivileged_port_start"


def listening_inodes(table, port):
    """Sockets that listen on port, as /proc/PID/fd names them."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {
        f"socket:[{row[9]}]"
        for row in rows
        if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port
    }


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
