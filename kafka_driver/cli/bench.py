# SPDX-License-Identifier: Apache-2.0
"""``kafka-driver bench``: this driver beside the raw client."""

import argparse
import contextlib
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import confluent_kafka
import oslo_messaging
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from kafka_driver import client_config, envelope, errors, options, topics
from kafka_driver.cli import common

_BATCH = 500
#: Seconds for one call to the brokers, and for the next record to come.
_PATIENCE = 30.0
#: Seconds for removing what was interrupted before it was made.
_HASTE = 5.0
#: Seconds between two looks for room in a full queue.
_ROOM = 0.005
#: What one machine can be asked for.
_LARGEST = {"count": 1000000, "size": 100000000, "threads": 1000}
DRIVER, RAW = "kafka-driver", "raw client"
#: Of the groups of the two.
_LETTERS = "a", "b"


@dataclass(frozen=True)
class Result:
    """One measurement.

    :param rate: notifications/s
    :param median_ms: of a confirmed send, None where it was not measured
    :param p99_ms: the same, 99 of 100 were faster
    """

    measured: str
    by: str
    rate: float
    median_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True)
class Work:
    """What is measured, and on what.

    :param target: topic as services name it, with no priority
    :param topic: Kafka's topic
    :param body: of a notification
    """

    url: Any
    settings: Any
    target: str
    topic: str
    count: int
    threads: int
    body: dict[str, Any]

    def message(self, number: int) -> dict[str, Any]:
        """As a Notifier makes it."""
        return {
            "message_id": str(uuid.uuid4()),
            "publisher_id": "kafka-driver.bench",
            "event_type": "kafka_driver.bench",
            "priority": "INFO",
            "payload": {"number": number, **self.body},
            "timestamp": "2026-01-01 00:00:00.000000",
        }


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "bench",
        help="measure sending and receiving, beside the raw client",
        description="Send and receive on a topic of its own, which is "
        "removed afterwards, by this driver and by the client library "
        "without it, in turns. Needs the right to create a topic named "
        "kafka-driver-bench-*, and to read by a group of the same name.",
    )
    common.add_source(parser)
    for name, default, what in (
        ("count", 2000, "notifications for each measurement"),
        ("size", 1024, "bytes of a payload"),
        ("threads", 16, "threads for the measurement with several"),
    ):
        parser.add_argument(
            f"--{name}",
            type=int,
            default=default,
            metavar="NUMBER",
            help=f"{what}, at most {_LARGEST[name]}; default: %(default)s",
        )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    for name, largest in _LARGEST.items():
        if not 1 <= getattr(arguments, name) <= largest:
            raise common.WrongOption(
                f"--{name} must be 1 or more, and at most {largest}: write a "
                "whole number"
            )
    conf = common.load(arguments)
    transport = common.transport(conf, arguments.url)
    driver = transport._driver
    url, settings = driver._url, options.register(conf, driver._url)
    target = f"kafka-driver-bench-{uuid.uuid4().hex[:12]}"
    work = Work(
        url,
        settings,
        target,
        topics.name(target, "info", topics.check_vhost(url.virtual_host)),
        arguments.count,
        arguments.threads,
        {"text": "x" * arguments.size},
    )
    try:
        with _topic(work):
            try:
                results = list(_measure(work, driver))
            finally:
                # Before the topic goes: a client that is left makes it again.
                transport.cleanup()
    except KafkaException as exc:
        raise oslo_messaging.MessageDeliveryFailure(
            "The raw client failed: " + errors.reason(errors.kafka_error(exc))
        ) from None
    if arguments.json:
        print(
            json.dumps(
                {
                    "count": arguments.count,
                    "size": arguments.size,
                    "threads": arguments.threads,
                    "results": [asdict(one) for one in results],
                }
            )
        )
    else:
        print(as_text(results))
    return 0


def as_text(results: list[Result]) -> str:
    """A table; what the driver does as a part of what the raw client does."""
    raw = {one.measured: one.rate for one in results if one.by == RAW}
    lines = [
        f"{'':34}{'messages/s':>12}{'median ms':>11}{'p99 ms':>9}{'of raw':>9}"
    ]
    for one in results:
        times = "".join(
            f"{'' if value is None else format(value, '.2f'):>{width}}"
            for value, width in ((one.median_ms, 11), (one.p99_ms, 9))
        )
        share = (
            f"{100 * one.rate / raw[one.measured]:8.0f}%"
            if one.by == DRIVER and raw.get(one.measured)
            else ""
        )
        lines.append(
            f"{one.measured + ', ' + one.by:34}{one.rate:12.0f}{times}{share}"
        )
    return "\n".join(line.rstrip() for line in lines)


