# SPDX-License-Identifier: Apache-2.0
"""(context, message) <-> the bytes of a record.

The format is the one of oslo.messaging's Kafka driver: an envelope with a
version and a JSON string, which holds the message with its context under
``_context``. What a reader decodes equals what that driver would deliver.
"""

import enum
import json
import math
import reprlib
from typing import Any

from oslo_messaging import _utils
from oslo_serialization import jsonutils

from kafka_driver import errors

try:
    import orjson
except ImportError:  # the extra "fast" is not installed
    orjson = None  # type: ignore[assignment]

_VERSION = "2.0"
_VERSION_KEY = "oslo.version"
_MESSAGE_KEY = "oslo.message"
_CONTEXT_KEY = "_context"


def _primitive(value: Any) -> Any:
    """What is written for a value of a type that JSON does not know."""
    if isinstance(value, enum.Enum):
        return value.value
    return jsonutils.to_primitive(value)


# One encoder for all: json.dumps() builds a new one at each call with a
# default function.
_encode = json.JSONEncoder(default=_primitive).encode

# What orjson would write in its own way goes to _primitive(), as it does in
# the standard library.
_AS_STDLIB = 0
if orjson is not None:
    _AS_STDLIB = (
        orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_SUBCLASS
    )

# orjson reads integers over 64 bits as floats, and its numbers differ from
# the standard library's only where there are this many digits. Every digit
# is made a 0 and then looked for in a row: a regular expression, or asking
# each value, takes longer than decoding.
_DIGITS_TO_0 = bytes(
    ord("0" if code in b"0123456789" else " ") for code in range(256)
)
_MANY_DIGITS = b"0" * 19

_SCALARS = frozenset({str, int, bool, type(None)})

# Below orjson's own limit (254), with the context's level to spare.
_MAX_DEPTH = 200


def encode(ctxt: Any, message: dict[str, Any]) -> bytes:
    """The record for a message. Neither argument is changed.

    :param ctxt: a dict, an object with ``to_dict()``, or None
    """
    body = {**message, _CONTEXT_KEY: _context_dict(ctxt)}
    if orjson is not None:
        try:
            inner = orjson.dumps(body, _primitive, _AS_STDLIB)
        except TypeError:
            inner = b""  # lone surrogates, big integers and the like
        # NaN and infinities come out as null.
        if inner and (not _holds(inner, b"null") or _is_plain(body)):
            return orjson.dumps(
                {_VERSION_KEY: _VERSION, _MESSAGE_KEY: inner.decode()}
            )
    outer = {_VERSION_KEY: _VERSION, _MESSAGE_KEY: _encode(body)}
    return _encode(outer).encode()


def decode(data: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The (context, message) of a record.

    :raises BadRecord: when the record is not one of ours
    """
    if data is None:
        raise errors.BadRecord("the record is empty (null)")
    inner = _usual_inner(data)
    if inner is None:
        message = _open_envelope(_loads(data, "the record"))
    else:
        message = _loads(inner, _MESSAGE_KEY)
    if not isinstance(message, dict):
        raise errors.BadRecord("the message is not a JSON object")
    ctxt = message.pop(_CONTEXT_KEY, None)
    if not isinstance(ctxt, dict):
        raise errors.BadRecord(f"the message holds no {_CONTEXT_KEY} object")
    return ctxt, message


def _context_dict(ctxt: Any) -> dict[str, Any]:
    if ctxt is None:
        return {}
    if isinstance(ctxt, dict):
        return ctxt
    result: dict[str, Any] = ctxt.to_dict()
    return result


def _usual_inner(data: bytes) -> str | None:
    """The message's JSON, of an envelope that looks as ours; else None.

    No number beside it matters, so none has to be looked for.
    """
    if orjson is None:
        return None
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if isinstance(record, dict) and record.get(_VERSION_KEY) == _VERSION:
        inner = record.get(_MESSAGE_KEY)
        if isinstance(inner, str):
            return inner
    return None


def _open_envelope(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    if _VERSION_KEY not in record or _MESSAGE_KEY not in record:
        return record  # from before there was an envelope
    version = record[_VERSION_KEY]
    if version != _VERSION and not _is_compatible(version):
        raise errors.BadRecord(
            f"envelope version {reprlib.repr(version)} is not understood "
            f"(this reader knows {_VERSION})"
        )
    inner = record[_MESSAGE_KEY]
    if not isinstance(inner, str):
        raise errors.BadRecord(f"{_MESSAGE_KEY} is not a JSON string")
    return _loads(inner, _MESSAGE_KEY)


def _is_compatible(version: Any) -> bool:
    try:
        return bool(_utils.version_is_compatible(_VERSION, version))
    except Exception:  # what it makes of "x.y", 7 or None
        return False


def _loads(data: bytes | str, what: str) -> Any:
    if orjson is not None and not _needs_stdlib(data):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass  # NaN and lone surrogates: stdlib reads them
    try:
        if isinstance(data, bytes):
            data = data.decode()
        return json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise errors.BadRecord(f"{what} is not JSON: {exc}") from None


def _needs_stdlib(data: bytes | str) -> bool:
    if isinstance(data, str):
        try:
            data = data.encode()
        except UnicodeEncodeError:
            return True
    return _holds(data.translate(_DIGITS_TO_0), _MANY_DIGITS)


def _holds(data: bytes, part: bytes) -> bool:
    # Searched from the end it takes half as long as with the operator.
    return data.rfind(part) >= 0


def _is_plain(
    value: dict[str, Any] | list[Any] | tuple[Any, ...], depth: int = 0
) -> bool:
    """Whether all of a value is of JSON's own types, and finite.

    A call for each container, none for each value: this runs for every
    notification that holds a None.
    """
    items: Any = value.values() if type(value) is dict else value
    for item in items:
        kind = type(item)
        if kind in _SCALARS:
            continue
        if kind is dict or kind is list or kind is tuple:
            if depth >= _MAX_DEPTH or not _is_plain(item, depth + 1):
                return False
        elif kind is not float or not math.isfinite(item):
            return False
    return True
