# SPDX-License-Identifier: Apache-2.0
"""Moments at which a record could get lost between two threads."""

import collections
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from kafka_driver import channel, concurrency, gathering, lingering
from kafka_driver.channel import Channel
from kafka_driver.gathering import GatheringChannel
from kafka_driver.lingering import LingeringChannel
from kafka_driver.parking import Record

SETTINGS = {
    "queue.buffering.max.messages": 10,
    "message.timeout.ms": 0,
    "queue.buffering.max.kbytes": 10,
}


class Message:
    """What a report is about."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def topic(self) -> str:
        return "topic"

    def key(self) -> None:
        return None

    def value(self) -> bytes:
        return self._value

    def latency(self) -> float:
        return 0.001


class Client:
    """Stands for the client library's producer."""

    made: list["Client"]
    #: How often none can be made.
    unmakable = 0
    #: Called at the next produce(), before its record is in the queue.
    before: Callable[["Client"], None] | None = None
    #: The report that the next record gets at once, before produce() ends.
    at_once: KafkaError | None = None

    def __init__(self, settings: Any, logger: Any) -> None:
        if Client.unmakable:
            Client.unmakable -= 1
            raise OSError("too many open files")
        self._on_delivery = settings.get("on_delivery")
        self.got: list[bytes | None] = []
        self.flushed: list[list[bytes]] = []
        #: The threads that took reports.
        self.takers: set[int] = set()
        #: Whether the brokers answer; for flush() only.
        self.answers = threading.Event()
        self.answers.set()
        #: How often flush() fails in an unexpected way.
        self.defects = 0
        self._queue: list[tuple[bytes, Any]] = []
        self._purged = False
        self.made.append(self)

    def produce(
        self, _topic: str, value: bytes, _key: Any, on_delivery: Any = None
    ) -> None:
        on_delivery = on_delivery or self._on_delivery
        before, Client.before = Client.before, None
        if before is not None:
            before(self)
        error, Client.at_once = Client.at_once, None
        if error is not None:
            # As when the polling thread runs while this one does not.
            report = threading.Thread(
                target=on_delivery, args=(error, Message(value))
            )
            report.start()
            report.join()
            return
        self._queue.append((value, on_delivery))

    def poll(self, timeout: float) -> None:
        time.sleep(min(timeout, 0.01))
        queue, self._queue = self._queue, []
        if queue:
            self.takers.add(threading.get_ident())
        for value, on_delivery in queue:
            if self._purged:
                error = KafkaError(KafkaError._PURGE_QUEUE)
                on_delivery(error, Message(value))
            else:
                self.got.append(value)
                on_delivery(None, Message(value))

    def flush(self, timeout: float) -> None:
        """What is handed over at a time; nothing comes back while it is."""
        if self._queue:
            self.flushed.append([value for value, _ in self._queue])
        if self.defects:
            self.defects -= 1
            raise ZeroDivisionError("a defect")
        if self.answers.wait(timeout):
            self.poll(0)

    def purge(self) -> None:
        self._purged = True

    def list_topics(self, *_args: Any, **_how: Any) -> None:
        pass

    def __len__(self) -> int:
        return len(self._queue)


class Maker:
    """Knows every topic."""

    defects = 0

    def __init__(self) -> None:
        self.refusals: dict[str, KafkaError] = {}

    def ready(self, _topic: str) -> bool:
        if Maker.defects:
            Maker.defects -= 1
            raise ZeroDivisionError("a defect")
        return True

    def close(self) -> None:
        pass


@pytest.fixture
def log() -> Iterator[concurrency.LogQueue]:
    queue = concurrency.LogQueue("test-log")
    yield queue
    queue.close()


@pytest.fixture
def make(
    monkeypatch: pytest.MonkeyPatch, log: concurrency.LogQueue
) -> Iterator[Callable[[type[Channel]], Channel]]:
    """Makes a channel that has delivered its first record."""
    Client.made = []
    monkeypatch.setattr(channel.confluent_kafka, "Producer", Client)
    channels = []

    def call(kind: type[Channel]) -> Channel:
        made = kind(SETTINGS, Maker, log)
        channels.append(made)
        deliver(made, b"first")
        return made

    yield call
    for made in channels:
        made.close(time.monotonic() + 1)
        assert made.join(10)