@contextlib.contextmanager
def _topic(work: Work) -> Iterator[None]:
    """The topic, as long as it is used; the groups go with it."""
    admin = AdminClient(client_config.admin(work.url, work.settings))
    try:
        _create(admin, work)
    except errors.ConfigurationError:
        raise  # it is not there
    except BaseException:
        # An interrupt may come before the brokers' answer, and they do it.
        _remove(admin, work, _HASTE)
        raise
    try:
        yield
    finally:
        _remove(admin, work, _PATIENCE)


def _create(admin: Any, work: Work) -> None:
    """Make the topic.

    :raises ConfigurationError: when the brokers do not
    """
    name = work.topic
    wanted = NewTopic(name, 1, work.settings.kafka_driver_topic_replication)
    _say(f"making the topic {name}")
    try:
        admin.create_topics([wanted], request_timeout=_PATIENCE)[name].result(
            _PATIENCE + 5
        )
    except (KafkaException, TimeoutError) as exc:
        raise errors.ConfigurationError(
            f"the topic {name} cannot be created ({_why(exc)}): kafka-driver "
            "doctor with the same options tells more"
        ) from None


def _remove(admin: Any, work: Work, patience: float) -> None:
    """Remove the topic and the groups; a topic that is left is told."""
    try:
        admin.delete_topics([work.topic], request_timeout=patience)[
            work.topic
        ].result(patience + 5)
    except (KafkaException, TimeoutError) as exc:
        if not _is_missing(exc):
            _say(
                f"the topic {work.topic} could not be removed ({_why(exc)}): "
                "delete it if it is there"
            )
            return
    for group in (_group(work, letter) for letter in _LETTERS):
        # Each alone: one that was not made yet is no reason to stop.
        with contextlib.suppress(KafkaException, TimeoutError):
            admin.delete_consumer_groups([group], request_timeout=patience)[
                group
            ].result(patience + 5)


def _is_missing(error: Exception) -> bool:
    return isinstance(error, KafkaException) and (
        errors.kafka_error(error).code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    )


def _why(error: Exception) -> str:
    if isinstance(error, KafkaException):
        return errors.reason(errors.kafka_error(error))
    return "no broker answered in time"


