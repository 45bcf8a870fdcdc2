# SPDX-License-Identifier: Apache-2.0
"""Whose commit an offset is. Pure.

A commit that was not answered may have been done, and only the brokers know.
So each one carries, as its metadata, who made it, where that owner of the
partition began, and who had committed what it began with. A member that lost
a partition meanwhile can tell from it what became of its own commit, also
when the next owner has gone on.
"""

import dataclasses

_FIELDS = 3


@dataclasses.dataclass(frozen=True)
class Commit:
    """A group's commit of one partition, as the brokers have it.

    :param offset: negative when there is none
    """

    offset: int = -1
    metadata: str = ""


@dataclasses.dataclass(frozen=True)
class Mark:
    """The metadata of a commit.

    :param owner: who made it
    :param begin: the offset that this owner began with, negative without one
    :param before: who had committed that offset
    """

    owner: str
    begin: int = -1
    before: str = ""

    def __str__(self) -> str:
        return f"{self.owner} {self.begin} {self.before or '-'}"


def mark(text: str) -> Mark | None:
    """What a commit's metadata says, None when it is of somebody else."""
    parts = text.split(" ")
    if len(parts) != _FIELDS:
        return None
    owner, begin, before = parts
    try:
        return Mark(owner, int(begin), "" if before == "-" else before)
    except ValueError:
        return None


def heir(owner: str, found: Commit) -> Mark:
    """What an owner writes that begins with this commit."""
    before = mark(found.metadata)
    return Mark(owner, found.offset, before.owner if before else "")


def was_done(owner: str, wanted: int, found: Commit) -> bool | None:
    """Whether this owner's commit of an offset was done.

    :param found: what the brokers have after it can no longer be done
    :returns: None when that does not show
    """
    if found.offset < wanted:
        return False
    by = mark(found.metadata)
    if by is None:
        return None
    if by.owner == owner:
        # An owner commits an offset once, and never a later one before it.
        return found.offset == wanted or None
    if by.begin < wanted:
        return False
    if by.begin == wanted and by.before == owner:
        return True
    return None
