# SPDX-License-Identifier: Apache-2.0
"""``kafka-driver send``: one notification, confirmed by the brokers."""

import argparse
import datetime
import json
import math
import socket
import sys
import uuid
from typing import Any, NoReturn

import oslo_messaging

from kafka_driver import topics
from kafka_driver.cli import common

PRIORITIES = ("audit", "debug", "info", "warn", "error", "critical", "sample")


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "send",
        help="send one notification",
        description="Send one notification and wait until the brokers have "
        "it.",
    )
    common.add_source(parser)
    parser.add_argument(
        "--topic", help="default: the first topic of the configuration"
    )
    parser.add_argument(
        "--priority",
        default="info",
        choices=PRIORITIES,
        metavar="PRIORITY",
        help=f"one of {', '.join(PRIORITIES)}; default: %(default)s",
    )
    parser.add_argument(
        "--event-type",
        default="kafka_driver.test",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--publisher",
        default=f"kafka-driver.{socket.gethostname()}",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--payload",
        default="{}",
        metavar="JSON",
        help="- reads it from standard input, so that it is in no process "
        "list; default: %(default)s",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=15.0,
        metavar="SECONDS",
        help="give up after this long; default: %(default)s",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if arguments.topic is not None:
        check_topics([arguments.topic])
    try:
        return _send(arguments, build(arguments))
    except RecursionError:  # read or written: the limits differ
        raise common.WrongOption(
            "--payload is nested too deeply: write fewer levels"
        ) from None


def check_topics(names: list[str]) -> None:
    """See that --topic is a name.

    :raises WrongOption: when it is none
    """
    if "" in names:
        raise common.WrongOption(
            "--topic is empty: write a topic's name without its priority"
        )


def _send(arguments: argparse.Namespace, message: dict[str, Any]) -> int:
    common.check_seconds("--timeout", arguments.timeout)
    conf = common.load(arguments)
    transport = common.transport(conf, arguments.url)
    vhost = topics.check_vhost(transport._driver._url.virtual_host)
    try:
        wanted = arguments.topic or common.notification_topics(conf)[0]
        # Not through a Notifier: that one swallows what goes wrong.
        target = oslo_messaging.Target(topic=f"{wanted}.{arguments.priority}")
        transport._driver.send_confirmed(
            target, {}, message, arguments.timeout
        )
    finally:
        transport.cleanup()
    topic = topics.name(target.topic, None, vhost)
    print(f"sent {message['message_id']} to {topic}")
    return 0


def build(arguments: argparse.Namespace) -> dict[str, Any]:
    """The message as a Notifier would make it."""
    for option in ("event_type", "publisher"):
        _check_text(option, getattr(arguments, option))
    try:
        payload = json.loads(
            _given(arguments.payload),
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
    except ValueError as exc:
        raise common.WrongOption(
            f"--payload is not JSON ({exc}): write for example "
            '\'{"key": "value"}\''
        ) from None
    _check_text("payload", json.dumps(payload, ensure_ascii=False))
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return {
        "message_id": str(uuid.uuid4()),
        "publisher_id": arguments.publisher,
        "event_type": arguments.event_type,
        "priority": arguments.priority.upper(),
        "payload": payload,
        "timestamp": str(now),
    }


def _given(payload: str) -> str:
    """What was written behind --payload, or on standard input."""
    if payload != "-":
        return payload
    return "" if sys.stdin is None else sys.stdin.read()


def _check_text(option: str, text: str) -> None:
    """See that others can read it as well.

    :raises WrongOption: when it has what Python alone takes for a character
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise common.WrongOption(
            f"--{option.replace('_', '-')} has a byte that is no UTF-8, or "
            "half of a pair of \\u escapes: correct it"
        ) from None


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number there")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse_number(text)
    return number
