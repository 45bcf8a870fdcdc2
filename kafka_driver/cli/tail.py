# SPDX-License-Identifier: Apache-2.0
"""``kafka-driver tail``: show notifications as they come.

It assigns partitions to itself: it joins no group and commits nothing, so
no listener misses anything because of it.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import confluent_kafka
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from kafka_driver import client_config, envelope, errors, options, topics
from kafka_driver.cli import common
from kafka_driver.cli.send import PRIORITIES

_SLICE = 0.2
#: Seconds after which new topics and partitions are looked for.
_LOOK_AGAIN = 3.0
#: Seconds for the brokers' first answer.
_CONNECT = 10.0


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
        help="may be given several times; default: notifications",
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
        "--count", type=int, metavar="N", help="end after N notifications"
    )
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="end after this long; with --count it is then a failure",
    )
    parser.add_argument(
        "--since",
        choices=("now", "beginning"),
        default="now",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object per line, with topic, partition and offset",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    conf = common.load(arguments)
    transport = common.transport(conf, arguments.url)
    try:
        url = transport._driver._url
        settings = options.register(transport._driver.conf, url)
    finally:
        transport.cleanup()
    names = topic_names(
        arguments.topic or ["notifications"],
        arguments.priority or list(PRIORITIES),
        topics.check_vhost(url.virtual_host),
    )
    deadline = None
    if arguments.timeout is not None:
        deadline = time.monotonic() + arguments.timeout
    reader = Reader(
        client_config.consumer(url, settings, "kafka-driver-tail", "earliest"),
        names,
        OFFSET_BEGINNING if arguments.since == "beginning" else OFFSET_END,
    )
    shown = 0
    try:
        for record in reader.records(deadline):
            line = (as_json if arguments.json else as_text)(record)
            print(line, flush=True)
            shown += 1
            if shown == arguments.count:
                return 0
    except BrokenPipeError:
        # Whoever read has gone; Python flushes at its end once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        reader.close()
    if arguments.count is not None:
        print(
            f"kafka-driver: {shown} of {arguments.count} notifications came "
            f"within {arguments.timeout:g} s",
            file=sys.stderr,
        )
        return 1
    return 0


def topic_names(
    wanted: list[str], priorities: list[str], vhost: str
) -> list[str]:
    return sorted(
        {
            topics.name(topic, priority, vhost)
            for topic in wanted
            for priority in priorities
        }
    )


class Reader:
    """Reads every partition of some topics, also of those that come later.

    :param settings: of a consumer
    :param start: the logical offset to start at
    """

    def __init__(
        self, settings: dict[str, Any], names: list[str], start: int
    ) -> None:
        self._error: KafkaError | None = None
        try:
            self._client = confluent_kafka.Consumer(
                {
                    **settings,
                    "enable.auto.commit": False,
                    "statistics.interval.ms": 0,
                    "client.id": client_config.client_id(),
                    "error_cb": self._on_error,
                    "log_level": 0,
                }
            )
        except KafkaException as exc:
            raise errors.ConfigurationError(
                "the Kafka client refuses its settings: "
                + errors.reason(errors.kafka_error(exc))
            ) from None
        self._names = names
        self._start = start
        self._positions: dict[tuple[str, int], int] = {}

    def records(self, deadline: float | None) -> Iterator[Any]:
        """Records as they come, until the deadline.

        :raises ConfigurationError: when no broker answers
        """
        self._first_look()
        look = time.monotonic() + _LOOK_AGAIN
        while deadline is None or time.monotonic() < deadline:
            record: Any = self._client.poll(_SLICE)
            if record is not None and record.error() is None:
                place = record.topic(), record.partition()
                self._positions[place] = record.offset() + 1
                yield record
            if time.monotonic() >= look:
                self._look(_SLICE * 5)
                look = time.monotonic() + _LOOK_AGAIN

    def close(self) -> None:
        self._client.close()

    def _first_look(self) -> None:
        until = time.monotonic() + _CONNECT
        while not self._look(_SLICE * 5):
            self._client.poll(0)
            if time.monotonic() >= until or (
                self._error is not None
                and self._error.code() == KafkaError._AUTHENTICATION
            ):
                why = "" if self._error is None else errors.reason(self._error)
                raise errors.ConfigurationError(
                    f"no broker answers ({why or 'no error reported'}): "
                    "check the transport URL and that Kafka runs there"
                )
        # What is added after this moment is read from its beginning.
        self._start = OFFSET_BEGINNING

    def _look(self, timeout: float) -> bool:
        """Assign what exists; whether the brokers answered."""
        try:
            found = self._client.list_topics(timeout=timeout).topics
        except KafkaException as exc:
            self._error = self._error or errors.kafka_error(exc)
            return False
        new = {
            (name, number)
            for name in self._names
            if name in found
            for number in found[name].partitions
        } - self._positions.keys()
        if new:
            self._positions |= dict.fromkeys(new, self._start)
            self._client.assign(
                [
                    TopicPartition(*place, offset)
                    for place, offset in sorted(self._positions.items())
                ]
            )
        return True

    def _on_error(self, error: KafkaError) -> None:
        self._error = error


def as_json(record: Any) -> str:
    """One line of JSON for a record, whatever it holds."""
    where = {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
    }
    try:
        ctxt, message = envelope.decode(record.value())
    except errors.BadRecord as exc:
        return json.dumps({**where, "error": str(exc)})
    return json.dumps({**where, "context": ctxt, "message": message})


def as_text(record: Any) -> str:
    """One readable line for a record, whatever it holds."""
    try:
        _ctxt, message = envelope.decode(record.value())
    except errors.BadRecord as exc:
        return (
            f"{record.topic()}[{record.partition()}] offset "
            f"{record.offset()}: no notification: {exc}"
        )
    fields = ("timestamp", "priority", "publisher_id", "event_type")
    words = [str(message.get(field, "")) for field in fields]
    line = "  ".join([*words, json.dumps(message.get("payload"))])
    # Lone surrogates can be received and not be written.
    return line.encode(errors="backslashreplace").decode()


def _check(arguments: argparse.Namespace) -> None:
    if arguments.count is not None and arguments.count < 1:
        raise errors.ConfigurationError(
            "--count must be 1 or more: write how many notifications to show"
        )
    if arguments.timeout is not None and arguments.timeout <= 0:
        raise errors.ConfigurationError(
            "--timeout must be more than 0: write a number of seconds"
        )
