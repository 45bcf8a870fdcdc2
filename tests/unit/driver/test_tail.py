# SPDX-License-Identifier: Apache-2.0
"""What tail shows, as far as no broker is needed."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import (
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from listening import wait_until
from mock_cluster import MockCluster

from kafka_driver import envelope, errors
from kafka_driver.cli import common, main, show, since, tail, topic_ids
from kafka_driver.cli.reader import Reader
from kafka_driver.cli.topic_ids import TopicIds

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

    def error(self) -> None:
        return None


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


def test_letters_of_a_payload_are_shown_as_they_are() -> None:
    text = show.as_text(record(payload={"name": "Zürich \u20ac\x9b\ud800"}))
    assert text.endswith('  {"name": "Zürich \u20ac\\x9b\\ud800"}')


def test_topics_are_those_that_a_notifier_sends_to() -> None:
    assert tail.topic_names(["e1", "", "e2"], ["info"], "vh") == [
        ".info.vh",
        "e1.info.vh",
        "e2.info.vh",
    ]


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


@pytest.mark.parametrize("depth", [900, 950, *range(960, 1025, 4), 5000])
@pytest.mark.parametrize("field", ["payload", "event_type"])
def test_however_deep_it_is_nested_there_is_a_line(
    field: str, depth: int
) -> None:
    message = f'{{"_context": {{}}, "{field}": {"[" * depth}{"]" * depth}}}'
    deep: Any = Record(message.encode())
    line = show.as_text(deep)
    assert line.isprintable()
    assert tail.is_wanted(deep.value(), ["*"])
    shown = show.as_json(deep)
    assert ('"message":' in shown) != ('"error":' in shown)
    if depth > 1000:
        assert "nested too deeply" in line or "no notification" in line


def test_what_was_read_and_cannot_be_written_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever reads JSON here, and how deep it goes."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    monkeypatch.setattr(
        envelope, "decode", lambda _value: ({}, {"payload": nested})
    )
    assert show.as_text(NOTIFICATION) == (
        "t.info[1] offset 2: cannot be shown: it is nested too deeply"
    )
    assert json.loads(show.as_json(NOTIFICATION)) == {
        "topic": "t.info",
        "partition": 1,
        "offset": 2,
        "error": "it is nested too deeply",
    }


def test_numbers_that_json_lacks_are_null() -> None:
    strange: Any = Record(
        b'{"_context": {}, "payload": [NaN, {"a": -Infinity}, 1e999, 1.5]}'
    )

    def refuse(text: str) -> None:
        raise AssertionError(text)

    shown = json.loads(show.as_json(strange), parse_constant=refuse)
    assert shown["message"]["payload"] == [None, {"a": None}, None, 1.5]


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


def test_a_time_of_a_clock_that_is_a_little_ahead_is_understood() -> None:
    found = since.parse("2027-01-15T08:00:59", NOW)
    assert found == since.Since("time", 1_800_000_059_000)


@pytest.mark.parametrize("text", ["2027-01-15T09:00", "2027-01-16"])
def test_a_time_that_is_still_to_come_is_refused(text: str) -> None:
    """Such as a local one without its zone, which is read as UTC."""
    with pytest.raises(
        common.WrongOption, match=r"still to come, now it is 2027-01-15T08:00"
    ):
        since.parse(text, NOW)


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
    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-1"])
def test_a_count_that_is_none_ends_with_2(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--url=kafka-driver://127.0.0.1:9", f"--count={count}"]
    assert main.main(["tail", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kafka-driver: --count must be 1 or more: ")


def notification(number: int) -> bytes:
    return envelope.encode({}, {"payload": number})


def produce(cluster: MockCluster, *records: tuple[str, int]) -> None:
    """Each a topic and a number."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    for topic, number in records:
        producer.produce(topic, notification(number))
    assert producer.flush(10) == 0


def payload(record: Any) -> Any:
    return envelope.decode(record.value())[1]["payload"]


