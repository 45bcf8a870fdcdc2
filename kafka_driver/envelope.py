# SPDX-License-Identifier: Apache-2.0
"""(context, message) <-> the bytes of a record.

The format is the one of oslo.messaging's Kafka driver: an envelope with a
version and a JSON string, which holds the message with its context under
``_context``. What a reader decodes equals what that driver would deliver.
"""

import json
import math
import re
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

# One encoder for all: json.dumps() builds a new one at each call with a
# default function.
_encode = json.JSONEncoder(default=jsonutils.to_primitive).encode

# orjson reads integers over 64 bits as floats, and its numbers differ from
# the standard library's only where there are this many digits.
_MANY_DIGITS = re.compile(rb"[0-9]{19}")

# Below orjson's own limit (254), with the context's level to spare.
_MAX_DEPTH = 200


def encode(ctxt: Any, message: dict[str, Any]) -> bytes:
    """The record for a message. Neither argument is changed.

    :param ctxt: a dict, an object with ``to_dict()``, or None
    """
    body = {**message, _CONTEXT_KEY: _context_dict(ctxt)}
    if orjson is not None and _same_in_orjson(body):
        try:
            inner = orjson.dumps(body).decode()
            return orjson.dumps({_VERSION_KEY: _VERSION, _MESSAGE_KEY: inner})
        except TypeError:
            pass  # a lone surrogate or a big integer: stdlib writes them
    outer = {_VERSION_KEY: _VERSION, _MESSAGE_KEY: _encode(body)}
    return _encode(outer).encode()


def decode(data: bytes | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The (context, message) of a record.

    :raises BadRecord: when the record is not one of ours
    """
    if data is None:
        raise errors.BadRecord("the record is empty (null)")
    message = _open_envelope(_loads(data, "the record"))
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


def _open_envelope(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    if _VERSION_KEY not in record or _MESSAGE_KEY not in record:
        return record  # from before there was an envelope
    version = record[_VERSION_KEY]
    if version != _VERSION and not _is_compatible(version):
        raise errors.BadRecord(
            f"envelope version {version!r} is not understood "
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
    return _MANY_DIGITS.search(data) is not None


def _same_in_orjson(value: Any, depth: int = 0) -> bool:
    """Whether orjson writes what the standard library would write.

    orjson differs silently for NaN, infinities, Enum, UUID, dates,
    dataclasses and keys that are not strings: only exact plain types pass.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is int:
        return True
    if kind is dict:
        return depth < _MAX_DEPTH and all(
            type(key) is str and _same_in_orjson(item, depth + 1)
            for key, item in value.items()
        )
    if kind is list or kind is tuple:
        return depth < _MAX_DEPTH and all(
            _same_in_orjson(item, depth + 1) for item in value
        )
    return kind is float and math.isfinite(value)
