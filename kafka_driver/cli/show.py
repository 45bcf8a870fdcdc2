# SPDX-License-Identifier: Apache-2.0
"""A record as a line. Pure."""

import json
import math
from collections.abc import Mapping
from typing import Any

from kafka_driver import envelope, errors

#: Can be read and not be written: the limits of the two differ.
_TOO_DEEP = "it is nested too deeply"
_END = "\x1b[0m"
_BOLD, _FAINT = "\x1b[1m", "\x1b[2m"
_RED, _YELLOW, _GREEN = "\x1b[31m", "\x1b[33m", "\x1b[32m"
_COLOURS = {
    "CRITICAL": _BOLD + _RED,
    "ERROR": _RED,
    "WARN": _YELLOW,
    "INFO": _GREEN,
}


def wants_colour(is_terminal: bool, environment: Mapping[str, str]) -> bool:
    """Whether to colour: on terminals, unless the user says otherwise."""
    return (
        is_terminal
        and not environment.get("NO_COLOR")
        and environment.get("TERM") != "dumb"
    )


def event_type(value: bytes) -> str:
    """The event type in a record, "" when it has none."""
    try:
        _ctxt, message = envelope.decode(value)
        return str(message.get("event_type", ""))
    except (errors.BadRecord, RecursionError):
        return ""


def as_json(record: Any) -> str:
    """One line of JSON for a record, whatever it holds.

    NaN and infinities, which are in records of others and which JSON lacks,
    are null.
    """
    where = {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
    }
    try:
        ctxt, message = envelope.decode(record.value())
        return _json({**where, "context": ctxt, "message": message})
    except errors.BadRecord as exc:
        wrong = str(exc)
    except RecursionError:
        wrong = _TOO_DEEP
    return json.dumps({**where, "error": wrong})


def as_text(record: Any, colour: bool = False) -> str:
    """One readable line for a record, whatever it holds."""
    try:
        _ctxt, message = envelope.decode(record.value())
        return _columns(message, colour)
    except errors.BadRecord as exc:
        wrong = f"no notification: {exc}"
    except RecursionError:
        wrong = f"cannot be shown: {_TOO_DEEP}"
    text = (
        f"{record.topic()}[{record.partition()}] offset {record.offset()}: "
        + wrong
    )
    return _painted(_printable(text), _RED, colour)


def _columns(message: dict[str, Any], colour: bool) -> str:
    time, priority, publisher, event = (
        _printable(str(message.get(field, "")))
        for field in ("timestamp", "priority", "publisher_id", "event_type")
    )
    payload = json.dumps(message.get("payload"), ensure_ascii=False)
    return "  ".join(
        [
            _painted(time, _FAINT, colour),
            _painted(
                f"{priority:<8}", _COLOURS.get(priority.upper(), ""), colour
            ),
            publisher,
            _painted(event, _BOLD, colour),
            _printable(payload),
        ]
    )


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    """The value with null for each number that JSON lacks."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _painted(text: str, how: str, colour: bool) -> str:
    return f"{how}{text}{_END}" if colour and how else text


def _printable(text: str) -> str:
    """The text without anything that a terminal would obey.

    Lone surrogates, which can be received and not be written, are gone too.
    """
    return "".join(
        one if one.isprintable() else ascii(one)[1:-1] for one in text
    )
