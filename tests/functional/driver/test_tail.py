# SPDX-License-Identifier: Apache-2.0
"""Tail with a real broker: what it leaves out, and colours."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import confluent_kafka
import pytest
import sending
from bus.kafka import KafkaBroker
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from receiving import create, put
from signals import HEEDING

from kafka_driver import envelope, errors
from kafka_driver.cli.reader import Reader
from kafka_driver.cli.since import Since

#: A shell's background jobs have no SIGINT, and neither would this one.
_INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from kafka_driver.cli.main import main
sys.exit(main())
"""


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


@contextlib.contextmanager
def started(
    tail: list[str],
) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """A process that runs, and what it writes."""
    with subprocess.Popen(
        tail, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        yield running, running.stdout, running.stderr


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


@pytest.mark.parametrize("end", ["close", "interrupt"])
def test_it_ends_without_a_word(
    end: str, kafka_broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    """Also when nothing comes any more: like tail for head, and by Ctrl-C."""
    _python, _m, _module, *arguments = command(tmp_path, kafka_broker, topic)
    with subprocess.Popen(
        [
            *HEEDING,
            *(sys.executable, "-c", _INTERRUPTED, *arguments),
            "--since=beginning",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        for _ in range(4):
            assert running.stdout.readline()
        if end == "close":
            running.stdout.close()
            code = 0
        else:
            running.send_signal(signal.SIGINT)
            code = 128 + signal.SIGINT
        assert running.wait(20) == code
        assert running.stderr.read() == b""


def test_topics_that_are_not_there_are_waited_for_and_that_is_said(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    name = sending.new_topic()
    tail = [*command(tmp_path, kafka_broker, name), "--count=1"]
    with started(tail) as (running, stdout, stderr):
        assert "none of them is there yet" in stderr.readline()
        producer = Producer({"bootstrap.servers": kafka_broker.bootstrap})
        producer.produce(f"{name}.info", None)  # a tombstone
        assert producer.flush(30) == 0
        assert "the record is empty" in stdout.readline()
        assert running.wait(20) == 0


@pytest.mark.skipif(
    confluent_kafka.libversion()[1] < 0x02080000,
    reason="this client library reads none that is made again so soon",
)
def test_a_topic_that_is_made_again_at_once_is_read_from_its_beginning(
    kafka_broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    name = f"{topic}.info"
    tail = [
        *command(tmp_path, kafka_broker, topic),
        *("--since=beginning", "--priority=info", "--json"),
    ]
    with started(tail) as (running, stdout, stderr):
        for _ in range(2):
            assert stdout.readline()
        admin.delete_topics([name])[name].result(20)
        create(kafka_broker.bootstrap, name)
        put(kafka_broker.bootstrap, name, range(5))
        found: set[int] = set()
        while found != set(range(5)):
            line = json.loads(stdout.readline())
            found.add(line["message"]["payload"])
        assert f"topic {name} was made anew" in stderr.readline()
        running.terminate()
        assert running.wait(20) == 128 + signal.SIGTERM


def test_a_topic_that_is_deleted_before_its_end_is_not_waited_for(
    kafka_broker: KafkaBroker,
) -> None:
    name = sending.new_topic()
    servers = {"bootstrap.servers": kafka_broker.bootstrap}
    create(kafka_broker.bootstrap, name)
    producer = Producer({**servers, "batch.num.messages": 1})
    for _ in range(200):
        producer.produce(name, bytes(10_000))
    assert producer.flush(20) == 0
    # Few fit into the client's memory: it has not fetched all before.
    few = {"queued.max.messages.kbytes": 20, "fetch.message.max.bytes": 20000}
    reader = Reader(
        {**servers, **few, "group.id": "none"},
        [name],
        Since("beginning"),
        follow=False,
    )
    assert reader.open()
    admin = AdminClient(servers)
    admin.delete_topics([name])[name].result(20)
    with pytest.raises(errors.ConfigurationError, match=f"{name} was deleted"):
        list(reader.records(time.monotonic() + 60))
    reader.close()


def test_no_group_is_joined_and_nothing_committed(
    kafka_broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})

    def groups() -> set[str]:
        found = admin.list_consumer_groups(request_timeout=20).result()
        assert not found.errors
        return {one.group_id for one in found.valid}

    before = groups()
    subprocess.run(
        [
            *command(tmp_path, kafka_broker, topic),
            *("--since=beginning", "--count=4"),
        ],
        stdout=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    assert not [
        name for name in groups() - before if name.startswith("kafka-driver")
    ]
