# SPDX-License-Identifier: Apache-2.0
"""``kafka-driver send``: one notification, confirmed by the brokers."""

import argparse
import datetime
import json
import socket
import uuid
from typing import Any

import oslo_messaging

from kafka_driver import errors
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
        "--topic", default="notifications", help="default: %(default)s"
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
        "--payload", default="{}", metavar="JSON", help="default: %(default)s"
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
    message = build(arguments)
    common.check_seconds("--timeout", arguments.timeout)
    conf = common.load(arguments)
    transport = common.transport(conf, arguments.url)
    try:
        # Not through a Notifier: that one swallows what goes wrong.
        target = oslo_messaging.Target(
            topic=f"{arguments.topic}.{arguments.priority}"
        )
        transport._driver.send_confirmed(
            target, {}, message, arguments.timeout
        )
    finally:
        transport.cleanup()
    print(f"sent {message['message_id']} to {target.topic}")
    return 0


def build(arguments: argparse.Namespace) -> dict[str, Any]:
    """The message as a Notifier would make it."""
    try:
        payload = json.loads(arguments.payload)
    except ValueError as exc:
        raise errors.ConfigurationError(
            f"--payload is not JSON ({exc}): write for example "
            '\'{"key": "value"}\''
        ) from None
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return {
        "message_id": str(uuid.uuid4()),
        "publisher_id": arguments.publisher,
        "event_type": arguments.event_type,
        "priority": arguments.priority.upper(),
        "payload": payload,
        "timestamp": str(now),
    }
