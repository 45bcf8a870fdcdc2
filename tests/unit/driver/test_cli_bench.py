# SPDX-License-Identifier: Apache-2.0
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
