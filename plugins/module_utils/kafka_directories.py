# SPDX-License-Identifier: Apache-2.0
"""Directories that no broker can have, by their paths alone.

A place is a tuple: the variable, the path that it has, and where that is.
"""

import re

#: The kernel's, with everything below.
KERNEL = re.compile(r"/(dev|proc|sys)(/.*)?")
#: Those that much else needs as they are; what is below may be anybody's.
SHARED = re.compile(
    r"/"
    r"|/(bin|boot|etc|home|lib|lib32|lib64|libx32|lost\+found|media|mnt|opt"
    r"|root|run|sbin|srv|tmp|usr|var)"
    r"|/etc/(default|init\.d|pki|ssh|ssl|systemd)"
    r"|/usr/[^/]+"
    r"|/usr/local/(bin|etc|games|include|lib|lib64|man|sbin|share|src)"
    r"|/var/(backups|cache|lib|local|lock|log|mail|opt|run|spool|tmp)"
)


def shared_problems(places):
    """The role gives its directories an owner and a mode."""
    for setting, path, real in places:
        where = path if path == real else f"{path} ({real})"
        if KERNEL.fullmatch(real):
            yield (
                f"{where} of {setting} is the kernel's: write a directory "
                "elsewhere, such as /var/lib/kafka."
            )
        elif SHARED.fullmatch(real):
            yield (
                f"{where} of {setting} belongs to the whole machine, and the "
                "role would change its owner and its mode: write a directory "
                f"of its own below it, such as {real.rstrip('/')}/kafka."
            )


def overlap_problems(places):
    """What lies in a directory of messages, the broker takes for messages."""
    for at, (setting, path, real) in enumerate(places):
        for other, there, where in places[at + 1 :]:
            if real == where:
                yield _twice(setting, path, other, there)
            elif setting == "kafka_data_dirs" and is_in(where, real):
                yield _within(other, there, path)
            elif other == "kafka_data_dirs" and is_in(real, where):
                yield _within(setting, path, there)


def is_in(inner, outer):
    return inner.startswith(outer + "/")


def _twice(setting, path, other, there):
    if path == there:
        said = f"{path} is named twice, by {setting} and {other}"
    else:
        said = f"{path} of {setting} and {there} of {other} are one directory"
    return f"{said}: give each a directory of its own."


def _within(setting, inner, outer):
    return (
        f"{inner} of {setting} is in {outer} of kafka_data_dirs, where Kafka "
        "takes everything for messages, and would not start: give each a "
        "directory beside the other."
    )
