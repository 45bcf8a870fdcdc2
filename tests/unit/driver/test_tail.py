# SPDX-License-Identifier: Apache-2.0
"""What tail shows, as far as no broker is needed."""

import json
from typing import Any

import pytest

from kafka_driver import envelope, errors
from kafka_driver.cli import main, show, since, tail

NOW = 1_800_000_000.0


class Record:
    """A received record."""

    def __init__(self, value: bytes | None) -> None:
        self._value = value

    def value(self) -> bytes | None:
        return self._value

    def topic(self) -> str:
        return "t.info"

    def partition(self) -> int:
        return 1

    def offset(self) -> int:
        return 2


def record(**message: Any) -> Any:
    return Record(envelope.encode({}, message))


NOTIFICATION = record(
    timestamp="2026-01-31 12:00:00",
    priority="ERROR",
    publisher_id="compute.host",
    event_type="compute.instance.create.error",
    payload={"a": 1},
)


def test_text_has_when_what_who_and_the_payload() -> None:
    assert show.as_text(NOTIFICATION).split() == [
        *("2026-01-31", "12:00:00", "ERROR", "compute.host"),
        *("compute.instance.create.error", '{"a":', "1}"),
    ]


def test_colours_are_added_and_nothing_else() -> None:
    plain, coloured = (
        show.as_text(NOTIFICATION, colour) for colour in (False, True)
    )
    assert "\x1b" not in plain
    assert "\x1b[31mERROR" in coloured
    for sequence in ("\x1b[31m", "\x1b[1m", "\x1b[2m", "\x1b[0m"):
        coloured = coloured.replace(sequence, "")
    assert coloured == plain


@pytest.mark.parametrize(
    ("is_terminal", "environment", "wanted"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_only_terminals_get_colours(
    is_terminal: bool, environment: dict[str, str], wanted: bool
) -> None:
    assert show.wants_colour(is_terminal, environment) is wanted


def test_a_terminal_is_given_no_orders_by_what_was_received() -> None:
    text = show.as_text(
        record(event_type="a\x1b[2Jb\nc\ud800", payload="\x07")
    )
    assert "a\\x1b[2Jb\\nc\\ud800" in text
    assert text.isprintable()


@pytest.mark.parametrize("value", [None, b"", b"no json", b"{}"])
def test_what_is_no_notification_is_said_in_a_line(
    value: bytes | None,
) -> None:
    broken: Any = Record(value)
    assert "no notification" in show.as_text(broken, colour=True)
    assert json.loads(show.as_json(broken))["error"]
    assert not tail.is_wanted(broken.value(), ["*.*"])


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (None, True),
        (["compute.*"], True),
        (["*.end", "*.error"], True),
        (["compute.instance.create.error"], True),
        (["compute"], False),
        (["COMPUTE.*"], False),
    ],
)
def test_event_types_are_patterns(
    patterns: list[str] | None, wanted: bool
) -> None:
    assert tail.is_wanted(NOTIFICATION.value(), patterns) is wanted


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("90s", 1_799_999_910_000),
        ("10m", 1_799_999_400_000),
        ("2h", 1_799_992_800_000),
        ("1d", 1_799_913_600_000),
        ("999999999d", 0),
        ("2027-01-15T08:00", 1_800_000_000_000),
        ("2027-01-15 09:00:00+01:00", 1_800_000_000_000),
        ("1950-01-01", 0),
    ],
)
def test_a_time_is_understood(text: str, milliseconds: int) -> None:
    assert since.parse(text, NOW) == since.Since("time", milliseconds)


@pytest.mark.parametrize("word", ["now", "beginning"])
def test_a_word_is_understood(word: str) -> None:
    assert since.parse(word, NOW) == since.Since(word)


@pytest.mark.parametrize("text", ["", "yesterday", "10", "-5m", "0001-01-01"])
def test_what_is_no_time_is_refused_in_one_sentence(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if text != "0001-01-01":
        with pytest.raises(errors.ConfigurationError, match="--since"):
            since.parse(text, NOW)
    code = main.main(
        [
            "tail",
            "--url=kafka-driver://127.0.0.1:9",
            f"--since={text}",
            "--timeout=0",
        ]
    )
    assert code == 1
    assert capsys.readouterr().err.count("\n") == 1
