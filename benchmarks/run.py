#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the same work with kafka-driver, its peers and the raw client.

Peers take turns in each round, so that what else the machine does meets all
of them; ratios of the medians are what counts.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import payload
import report
from bus.kafka import KafkaBroker
from bus.rabbit import SERVER, RabbitBroker
from confluent_kafka import (
    Consumer,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic
from figures import FIGURES, OURS, RABBIT, Figure

from kafka_driver import envelope

HERE = Path(__file__).resolve().parent

LIMIT = 300  # seconds that a worker may take
WARM_UP = 2  # rounds


@dataclass(frozen=True)
class Bus:
    """Where the brokers are."""

    bootstrap: str
    rabbit: str

    def url(self, peer: str, figure: Figure) -> str:
        if peer == RABBIT:
            return self.rabbit
        options = figure.options if peer == OURS else {}
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"{peer}://{self.bootstrap}/" + (f"?{query}" if query else "")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def missing(kafka: str, rabbit: str) -> str:
    """Why no brokers of our own can be started; nothing when they can."""
    if not kafka and not shutil.which("java"):
        return "there is no java for a Kafka: name one with --kafka HOST:PORT"
    if not rabbit and not SERVER.exists():
        return f"there is no {SERVER}: name a RabbitMQ with --rabbit URL"
    return ""


@contextmanager
def brokers(kafka: str, rabbit: str) -> Iterator[Bus]:
    """The given ones, or our own for as long as this runs."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not kafka:
            say("Starting a Kafka of our own")
            (folder / "kafka").mkdir()
            broker = KafkaBroker(folder / "kafka")
            broker.install()
            broker.start()
            stack.callback(broker.stop)
            kafka = broker.bootstrap
        if not rabbit:
            say("Starting a RabbitMQ of our own")
            (folder / "rabbit").mkdir()
            server = RabbitBroker(folder / "rabbit")
            server.start()
            stack.callback(server.stop)
            rabbit = server.url
        yield Bus(kafka, rabbit)


def work(figure: Figure, peer: str, bus: Bus, topic: str, **other: Any) -> Any:
    """Run worker.py; what it printed."""
    task = {
        "work": figure.work,
        "peer": peer,
        "url": bus.url(peer, figure),
        "bootstrap": bus.bootstrap,
        "topic": topic,
        "group": topic,
        "count": figure.count,
        "size": figure.size,
        "threads": figure.threads,
        **other,
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "worker.py"), json.dumps(task)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    if done.returncode:
        raise SystemExit(
            f"{figure.name} with {peer} failed:\n{done.stderr[-3000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])


def fill(bus: Bus, topic: str, figure: Figure) -> None:
    """Put notifications on a topic, and a group at its start."""
    body = payload.make(figure.size)
    producer = Producer({"bootstrap.servers": bus.bootstrap, "linger.ms": 20})
    name = f"{topic}.info"
    for number in range(figure.count):
        record = envelope.encode(
            {},
            {
                "message_id": str(uuid.uuid4()),
                "publisher_id": "benchmark",
                "event_type": "benchmark",
                "priority": "INFO",
                "payload": {"n": number, **body},
                "timestamp": "2026-01-01 00:00:00.000000",
            },
        )
        while True:
            try:
                producer.produce(name, record)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush(60)
    group = Consumer({"bootstrap.servers": bus.bootstrap, "group.id": topic})
    for _ in range(100):
        try:
            group.commit(
                offsets=[TopicPartition(name, 0, 0)], asynchronous=False
            )
            break
        except KafkaException:
            # The group's coordinator is being chosen, or loads.
            time.sleep(0.2)
    else:
        raise SystemExit(f"The group {topic} cannot commit: see the broker.")
    group.close()


def measure(figure: Figure, peer: str, bus: Bus) -> dict[str, Any]:
    """One round of one peer, on a topic of its own."""
    topic = f"bench-{uuid.uuid4().hex[:10]}"
    admin = AdminClient({"bootstrap.servers": bus.bootstrap})
    name = f"{topic}.info"
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    try:
        if figure.work.startswith("receive"):
            fill(bus, topic, figure)
        found = work(figure, peer, bus, topic)
        if figure.work.startswith("send"):
            check = "drain_rabbit" if peer == RABBIT else "read_topic"
            left = work(figure, peer, bus, topic, work=check)
            found |= {name: left[name] for name in ("received", "duplicated")}
    finally:
        admin.delete_topics([name])[name].result(30)
    return {
        "figure": figure.name,
        "peer": peer,
        "rate": figure.count / found["seconds"] if found["seconds"] else 0.0,
        "latency": found["median_latency"],
        "latency_99": found["latency_99"],
        "cpu_us": 1e6 * found["cpu"] / figure.count,
        "lost": figure.count - found["received"],
        "duplicated": found["duplicated"],
    }


def rounds(
    figures: list[Figure], count: int, bus: Bus
) -> Iterator[dict[str, Any]]:
    """Every measurement; the peers take turns in beginning."""
    for figure in figures:
        for number in range(count):
            turn = number % len(figure.peers)
            for peer in figure.peers[turn:] + figure.peers[:turn]:
                found = measure(figure, peer, bus)
                say(
                    f"{figure.name} {number + 1}/{count} {peer}: "
                    + report.value(figure, found)
                )
                yield found


def warm_up(figure: Figure, bus: Bus) -> None:
    """Let the brokers compile what they do often, before anything counts.

    A new Kafka takes a third less in its first minute.
    """
    say(f"Warming up: {WARM_UP} rounds of {figure.name} that do not count")
    for _ in rounds([figure], WARM_UP, bus):
        pass


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("write 1 or more")
    return number


def parse() -> argparse.Namespace:
    names = [figure.name for figure in FIGURES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="one short round, to try it"
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=names,
        metavar="FIGURE",
        help=f"one of {', '.join(names)}; may be repeated",
    )
    parser.add_argument(
        "--kafka", default="", help="brokers to use, host:port,..."
    )
    parser.add_argument("--rabbit", default="", help="rabbit:// URL to use")
    parser.add_argument("--json", type=Path, help="file for all results")
    parser.add_argument("--plot", type=Path, help="file for a plot, .svg")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    # The brokers end with us.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures = [
        figure
        for figure in FIGURES
        if not arguments.only or figure.name in arguments.only
    ]
    if arguments.quick:
        figures = [
            Figure(**{**vars(one), "count": one.count // one.quick})
            for one in figures
        ]
    if lacks := missing(arguments.kafka, arguments.rabbit):
        sys.exit(
            f"run.py: {lacks}, or have all installed by ./run_tests.sh bench"
        )
    with brokers(arguments.kafka, arguments.rabbit) as bus:
        if not arguments.quick:
            warm_up(figures[0], bus)
        found = list(
            rounds(figures, 1 if arguments.quick else arguments.rounds, bus)
        )
    machine = report.machine()
    rows = report.rows(figures, found)
    print(report.text(machine, rows))
    if arguments.json:
        arguments.json.write_text(
            json.dumps(
                {
                    "machine": machine,
                    "results": [asdict(row) for row in rows],
                    "rounds": found,
                },
                indent=2,
            )
            + "\n"
        )
    if arguments.plot:
        report.plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
