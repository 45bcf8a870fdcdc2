# SPDX-License-Identifier: Apache-2.0
"""``kafka-driver bench`` on a real broker."""

import json
import signal
import subprocess
import sys
import time

import pytest
from bus.kafka import KafkaBroker
from confluent_kafka.admin import AdminClient
from signals import HEEDING

from kafka_driver.cli import main


def test_bench_measures_both_and_leaves_nothing(
    kafka_broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main.main(
        [
            "bench",
            f"--url={kafka_broker.url}",
            "--json",
            "--count=50",
            "--threads=4",
        ]
    )

    output = capsys.readouterr()
    assert code == 0, output.err
    found = json.loads(output.out)
    assert (found["count"], found["size"], found["threads"]) == (50, 1024, 4)
    assert [(one["measured"], one["by"]) for one in found["results"]] == [
        (measured, by)
        for measured in (
            "confirmed, one thread",
            "confirmed, 4 threads",
            "received",
        )
        for by in ("kafka-driver", "raw client")
    ]
    assert all(one["rate"] > 0 for one in found["results"])
    assert all(one["p99_ms"] > 0 for one in found["results"][:4])
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    assert not topics(admin)
    groups = admin.list_consumer_groups(request_timeout=20).result().valid
    assert not [one for one in groups if "bench" in one.group_id]


def topics(admin: AdminClient) -> list[str]:
    left = admin.list_topics(timeout=10).topics
    return [name for name in left if "bench" in name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_bench_that_is_ended_leaves_no_topic(
    number: signal.Signals, kafka_broker: KafkaBroker
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    with subprocess.Popen(
        [
            *HEEDING,
            *(sys.executable, "-m", "kafka_driver.cli.main", "bench"),
            *(f"--url={kafka_broker.url}", "--count=1000000"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        while "one thread, kafka-driver" not in running.stderr.readline():
            assert running.poll() is None
        time.sleep(0.5)
        assert topics(admin)
        running.send_signal(number)
        assert running.wait(60) == 128 + number
        assert "Traceback" not in running.stderr.read()
    assert not topics(admin)


def test_bench_says_when_no_broker_answers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kafka_driver.cli.bench._PATIENCE", 1.0)

    code = main.main(["bench", "--url", "kafka-driver://127.0.0.1:9"])

    assert code == 1
    assert "cannot be created" in capsys.readouterr().err
