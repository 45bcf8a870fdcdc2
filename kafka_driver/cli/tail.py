# SPDX-License-Identifier: Apache-2.0
"""``kafka-driver tail``: show notifications as they come.

It assigns partitions to itself: it joins no group and commits nothing, so
no listener misses anything because of it.
"""

import argparse
import fnmatch
import os
import select
import sys
import time
from typing import Any

from kafka_driver import client_config, options, topics
from kafka_driver.cli import common, show, since
from kafka_driver.cli.reader import Reader
from kafka_driver.cli.send import PRIORITIES, check_topics
from kafka_driver.cli.topic_ids import TopicIds


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "tail",
        help="show notifications",
        description="Show notifications as they come. Joins no group and "
        "commits nothing: no listener misses anything because of it.",
    )
    common.add_source(parser)
    parser.add_argument(
        "--topic",
        action="append",
        help="may be given several times; default: the topics of the "
        "configuration",
    )
    parser.add_argument(
        "--priority",
        action="append",
        choices=PRIORITIES,
        metavar="PRIORITY",
        help=f"one of {', '.join(PRIORITIES)}; may be given several times; "
        "default: all of them",
    )
    parser.add_argument(
        "--event-type",
        action="append",
        metavar="PATTERN",
        help="only these, such as 'compute.instance.*'; may be given several "
        "times; default: all of them",
    )
    parser.add_argument(
        "--count", type=int, metavar="N", help="end after N notifications"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="end after this long, also of waiting for a broker; with --count "
        "it is then a failure",
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help="now, beginning, a duration such as 10m (s, m, h, d), or a time "
        "such as 2026-01-31T12:00 (UTC unless it says otherwise); default: "
        "now, and beginning with --no-follow",
    )
    parser.add_argument(
        "--no-follow",
        action="store_true",
        help="end after what is there, instead of waiting for more",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object per line, with topic, partition and offset",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    begin = since.parse(when(arguments), time.time())
    conf = common.load(arguments)
    transport = common.transport(conf, arguments.url)
    try:
        url = transport._driver._url
        settings = options.register(transport._driver.conf, url)
        wanted = arguments.topic or common.notification_topics(conf)
    finally:
        transport.cleanup()
    names = topic_names(
        wanted,
        arguments.priority or list(PRIORITIES),
        topics.check_vhost(url.virtual_host),
    )
    deadline = None
    if arguments.timeout is not None:
        deadline = time.monotonic() + arguments.timeout
    reader = Reader(
        client_config.consumer(url, settings, "kafka-driver-tail", "earliest"),
        names,
        begin,
        follow=not arguments.no_follow,
        say=_say,
        ids=TopicIds(client_config.admin(url, settings)),
    )
    try:
        if not reader.open(deadline) and not arguments.no_follow:
            _say(
                f"waiting for {', '.join(names)}: none of them is there yet, "
                "or this account may not see them"
            )
        shown = _show(reader, arguments, deadline)
    except BrokenPipeError:
        common.silence()
        return 0
    finally:
        reader.close()
    if arguments.count in (None, shown) or _nobody_reads():
        return 0
    if arguments.no_follow:
        found = "are there"
    else:
        found = f"came within {arguments.timeout:g} s"
    _say(f"{shown} of {arguments.count} notifications {found}")
    return 1


def when(arguments: argparse.Namespace) -> str:
    """What --since is, or stands for when it was not given."""
    if arguments.since is not None:
        return str(arguments.since)
    return "beginning" if arguments.no_follow else "now"


def _say(text: str) -> None:
    print(f"kafka-driver: {text}", file=sys.stderr)


def _show(
    reader: Reader, arguments: argparse.Namespace, deadline: float | None
) -> int:
    """Print what is wanted until there is enough; how many it were."""
    colour = show.wants_colour(sys.stdout.isatty(), os.environ)
    shown = 0
    for record in reader.records(deadline, _nobody_reads):
        if not is_wanted(record.value(), arguments.event_type):
            continue
        if arguments.json:
            line = show.as_json(record)
        else:
            line = show.as_text(record, colour)
        print(line, flush=True)
        shown += 1
        if shown == arguments.count:
            break
    return shown


def _nobody_reads() -> bool:
    """Whether a pipe's reader has gone, such as head when it has enough."""
    poller = select.poll()
    try:
        poller.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False  # no file at all
    return any(event & select.POLLERR for _, event in poller.poll(0))


def topic_names(
    wanted: list[str], priorities: list[str], vhost: str
) -> list[str]:
    return sorted(
        {
            # Together, as a Notifier has it: an empty topic makes .info.
            topics.name(f"{topic}.{priority}", None, vhost)
            for topic in wanted
            for priority in priorities
        }
    )


def is_wanted(value: bytes, patterns: list[str] | None) -> bool:
    """Whether the event type of a record matches one of the patterns."""
    return not patterns or any(
        fnmatch.fnmatchcase(show.event_type(value), pattern)
        for pattern in patterns
    )


def _check(arguments: argparse.Namespace) -> None:
    if arguments.count is not None and arguments.count < 1:
        raise common.WrongOption(
            "--count must be 1 or more: write how many notifications to show"
        )
    common.check_seconds("--timeout", arguments.timeout)
    check_topics(arguments.topic or [])
