# SPDX-License-Identifier: Apache-2.0
"""Whether there is a place for each directory, and enough of it."""

import getpass
import grp
import os
import pwd
import shutil
import stat

from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_directories,
)

MIB = 2**20


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


def _name_of(lookup, number):
    """A user's or a group's name; its number where it has none."""
    try:
        return lookup(number)[0]
    except KeyError:
        return str(number)


def look_at_owner(directory, users, groups):
    """Whether somebody else's files are in a directory.

    The role would give it another owner and another mode; users and groups
    are the numbers of those who may have it now.
    """
    path = directory["path"]
    if not os.path.isdir(path) or not os.access(path, os.R_OK):
        return
    held, found = os.listdir(path), os.stat(path)
    if held and not (found.st_uid in users and found.st_gid in groups):
        owner = _name_of(pwd.getpwuid, found.st_uid)
        group = _name_of(grp.getgrgid, found.st_gid)
        yield (
            f"{path} belongs to {owner} and the group {group}, holds "
            f"{min(held)}, and the role would change its owner and its mode: "
            f"write a directory of its own into {directory['setting']}."
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


def look_at_space(space):
    free = shutil.disk_usage(existing_parent(space["path"])).free >> 20
    if free < space["megabytes"]:
        yield (
            f"{space['path']} has {free} MB free and needs "
            f"{space['megabytes']}: make room, or change {space['setting']}."
        )
