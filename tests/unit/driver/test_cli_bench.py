# SPDX-License-Identifier: Apache-2.0
import os
import signal
import time
from typing import Any

import oslo_messaging
import pytest
from admin_answers import Admin
from confluent_kafka import KafkaError, KafkaException

from kafka_driver.cli import bench, main


@pytest.mark.parametrize("option", ["--count", "--size", "--threads"])
@pytest.mark.parametrize("value", ["0", "-3", "999999999"])
def test_bench_wants_whole_numbers_that_a_machine_can_do(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main.main(["bench", "--url", "kafka-driver://h", option, value])

    assert code == 2
    text = capsys.readouterr().err
    assert text.startswith(f"kafka-driver: {option} must be 1 or more, and ")
    assert text.endswith(": write a whole number\n")


def test_bench_names_what_is_not_its_driver(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.main(["bench", "--url", "fake://"]) == 1
    assert "not for this driver" in capsys.readouterr().err


def test_table_compares_the_driver_with_the_raw_client() -> None:
    text = bench.as_text(
        [
            bench.Result("confirmed", bench.DRIVER, 450.4, 2.0, 10.123),
            bench.Result("confirmed", bench.RAW, 900.0, 1.0, 4.0),
            bench.Result("received", bench.DRIVER, 80_000.0),
        ]
    )

    assert [line.split() for line in text.splitlines()] == [
        ["messages/s", "median", "ms", "p99", "ms", "of", "raw"],
        ["confirmed,", "kafka-driver", "450", "2.00", "10.12", "50%"],
        ["confirmed,", "raw", "client", "900", "1.00", "4.00"],
        ["received,", "kafka-driver", "80000"],
    ]


def test_no_more_is_asked_for_than_there_is() -> None:
    """A reader may wait for a full batch, which never comes."""
    asked = []

    def receive(most: int) -> int:
        asked.append(most)
        return most

    assert bench._rate(receive, 1201) > 0
    assert asked == [500, 500, 201]


class Full:
    """A producer whose queue has no room at first."""

    def __init__(self, times: int) -> None:
        self._times = times
        self.produced: list[bytes] = []

    def produce(self, _topic: str, value: bytes, **_how: Any) -> None:
        self._times -= 1
        if self._times >= 0:
            raise BufferError("Local: Queue full")
        self.produced.append(value)


def work() -> bench.Work:
    return bench.Work(None, None, "t", "t.info", 1, 1, {})


def test_a_full_queue_of_the_raw_client_is_waited_for() -> None:
    producer = Full(3)
    bench._produce(producer, work(), b"x", None)
    assert producer.produced == [b"x"]


def test_a_queue_that_stays_full_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "_PATIENCE", 0.1)
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure,
        match="kafka_driver_queue_max_messages and kafka_driver_queue_max_kb",
    ):
        bench._produce(Full(1000), work(), b"x", None)


def test_an_interrupt_ends_the_senders_before_anything_is_removed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that went on would have the driver make the topic again."""
    calls = []

    def call(number: int) -> None:
        calls.append(number)
        if len(calls) == 20:
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.001)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            bench._sent("confirmed", bench.DRIVER, call, 4, 4000)
    finally:
        signal.signal(signal.SIGINT, before)
    ended = len(calls)
    assert ended < 4000
    time.sleep(0.05)
    assert len(calls) == ended


def test_the_first_failure_ends_the_other_senders() -> None:
    calls = []

    def call(number: int) -> None:
        calls.append(number)
        if number == 0:
            raise ValueError("no")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="no"):
        bench._sent("confirmed", bench.DRIVER, call, 4, 4000)
    assert len(calls) < 4000


def measured(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of bench, with nothing measured."""
    monkeypatch.setattr(bench, "AdminClient", lambda _: admin)
    monkeypatch.setattr(bench, "_measure", lambda *_: [])
    return main.main(["bench", "--url=kafka-driver://h"])


def test_an_interrupt_while_the_topic_is_made_leaves_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin = Admin(create_topics=KeyboardInterrupt())
    assert measured(admin, monkeypatch) == 130
    assert admin.asked[:2] == ["create_topics", "delete_topics"]


def test_what_was_refused_is_not_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = KafkaException(KafkaError(KafkaError.POLICY_VIOLATION))
    admin = Admin(create_topics=error)
    assert measured(admin, monkeypatch) == 1
    assert admin.asked == ["create_topics"]
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("making the topic kafka-driver-bench-")
    assert "cannot be created (POLICY_VIOLATION" in last


def test_a_topic_that_is_left_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = KafkaError.TOPIC_AUTHORIZATION_FAILED
    admin = Admin(delete_topics=KafkaException(KafkaError(code)))
    assert measured(admin, monkeypatch) == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert "could not be removed (TOPIC_AUTHORIZATION_FAILED" in last
    assert last.endswith("): delete it if it is there")
