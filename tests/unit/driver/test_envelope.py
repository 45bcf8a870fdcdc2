# SPDX-License-Identifier: Apache-2.0
import collections
import copy
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oslo_context import context
from oslo_messaging._drivers import impl_kafka
from oslo_serialization import jsonutils

from kafka_driver import envelope, errors

pytestmark = pytest.mark.parametrize("fast", [True, False])


@pytest.fixture(autouse=True)
def encoder(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs with orjson and without it."""
    if fast:
        assert envelope.orjson is not None, "install the extra fast"
    else:
        monkeypatch.setattr(envelope, "orjson", None)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Text(str):
    __slots__ = ()


class Point(NamedTuple):
    x: int
    y: int


ODD_VALUES = [
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    1e308,
    5e-324,
    2**63,
    2**64,
    -(2**70),
    10**400,
    Level.HIGH,
    [None, math.nan],
    Text("a text of its own type"),
    collections.OrderedDict(b=1, a=math.inf),
    Point(1, 2),
    uuid.UUID(int=7),
    datetime.datetime(2026, 1, 2, 3, 4, 5, 678),
    datetime.date(2026, 1, 2),
    decimal.Decimal("1.10"),
    ("a", 1, (2,)),
    {1: "int key", None: "null key", False: "bool key", 1.5: "float key"},
    "lone \ud800 surrogate",
    "nul \x00, separators \u2028, astral \U0001f600",
    b"bytes",
    {"_context": "the message's own"},
    [],
    {},
    "12345678901234567890123",
]


def in_tree_bytes(ctxt: Any, message: Any) -> bytes:
    packed = impl_kafka.pack_message(ctxt, copy.copy(message))
    return jsonutils.dumps(packed).encode()


def same(left: Any, right: Any) -> bool:
    """Equality that tells NaN from null, 1 from 1.0 and True."""
    return json.dumps(left, sort_keys=True) == json.dumps(
        right, sort_keys=True
    )


@pytest.mark.parametrize("value", ODD_VALUES, ids=repr)
def test_odd_values_arrive_as_with_the_in_tree_driver(
    fast: bool, value: Any
) -> None:
    message = {"payload": value, "event_type": "e"}
    expected = impl_kafka.unpack_message(in_tree_bytes({"u": 1}, message))
    ours = envelope.encode({"u": 1}, message)
    assert same(impl_kafka.unpack_message(ours), expected)
    assert same(envelope.decode(ours), expected)
    assert same(envelope.decode(in_tree_bytes({"u": 1}, message)), expected)


def test_members_of_an_enum_are_written_by_their_value(fast: bool) -> None:
    ours = envelope.encode({}, {"payload": [Colour.RED, {"a": Colour.RED}]})
    _ctxt, message = envelope.decode(ours)
    assert message == {"payload": ["red", {"a": "red"}]}


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(2**66), max_value=2**66)
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.uuids()
    | st.sampled_from([Level.HIGH]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        | st.dictionaries(st.integers() | st.none(), inner, max_size=2)
    ),
    max_leaves=20,
)


@given(payload=json_like, ctxt=st.dictionaries(st.text(), json_like))
def test_any_message_arrives_as_with_the_in_tree_driver(
    fast: bool, payload: Any, ctxt: dict[str, Any]
) -> None:
    message = {"payload": payload}
    expected = impl_kafka.unpack_message(in_tree_bytes(ctxt, message))
    ours = envelope.encode(ctxt, message)
    assert same(impl_kafka.unpack_message(ours), expected)
    assert same(envelope.decode(ours), expected)


@given(data=st.binary() | st.text().map(str.encode))
def test_no_bytes_make_the_reader_fail_otherwise_than_bad_record(
    fast: bool, data: bytes
) -> None:
    with pytest.raises(errors.BadRecord):
        envelope.decode(data)


@given(
    record=st.dictionaries(
        st.sampled_from(["oslo.version", "oslo.message", "_context", "x"]),
        json_like | st.sampled_from(["2.0", "2.1", "3.0", "{}", "[]"]),
    )
)
def test_any_json_object_is_delivered_or_a_bad_record(
    fast: bool, record: Any
) -> None:
    data = jsonutils.dumps(record).encode()
    try:
        ctxt, message = envelope.decode(data)
    except errors.BadRecord:
        return
    assert isinstance(ctxt, dict)
    assert isinstance(message, dict)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "empty"),
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100000, "not JSON"),
        (b'{"hello": 1}', "no _context"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"oslo.version": "3.0", "oslo.message": "{}"}', "version '3.0'"),
        (b'{"oslo.version": "2.1", "oslo.message": "{}"}', "version '2.1'"),
        (b'{"oslo.version": "x", "oslo.message": "{}"}', "version 'x'"),
        (b'{"oslo.version": null, "oslo.message": "{}"}', "version None"),
        (b'{"oslo.version": "2.0", "oslo.message": {}}', "not a JSON string"),
        (b'{"oslo.version": "2.0", "oslo.message": "{"}', "oslo.message is"),
        (b'{"_context": null}', "no _context"),
    ],
)
def test_bad_record_says_why(fast: bool, data: bytes | None, why: str) -> None:
    with pytest.raises(errors.BadRecord, match=why):
        envelope.decode(data)


def test_version_that_is_nested_too_deeply_is_a_bad_record(
    fast: bool,
) -> None:
    """To read, or to be told: the fast reader goes deeper."""
    nested = b"[" * 1010 + b"]" * 1010
    data = b'{"oslo.version": %s, "oslo.message": "{}"}' % nested
    with pytest.raises(errors.BadRecord, match=r"version|not JSON"):
        envelope.decode(data)


def test_message_without_envelope_is_read(fast: bool) -> None:
    data = b'{"_context": {"u": 1}, "payload": 2}'
    assert envelope.decode(data) == ({"u": 1}, {"payload": 2})


def test_message_and_context_are_not_changed(fast: bool) -> None:
    ctxt, message = {"a": {"b": [1]}}, {"payload": {"c": (1, 2)}}
    before = copy.deepcopy((ctxt, message))
    envelope.encode(ctxt, message)
    assert (ctxt, message) == before


def test_no_context_is_an_empty_one(fast: bool) -> None:
    assert envelope.decode(envelope.encode(None, {"a": 1})) == ({}, {"a": 1})


def test_context_object_is_written_as_its_dict(fast: bool) -> None:
    ctxt = context.RequestContext(user_id="me")
    read, _ = envelope.decode(envelope.encode(ctxt, {}))
    assert read == ctxt.to_dict()


def test_unserialisable_message_raises(fast: bool) -> None:
    cycle: dict[str, Any] = {}
    cycle["self"] = cycle
    with pytest.raises((ValueError, RecursionError)):
        envelope.encode({}, cycle)


def test_deep_message_arrives_as_with_the_in_tree_driver(fast: bool) -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    ours = envelope.encode({}, {"payload": deep})
    assert envelope.decode(ours) == ({}, {"payload": deep})