@pytest.fixture
def reader(
    cluster: MockCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Reader]]:
    """reader(names, since, ...): one that looks for topics all the time."""
    monkeypatch.setattr("kafka_driver.cli.reader._LOOK_AGAIN", 0.0)
    made = []

    def make(
        names: list[str],
        begin: since.Since,
        cluster: MockCluster = cluster,
        **how: Any,
    ) -> Reader:
        settings = {
            "bootstrap.servers": cluster.bootstrap,
            "group.id": "tail",
            "auto.offset.reset": "earliest",
        }
        made.append(Reader(settings, names, begin, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "begin",
    [
        since.Since("now"),
        since.Since("time", 4_102_444_800_000),  # not yet
        since.Since("beginning"),
    ],
)
def test_nothing_is_missed_while_topics_are_added(
    begin: since.Since,
    cluster: MockCluster,
    reader: Callable[..., Reader],
) -> None:
    """Not in topics that had no record so far, and not in the new ones."""
    idle, added = (
        [f"{kind}{number}" for number in range(4)]
        for kind in ("idle", "added")
    )
    for topic in idle:
        cluster.create_topic(topic)
    produce(cluster, ("idle0", -1))
    reading = reader([*idle, *added], begin)
    assert reading.open()
    records = reading.records(time.monotonic() + 20)
    wanted, found = set(range(8)), set()
    for number, topic in enumerate(added):
        cluster.create_topic(topic)
        produce(cluster, (idle[number], number), (topic, 4 + number))
        found.add(payload(next(records)))
    while not wanted <= found:
        found.add(payload(next(records)))
    assert found - wanted == ({-1} if begin.word == "beginning" else set())


def test_what_came_before_is_not_shown_and_what_comes_then_is(
    cluster: MockCluster, reader: Callable[..., Reader]
) -> None:
    cluster.create_topic("t", 1)
    produce(cluster, ("t", 1), ("t", 2))
    reading = reader(["t"], since.Since("now"))
    reading.open()
    produce(cluster, ("t", 3))  # before anything was fetched
    assert payload(next(reading.records(time.monotonic() + 20))) == 3


def test_brokers_that_go_away_are_told_of_once_and_when_they_are_back(
    cluster: MockCluster, reader: Callable[..., Reader]
) -> None:
    said: list[str] = []
    reading = reader(["t"], since.Since("now"), say=said.append)
    reading.open()
    cluster.down()

    def is_over() -> bool:
        if len(said) == 1 and not up:
            up.append(time.monotonic() + 3.0)
        elif up and time.monotonic() > up[0]:
            cluster.up()
        return len(said) > 1

    up: list[float] = []
    assert list(reading.records(time.monotonic() + 30, is_over)) == []
    gone, back = said
    assert re.fullmatch(r"no broker answers \(_\w+: .+\): waiting", gone)
    assert back == "a broker answers again"


@pytest.fixture
def brokers() -> Iterator[MockCluster]:
    made = MockCluster(2)
    yield made
    made.close()


def test_a_leader_that_is_away_hides_nothing_of_the_others(
    brokers: MockCluster, reader: Callable[..., Reader]
) -> None:
    brokers.create_topic("t", 2)
    brokers.down_alone(2)
    reading = reader(["t"], since.Since("now"), cluster=brokers)
    assert reading.open(time.monotonic() + 4)
    producer = Producer({"bootstrap.servers": brokers.bootstrap})
    for partition in range(2):
        producer.produce("t", notification(partition), partition=partition)
    # Who leads which is the mock's choice. The producer may have asked the one
    # that is away first.
    wait_until(lambda: producer.flush(0.1) == 1)
    assert next(reading.records(time.monotonic() + 20)).topic() == "t"
    producer.purge()


class Client:
    """A client library's own, of which a subclass changes something."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Times(Client):
    """A client whose brokers find the first record at any time asked for.

    The mock's brokers know no times, and say that nothing is as young.
    """

    def offsets_for_times(
        self, asked: Any, timeout: float
    ) -> list[TopicPartition]:
        found: list[TopicPartition] = self._client.offsets_for_times(
            asked, timeout
        )
        for one in found:
            one.offset = max(one.offset, 0)
        return found


@pytest.mark.parametrize("follow", [True, False])
def test_what_a_leader_has_is_shown_from_the_wanted_time_when_it_is_back(
    brokers: MockCluster, reader: Callable[..., Reader], follow: bool
) -> None:
    brokers.create_topic("t", 2)
    producer = Producer({"bootstrap.servers": brokers.bootstrap})
    for partition in range(2):
        producer.produce("t", notification(partition), partition=partition)
    assert producer.flush(10) == 0
    brokers.down_alone(2)
    said: list[str] = []
    reading = reader(
        ["t"],
        since.Since("time", 1),
        cluster=brokers,
        say=said.append,
        follow=follow,
    )
    reading._client = Times(reading._client)
    assert reading.open(time.monotonic() + 4)
    assert re.fullmatch(
        r"topic t, partition \d, has no leader that answers: .+", said[0]
    )
    records = reading.records(time.monotonic() + 20)
    found = {payload(next(records))}
    brokers.up()
    found.add(payload(next(records)))
    assert found == {0, 1}


@pytest.mark.parametrize("begin", ["now", "beginning", "time"])
def test_a_partition_without_a_leader_is_named_once_and_waited_for(
    cluster: MockCluster, reader: Callable[..., Reader], begin: str
) -> None:
    cluster.create_topic("t", 2)
    produce(cluster, ("t", 1))
    cluster.set_leader("t", 0, -1)
    cluster.set_leader("t", 1, -1)
    said: list[str] = []
    reading = reader(["t"], since.Since(begin), say=said.append, follow=False)
    reading._client = Times(reading._client)
    reading.open()
    with pytest.raises(errors.ConfigurationError, match="has a leader"):
        list(reading.records(time.monotonic() + 8))

    assert [text.partition(", has no leader")[0] for text in said] == [
        "topic t, partition 0",
        "topic t, partition 1",
    ]


class Hiding(Client):
    """A client whose brokers have no topic, when told so.

    The mock's brokers delete none.
    """

    hidden = False

    def list_topics(self, timeout: float) -> Any:
        found = self._client.list_topics(timeout=timeout)
        if self.hidden:
            found.topics = {}
        return found


def test_a_topic_that_is_gone_is_read_from_its_beginning_when_it_comes_again(
    cluster: MockCluster, reader: Callable[..., Reader]
) -> None:
    cluster.create_topic("t")
    produce(cluster, ("t", 1))
    said: list[str] = []
    reading = reader(["t"], since.Since("now"), say=said.append)
    reading._client = client = Hiding(reading._client)
    reading.open()
    client.hidden = True
    list(reading.records(time.monotonic() + 20, lambda: bool(said)))
    client.hidden = False
    assert payload(next(reading.records(time.monotonic() + 20))) == 1
    assert said == [
        "topic t is gone: made again, it is read from its beginning"
    ]


def test_another_topic_of_the_same_name_is_read_from_its_beginning(
    cluster: MockCluster, reader: Callable[..., Reader]
) -> None:
    """Deleted and made again between two looks: only its id tells."""
    cluster.create_topic("t")
    produce(cluster, ("t", 1))
    said: list[str] = []
    answers = iter([{"t": "a"}, {}, {"t": "a"}])

    def ids(_names: list[str], _timeout: float) -> dict[str, str]:
        return next(answers, {"t": "b"})

    reading = reader(["t"], since.Since("now"), say=said.append, ids=ids)
    reading.open()
    assert payload(next(reading.records(time.monotonic() + 20))) == 1
    (told,) = said
    assert told.startswith("topic t was made anew: ")


def test_ids_that_are_not_told_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: Future[Any] = Future()
    told.set_result(SimpleNamespace(topic_id="id"))
    refused: Future[Any] = Future()
    refused.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
    futures = {"t": told, "u": refused}
    admin = SimpleNamespace(describe_topics=lambda *_, **__: futures)
    monkeypatch.setattr(topic_ids, "AdminClient", lambda _: admin)
    assert TopicIds({})(["t", "u"], 1.0) == {"t": "id"}


class Busy(Client):
    """A client with a record at every time."""

    def poll(self, _timeout: float) -> Any:
        time.sleep(0.001)
        return NOTIFICATION


def test_it_ends_when_nobody_reads_however_much_comes(
    cluster: MockCluster, reader: Callable[..., Reader]
) -> None:
    cluster.create_topic("t")
    reading = reader(["t"], since.Since("now"))
    reading.open()
    reading._client = Busy(reading._client)
    asked: list[float] = []

    def is_over() -> bool:
        asked.append(time.monotonic())
        return len(asked) > 2

    until = time.monotonic() + 20
    assert list(reading.records(until, is_over))
    assert time.monotonic() < until
    assert asked[1] - asked[0] >= 0.2


@pytest.mark.parametrize("port_is", ["silent", "closed"])
def test_a_timeout_holds_for_connecting_too(
    port_is: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if port_is == "closed":
            server.close()
        started = time.monotonic()
        code = main.main(
            [
                *("tail", f"--url=kafka-driver://127.0.0.1:{port}"),
                "--timeout=1",
            ]
        )
    assert code == 1
    assert time.monotonic() - started < 5
    assert "kafka-driver: no broker answers (" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [([], 1), (["--since=now"], 0), (["--since=beginning"], 1)],
)
def test_what_is_there_is_shown_when_it_is_not_to_follow(
    arguments: list[str],
    shown: int,
    cluster: MockCluster,
    capsys: pytest.CaptureFixture[str],
) -> None:
    produce(cluster, ("notifications.info", 1))
    code = main.main(
        [
            *("tail", f"--url={cluster.url}", "--priority=info"),
            *("--no-follow", "--timeout=20", *arguments),
        ]
    )
    assert code == 0
    assert len(capsys.readouterr().out.splitlines()) == shown
