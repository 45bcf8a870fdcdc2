# SPDX-License-Identifier: Apache-2.0
from typing import Any

import oslo_messaging
import pytest

from kafka_driver.cli import bench, main


@pytest.mark.parametrize("option", ["--count", "--size", "--threads"])
@pytest.mark.parametrize("value", ["0", "-3", "999999999"])
def test_bench_wants_whole_numbers_that_a_machine_can_do(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main.main(["bench", "--url", "kafka-driver://h", option, value])

    assert code == 1
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