@pytest.fixture
def one(make: Callable[[type[Channel]], Channel]) -> Channel:
    """A channel to whose client senders hand their records over."""
    return make(LingeringChannel)


@pytest.fixture
def gathers(make: Callable[[type[Channel]], Channel]) -> Channel:
    """A channel in which records gather."""
    return make(GatheringChannel)


@pytest.fixture(params=["one", "gathers"])
def either(request: pytest.FixtureRequest) -> Channel:
    found: Channel = request.getfixturevalue(request.param)
    return found


def deliver(to: Channel, value: bytes) -> None:
    record = new(value)
    to.submit(record)
    assert record.done is not None
    assert record.done.wait(10)
    assert record.error is None


def new(value: bytes) -> Record:
    record = Record("topic", value, None)
    record.done = concurrency.Signal()
    return record


def send(to: Channel, count: int) -> int:
    """Send records without waiting for them; the thread that did."""
    for _ in range(count):
        leave(to, b"another")
    return threading.get_ident()


def leave(to: Channel, value: bytes) -> None:
    """Send a record that nobody waits for."""
    if not to.send_unattended("topic", value, None):
        record = Record("topic", value, None)
        record.left = True
        to.submit(record)


def replace_meanwhile(to: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the client replaced while it gets its next record."""
    monkeypatch.setattr(channel, "_PURGE_TIME", 0.0)

    def replace(_client: Client) -> None:
        to._fatal = KafkaError(KafkaError._FATAL)
        wait_until(lambda: len(Client.made) == 2)
        monkeypatch.setattr(channel, "_PURGE_TIME", 5.0)

    Client.before = replace


def close_meanwhile(to: Channel) -> None:
    """Have the channel closed while its client gets its next record."""

    def close(_client: Client) -> None:
        to.close(time.monotonic())
        assert to.join(10)

    Client.before = close


def wait_until(condition: Callable[[], bool], timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_a_record_that_nobody_waits_for_is_sent_again_when_it_never_left(
    one: Channel,
) -> None:
    Client.at_once = KafkaError(KafkaError._UNKNOWN_TOPIC)

    leave(one, b"second")

    wait_until(lambda: Client.made[0].got == [b"first", b"second"])
    assert (one.queued(), one.delivered, one.failed) == (0, 2, 0)


def test_the_bytes_of_a_record_that_is_sent_again_count_as_queued(
    one: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Maker, "ready", lambda _self, _topic: False)
    Client.at_once = KafkaError(KafkaError._UNKNOWN_TOPIC)

    leave(one, b"x" * 10240)

    assert one._parked.bytes == 10240
    with pytest.raises(BufferError):
        one.submit(new(b"no room"))
    monkeypatch.undo()


def test_a_record_that_nobody_waits_for_and_that_failed_is_logged(
    one: Channel,
    log: concurrency.LogQueue,
    caplog: pytest.LogCaptureFixture,
) -> None:
    Client.at_once = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)

    leave(one, b"second")

    wait_until(lambda: not one._failures)
    log.drain()
    assert "1 notifications for topic topic were not delivered" in caplog.text
    assert one.failed == 1


def test_a_defect_in_its_report_is_logged_as_a_failure(
    one: Channel,
    log: concurrency.LogQueue,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Message, "latency", lambda _self: 1 / 0)

    leave(one, b"second")

    wait_until(lambda: one.failed == 1 and not one._failures)
    log.drain()
    assert "division by zero" in caplog.text


def test_a_record_that_nobody_waits_for_goes_to_a_clients_successor(
    one: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_meanwhile(one, monkeypatch)
    leave(one, b"second")

    wait_until(
        lambda: (
            [client.got for client in Client.made] == [[b"first"], [b"second"]]
        )
    )


def test_who_leaves_a_record_to_a_closed_client_is_told(one: Channel) -> None:
    close_meanwhile(one)
    with pytest.raises(KafkaException, match="_PURGE_INFLIGHT"):
        leave(one, b"second")


def test_a_report_before_produce_has_returned_leaves_the_record_whole(
    one: Channel,
) -> None:
    Client.at_once = KafkaError(KafkaError._UNKNOWN_TOPIC)

    deliver(one, b"second")

    assert Client.made[0].got == [b"first", b"second"]
    assert one.queued() == 0


def test_a_record_that_a_replaced_client_got_goes_to_its_successor(
    one: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_meanwhile(one, monkeypatch)
    deliver(one, b"second")

    assert [client.got for client in Client.made] == [[b"first"], [b"second"]]


def test_a_record_that_a_closed_client_got_is_told_as_uncertain(
    one: Channel,
) -> None:
    close_meanwhile(one)
    with pytest.raises(KafkaException, match="_PURGE_INFLIGHT"):
        one.submit(new(b"second"))


def test_a_closed_channel_takes_no_record(either: Channel) -> None:
    either.close(time.monotonic())
    assert either.join(10)

    with pytest.raises(KafkaException, match="_DESTROY"):
        either.submit(new(b"second"))


def test_what_comes_in_the_midst_of_the_end_is_told_once(
    gathers: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender sees the end while the thread takes its record out."""
    came, looks, is_told = (threading.Event() for _ in range(3))

    class Inbox(collections.deque[Record]):
        def append(self, record: Record) -> None:
            gathers.close(0.0)
            wait_until(lambda: gathers.ended)
            super().append(record)
            came.set()
            assert looks.wait(10)

        def __getitem__(self, place: Any) -> Any:
            looks.set()
            assert is_told.wait(10)
            return super().__getitem__(place)

    gathers._inbox = Inbox()
    monkeypatch.setattr(Client, "purge", lambda _client: came.wait(10))
    with pytest.raises(KafkaException, match="_DESTROY"):
        gathers.submit(new(b"second"))
    is_told.set()

    assert gathers.join(10)
    assert gathers.failed == 0


def test_a_defect_is_logged_and_ends_no_thread(
    either: Channel,
    log: concurrency.LogQueue,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "_DEFECT_PAUSE", 0.01)
    Maker.defects = 2
    either._ready.clear()  # the next record has to look for its topic

    deliver(either, b"second")

    log.drain()
    told = [
        record
        for record in caplog.records
        if "unexpected ZeroDivisionError: a defect" in record.getMessage()
    ]
    assert len(told) == 2
    assert {record.levelno for record in told} == {logging.ERROR}


def test_a_defect_in_a_report_fails_its_record_only(
    either: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Message, "latency", lambda _self: 1 / 0)
    record = new(b"second")
    either.submit(record)
    assert record.done is not None
    assert record.done.wait(10)
    assert record.error is not None
    assert "division by zero" in record.error.str()

    monkeypatch.undo()
    monkeypatch.setattr(channel.confluent_kafka, "Producer", Client)
    deliver(either, b"third")


def test_a_client_that_cannot_be_made_anew_is_tried_again(
    either: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_DEFECT_PAUSE", 0.01)
    Client.unmakable = 2
    either._fatal = KafkaError(KafkaError._FATAL)
    either._wake.set()
    wait_until(lambda: len(Client.made) == 2, 20)

    deliver(either, b"second")

    assert Client.made[1].got == [b"second"]


def test_what_the_client_has_to_tell_is_no_record_that_waits(
    gathers: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "__len__", lambda _self: 2)

    assert gathers.queued() == 0
    started = time.monotonic()
    gathers.close(started + 60)
    assert gathers.join(10)


def test_who_sends_much_takes_the_reports(
    one: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lingering, "_TURN", 4)
    monkeypatch.setattr(lingering, "_LEFT_TO_SENDERS", 10)
    (client,) = Client.made

    with ThreadPoolExecutor(1) as pool:  # the thread may be at it at first
        wait_until(lambda: pool.submit(send, one, 4).result() in client.takers)


def test_no_report_is_taken_where_handlers_of_signals_run(
    either: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lingering, "_TURN", 1)
    (client,) = Client.made

    for _ in range(100):
        send(either, 1)
        time.sleep(0.001)

    wait_until(lambda: len(client.got) == 101)
    assert threading.main_thread().ident not in client.takers


def test_reports_that_senders_leave_are_taken_by_the_thread(
    one: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lingering, "_TURN", 4)
    (client,) = Client.made

    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(send, one, 103).result()
    wait_until(lambda: len(client.got) == 104)
    assert one.queued() == 0
    assert client.takers - {sender}


def submit(to: Channel, *values: bytes) -> list[Record]:
    records = [new(value) for value in values]
    for record in records:
        to.submit(record)
    return records


def done(records: list[Record]) -> bool:
    return all(one.done is not None and one.done.is_set() for one in records)


def keep_waiting(to: Channel, value: bytes) -> Client:
    """Hand a record over to brokers that do not answer; the client."""
    (client,) = Client.made
    client.answers.clear()
    submit(to, value)
    wait_until(lambda: [value] in client.flushed)
    return client


def test_what_gathers_while_brokers_answer_is_handed_over_together(
    gathers: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_LONGEST", 10)
    (client,) = Client.made
    client.answers.clear()
    records = submit(gathers, b"alone")
    wait_until(lambda: client.flushed[1:] == [[b"alone"]])
    records += submit(gathers, b"2", b"3", b"4")
    time.sleep(0.1)
    assert client.flushed[2:] == []

    client.answers.set()

    wait_until(lambda: done(records))
    assert client.flushed[1:] == [[b"alone"], [b"2", b"3", b"4"]]
    assert client.got == [b"first", b"alone", b"2", b"3", b"4"]


def test_a_record_without_an_answer_holds_no_others_back(
    gathers: Channel,
) -> None:
    client = keep_waiting(gathers, b"stuck")
    submit(gathers, b"next")

    wait_until(lambda: [b"stuck", b"next"] in client.flushed)
    client.answers.set()


def test_records_that_gather_and_those_handed_over_share_the_room(
    gathers: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_LONGEST", 10)
    client = keep_waiting(gathers, b"under way")

    records = submit(gathers, *[b"waits"] * 9)
    with pytest.raises(BufferError):
        submit(gathers, b"one too many")

    client.answers.set()
    wait_until(lambda: done(records))
    assert gathers.queued() == 0
    deliver(gathers, b"fits again")


def test_a_lone_sender_delivers_its_record_itself(gathers: Channel) -> None:
    (client,) = Client.made

    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(threading.get_ident).result()
        # The thread may be at it when the first one comes.
        wait_until(
            lambda: (
                pool.submit(deliver, gathers, b"x").result() is None
                and sender in client.takers
            )
        )


def test_a_lone_record_without_an_answer_is_left_to_the_thread(
    gathers: Channel,
) -> None:
    (client,) = Client.made
    client.answers.clear()
    with ThreadPoolExecutor(1) as pool:
        records = pool.submit(submit, gathers, b"stuck").result()
    assert not done(records)

    client.answers.set()

    wait_until(lambda: done(records))
    assert client.got == [b"first", b"stuck"]


def test_a_defect_while_a_sender_delivers_is_logged_and_loses_nothing(
    gathers: Channel,
    log: concurrency.LogQueue,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (client,) = Client.made
    client.defects = 1

    with ThreadPoolExecutor(1) as pool:
        pool.submit(deliver, gathers, b"second").result()

    assert client.got == [b"first", b"second"]
    log.drain()
    assert "unexpected ZeroDivisionError: a defect" in caplog.text


def test_a_handler_of_a_signal_may_send_in_the_midst_of_a_send(
    gathers: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_room = Channel._check_room

    def interrupted(to: Channel, record: Record) -> None:
        monkeypatch.undo()
        deliver(to, b"of the handler")
        check_room(to, record)

    monkeypatch.setattr(Channel, "_check_room", interrupted)

    deliver(gathers, b"second")

    (client,) = Client.made
    assert client.got == [b"first", b"of the handler", b"second"]


def test_a_record_that_its_sender_gave_up_is_not_sent(
    gathers: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathers._ready.clear()
    monkeypatch.setattr(Maker, "ready", lambda _self, _topic: False)
    (record,) = submit(gathers, b"given up")

    assert gathers.cancel(record)

    wait_until(lambda: gathers.queued() == 0)
    monkeypatch.undo()
    deliver(gathers, b"second")
    assert Client.made[0].got == [b"first", b"second"]