def _measure(work: Work, driver: Any) -> Iterator[Result]:
    several = f"confirmed, {work.threads} threads"
    target = oslo_messaging.Target(topic=f"{work.target}.info")

    def send(number: int) -> None:
        driver.send_confirmed(target, {}, work.message(number), _PATIENCE)

    with _raw_sender(work) as send_raw:
        for measured, threads, count in (
            ("confirmed, one thread", 1, max(1, work.count // 10)),
            (several, work.threads, work.count),
        ):
            for by, call in ((DRIVER, send), (RAW, send_raw)):
                _say(f"{measured}, {by}")
                call(-1)  # connected, and the topic known
                yield _sent(measured, by, call, threads, count)
    # What was sent, warm-up included.
    there = 2 * (max(1, work.count // 10) + work.count) + 4
    for by, receive in ((DRIVER, _receive), (RAW, _receive_raw)):
        _say(f"received, {by}")
        yield Result("received", by, receive(work, driver, there))


def _say(text: str) -> None:
    """Progress, where the result is not."""
    print(text, file=sys.stderr, flush=True)


def _sent(
    measured: str,
    by: str,
    call: Callable[[int], None],
    threads: int,
    count: int,
) -> Result:
    """Call from so many threads, and time each call."""
    took: list[float] = []
    failed: list[BaseException] = []
    ended = threading.Event()

    def send(first: int) -> None:
        try:
            for number in range(first, count, threads):
                if ended.is_set():
                    return
                start = time.monotonic()
                call(number)
                took.append(1000 * (time.monotonic() - start))
        except Exception as exc:
            failed.append(exc)
            ended.set()

    senders = [
        threading.Thread(target=send, args=(first,), daemon=True)
        for first in range(threads)
    ]
    start = time.monotonic()
    try:
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    finally:
        # Also of an interrupt: who sends on makes the topic again.
        ended.set()
        for sender in senders:
            if sender.ident is not None:
                sender.join()
    seconds = time.monotonic() - start
    if failed:
        raise failed[0]
    took.sort()
    return Result(
        measured,
        by,
        count / seconds,
        median(took),
        took[min(len(took) - 1, int(len(took) * 0.99))],
    )


@contextlib.contextmanager
def _raw_sender(work: Work) -> Iterator[Callable[[int], None]]:
    """Sends with the driver's settings, and waits for the report."""
    producer = confluent_kafka.Producer(
        {
            **client_config.producer(work.url, work.settings, _PATIENCE),
            "statistics.interval.ms": 0,
            "log_level": 0,
        }
    )
    ended = threading.Event()

    def poll() -> None:
        while not ended.is_set():
            producer.poll(0.1)

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()

    def send(number: int) -> None:
        done = threading.Event()
        wrong: list[Any] = []

        def on_delivery(error: Any, _message: Any) -> None:
            if error is not None:
                wrong.append(error)
            done.set()

        value = envelope.encode({}, work.message(number))
        _produce(producer, work, value, on_delivery)
        if not done.wait(_PATIENCE + 5) or wrong:
            raise oslo_messaging.MessageDeliveryFailure(
                f"The raw client delivered nothing to topic {work.topic}: "
                + (errors.reason(wrong[0]) if wrong else "no answer in time")
            )

    try:
        yield send
    finally:
        ended.set()
        poller.join()


def _produce(
    producer: Any, work: Work, value: bytes, on_delivery: Any
) -> None:
    """Put a record into the queue, which another thread makes room in.

    :raises MessageDeliveryFailure: when there is none for too long
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            producer.produce(work.topic, value, on_delivery=on_delivery)
            return
        except BufferError:
            if time.monotonic() >= deadline:
                raise oslo_messaging.MessageDeliveryFailure(
                    "The raw client's queue stayed full for "
                    f"{_PATIENCE:.0f} s: raise "
                    "kafka_driver_queue_max_messages and "
                    "kafka_driver_queue_max_kbytes, or give less with "
                    "--threads or --size"
                ) from None
        time.sleep(_ROOM)


def _receive(work: Work, driver: Any, there: int) -> float:
    """The driver's rate, from the first notification to the last."""
    target = oslo_messaging.Target(topic=work.target)
    driver.listen_for_notifications(
        [(target, "info")], _new_group(work, _LETTERS[0]), _BATCH, 1.0
    )
    listener = driver.listeners[-1]
    try:
        return _rate(
            lambda most: _finished(
                listener.poll(timeout=1.0, batch_size=most, batch_timeout=0.05)
            ),
            there,
        )
    finally:
        listener.stop()
        listener.cleanup()


def _finished(found: list[Any]) -> int:
    for one in found:
        one.acknowledge()
    return len(found)


def _receive_raw(work: Work, _driver: Any, there: int) -> float:
    """The rate of the client library, each record decoded."""
    consumer = confluent_kafka.Consumer(
        {
            **client_config.consumer(
                work.url,
                work.settings,
                _new_group(work, _LETTERS[1]),
                "earliest",
            ),
            "enable.auto.commit": False,
            "statistics.interval.ms": 0,
            "log_level": 0,
        }
    )
    consumer.subscribe([work.topic])

    def receive(most: int) -> int:
        # Asked for many at once it would wait for the last one of them.
        found = consumer.consume(1, 1.0)
        if found:
            found += consumer.consume(most - 1, 0.0)
        found = [one for one in found if one.error() is None]
        for one in found:
            envelope.decode(one.value())
        if found:
            done = TopicPartition(work.topic, 0, (found[-1].offset() or 0) + 1)
            consumer.commit(offsets=[done], asynchronous=False)
        return len(found)

    try:
        return _rate(receive, there)
    finally:
        consumer.close()


def _group(work: Work, letter: str) -> str:
    return f"{work.topic}-{letter}"


def _new_group(work: Work, letter: str) -> str:
    """A group of its own at the topic's start.

    :raises MessageDeliveryFailure: when its place cannot be committed
    """
    name = _group(work, letter)
    client = confluent_kafka.Consumer(
        client_config.consumer(work.url, work.settings, name, "earliest")
    )
    place = TopicPartition(work.topic, 0, 0)
    deadline = time.monotonic() + _PATIENCE
    try:
        while True:
            try:
                client.commit(offsets=[place], asynchronous=False)
                return name
            except KafkaException as exc:
                # A group's first coordinator has to be chosen and to load.
                if time.monotonic() > deadline:
                    raise oslo_messaging.MessageDeliveryFailure(
                        f"The group {name} cannot commit: "
                        + errors.reason(errors.kafka_error(exc))
                    ) from None
            time.sleep(0.2)
    finally:
        client.close()


def _rate(receive: Callable[[int], int], there: int) -> float:
    """Notifications/s after the first ones, which wait for the group.

    :param receive: gets some, at most so many, and says how many
    :raises MessageDeliveryFailure: when they do not come
    """
    heard = time.monotonic()
    first, got, at_first = heard, 0, 0
    while got < there:
        asked = time.monotonic()
        # No more than there is: that would be waited for in vain.
        count = receive(min(_BATCH, there - got))
        now = time.monotonic()
        if count and not got:
            # All at once: then asking for them took as long.
            first, at_first = (asked, 0) if count == there else (now, count)
        got += count
        heard = now if count else heard
        if now - heard > _PATIENCE:
            raise oslo_messaging.MessageDeliveryFailure(
                f"{there - got} of the notifications that were sent did not "
                f"come within {_PATIENCE:.0f} s"
            )
    return (there - at_first) / max(heard - first, 1e-6)
