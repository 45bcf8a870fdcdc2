# SPDX-License-Identifier: Apache-2.0
"""Tail with a real broker: what it leaves out, and colours."""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sending
from bus.kafka import KafkaBroker
from confluent_kafka import Producer

from kafka_driver import envelope


@pytest.fixture
def topic(kafka_broker: KafkaBroker) -> str:
    """A topic with four notifications, of today and of two hours ago."""
    name = sending.new_topic()
    producer = Producer({"bootstrap.servers": kafka_broker.bootstrap})
    old, young = round(time.time() - 7200) * 1000, round(time.time()) * 1000
    for number, (priority, event, when) in enumerate(
        [
            ("info", "compute.instance.create.end", old),
            ("error", "compute.instance.create.error", old),
            ("info", "image.upload", young),
            ("error", "compute.instance.delete.error", young),
        ]
    ):
        producer.produce(
            f"{name}.{priority}",
            envelope.encode(
                {},
                {
                    "payload": number,
                    "priority": priority.upper(),
                    "event_type": event,
                },
            ),
            timestamp=when,
        )
    assert producer.flush(30) == 0
    return name


def command(tmp_path: Path, broker: KafkaBroker, topic: str) -> list[str]:
    """Tail as for a service; the topic comes from its configuration."""
    path = tmp_path / "service.conf"
    path.write_text(
        "[oslo_messaging_notifications]\n"
        f"transport_url = {broker.url}\ntopics = {topic}\n"
    )
    return [
        *(sys.executable, "-m", "kafka_driver.cli.main", "tail"),
        *(f"--config-file={path}", "--timeout=40"),
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--since=beginning"], [0, 1, 2, 3]),
        (["--since=1h"], [2, 3]),
        (["--since=3h", "--event-type=compute.*"], [0, 1, 3]),
        (
            [
                "--since=beginning",
                "--priority=error",
                "--event-type=*.create.*",
                "--event-type=image.*",
            ],
            [1],
        ),
    ],
)
def test_what_is_shown_can_be_chosen(
    arguments: list[str],
    expected: list[int],
    kafka_broker: KafkaBroker,
    topic: str,
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [
            *command(tmp_path, kafka_broker, topic),
            *("--json", f"--count={len(expected)}", *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(line["message"]["payload"] for line in lines) == expected
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 0, ""),
        (["--count=5"], 1, "kafka-driver: 4 of 5 notifications are there\n"),
        (["--priority=audit"], 1, "audit is there, or this account may not"),
    ],
)
def test_what_is_there_is_shown_without_waiting_for_more(
    arguments: list[str],
    code: int,
    said: str,
    kafka_broker: KafkaBroker,
    topic: str,
) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "kafka_driver.cli.main", "tail"),
            *("--url", kafka_broker.url, f"--topic={topic}"),
            *("--since=beginning", "--no-follow", *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said in done.stderr
    assert bool(said) == bool(done.stderr)
    assert done.returncode == code
    shown = 0 if "--priority=audit" in arguments else 4
    assert len(done.stdout.splitlines()) == shown


def test_a_terminal_gets_colours(
    kafka_broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    reader, writer = pty.openpty()
    subprocess.run(
        [
            *command(tmp_path, kafka_broker, topic),
            *("--since=beginning", "--priority=error", "--count=2"),
        ],
        env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
        stdout=writer,
        timeout=60,
        check=True,
    )
    os.close(writer)
    assert b"\x1b[31mERROR" in os.read(reader, 10000)
    os.close(reader)
