# SPDX-License-Identifier: Apache-2.0
"""The promises of sending, on mock brokers with faults."""

import copy
import gc
import logging
import os
import re
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

import mock_cluster
import oslo_messaging
import pytest
from confluent_kafka import KafkaError, KafkaException
from mock_cluster import MockCluster

from kafka_driver import envelope, producer
from kafka_driver.lingering import LingeringChannel

TOPIC = "notifications.info"
Transport = Callable[..., Any]
Read = Callable[..., list[Any]]


def send(
    transport: Any,
    number: int = 0,
    retry: int | None = -1,
    topic: str = TOPIC,
    **fields: Any,
) -> float:
    """Send notification `number`; the seconds that it took."""
    started = time.monotonic()
    transport._send_notification(
        oslo_messaging.Target(topic=topic),
        {},
        {"payload": number, **fields},
        version=2.0,
        retry=retry,
    )
    return time.monotonic() - started


def numbers(records: list[Any]) -> list[int]:
    return [
        int(envelope.decode(record.value())[1]["payload"])
        for record in records
    ]


def statistics(transport: Any) -> dict[str, Any]:
    found: dict[str, Any] = transport._driver.statistics()["producer"]
    return found


def wait_until(condition: Callable[[], bool], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def undelivered(log: str) -> int:
    """How many notifications the log says were not delivered."""
    told = re.findall(r"(\d+) notifications for topic", log)
    return sum(map(int, told))


@pytest.fixture
def empty(cluster: MockCluster) -> Iterator[MockCluster]:
    """The mock broker, down until up()."""
    cluster.down()
    yield cluster
    cluster.up()


# Building


def test_constructor_starts_no_thread_and_opens_no_file(
    transport: Transport,
) -> None:
    transport("kafka-driver://127.0.0.1:9")  # modules get loaded once
    gc.collect()
    tasks = set(os.listdir("/proc/self/task"))
    files = set(os.listdir("/proc/self/fd"))
    transport("kafka-driver://127.0.0.1:9")
    assert set(os.listdir("/proc/self/task")) <= tasks
    assert set(os.listdir("/proc/self/fd")) <= files


# Confirmed sending


def test_send_returns_when_the_broker_has_the_record(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    sender = transport(cluster.url)
    send(sender, 1)
    assert statistics(sender)["delivered"] == 1
    cluster.set_round_trip(300)
    assert send(sender, 2) > 0.25
    assert statistics(sender)["delivered"] == 2
    wait_until(lambda: statistics(sender)["queued"] == 0)
    assert numbers(read(cluster.bootstrap, TOPIC, 2)) == [1, 2]


def test_message_and_context_are_left_as_they_were(
    cluster: MockCluster, transport: Transport
) -> None:
    ctxt, message = {"user": ["a"]}, {"payload": {"b": (1,)}}
    before = copy.deepcopy((ctxt, message))
    transport(cluster.url)._send_notification(
        oslo_messaging.Target(topic=TOPIC), ctxt, message, 2.0, -1
    )
    assert (ctxt, message) == before


def test_no_context_is_sent(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    transport(cluster.url)._send_notification(
        oslo_messaging.Target(topic=TOPIC), None, {"payload": 1}, 2.0, -1
    )
    (record,) = read(cluster.bootstrap, TOPIC, 1)
    assert envelope.decode(record.value()) == ({}, {"payload": 1})


def test_vhost_is_part_of_the_topic(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    cluster.create_topic(f"{TOPIC}.vh")
    send(transport(f"{cluster.url}vh"), 7)
    assert numbers(read(cluster.bootstrap, f"{TOPIC}.vh", 1)) == [7]


@pytest.mark.parametrize("retry", [None, -1])
def test_no_answer_is_waited_for_once_and_nothing_is_lost(
    empty: MockCluster,
    transport: Transport,
    read: Read,
    caplog: pytest.LogCaptureFixture,
    retry: int | None,
) -> None:
    sender = transport(empty.url, kafka_driver_send_wait=3)
    assert 3 <= send(sender, 0, retry) < 10
    assert send(sender, 1, retry) < 2.5
    assert send(sender, 2, retry) < 2.5
    warnings = [
        record
        for record in caplog.records
        if record.levelno == logging.WARNING and "stays queued" in record.msg
    ]
    assert len(warnings) == 1
    assert TOPIC in warnings[0].getMessage()
    empty.up()
    wait_until(lambda: statistics(sender)["queued"] == 0, 20)
    assert numbers(read(empty.bootstrap, TOPIC, 3)) == [0, 1, 2]


def test_calls_wait_again_when_brokers_answered_again(
    cluster: MockCluster, transport: Transport
) -> None:
    sender = transport(cluster.url, kafka_driver_send_wait=3)
    send(sender)
    wait_until(lambda: statistics(sender)["delivered"] == 1)
    cluster.down()
    assert send(sender) >= 3
    assert send(sender) < 2.5
    cluster.up()
    wait_until(lambda: statistics(sender)["queued"] == 0, 20)
    cluster.set_round_trip(300)
    assert send(sender) > 0.25


def test_many_threads_wait_no_longer_than_send_wait_and_lose_nothing(
    empty: MockCluster, transport: Transport, read: Read
) -> None:
    sender = transport(empty.url, kafka_driver_send_wait=2)
    took: list[float] = []

    def work(first: int) -> None:
        took.extend(send(sender, first + i) for i in range(3))

    threads = [threading.Thread(target=work, args=(3 * i,)) for i in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == 150
    assert max(took) < 10
    empty.up()
    wait_until(lambda: statistics(sender)["queued"] == 0, 20)
    arrived = numbers(read(empty.bootstrap, TOPIC, 150))
    assert sorted(arrived) == list(range(150))


def test_send_wait_zero_waits_for_ever(
    empty: MockCluster, transport: Transport
) -> None:
    sender = transport(empty.url, kafka_driver_send_wait=0)
    thread = threading.Thread(target=send, args=(sender,))
    thread.start()
    thread.join(2)
    assert thread.is_alive()
    empty.up()
    thread.join(20)
    assert not thread.is_alive()
    assert statistics(sender)["delivered"] == 1


@pytest.mark.parametrize(("retry", "limit"), [(0, 0.5), (2, 1.5)])
def test_retry_limit_raises_after_that_many_tries(
    empty: MockCluster, transport: Transport, retry: int, limit: float
) -> None:
    sender = transport(empty.url, kafka_driver_try_timeout=0.5)
    started = time.monotonic()
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure,
        match=rf"topic {TOPIC} was not delivered within {limit} s: _",
    ):
        send(sender, retry=retry)
    assert limit <= time.monotonic() - started < limit + 8


def test_a_topic_that_cannot_be_made_is_why_nothing_is_delivered(
    cluster: MockCluster,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusal = KafkaError(KafkaError.INVALID_REPLICATION_FACTOR)
    maker = types.SimpleNamespace(
        ready=lambda _topic: False,
        refusals={"missing.info": refusal},
        close=lambda: None,
    )
    monkeypatch.setattr(producer.admin, "TopicMaker", lambda *_: maker)
    sender = transport(cluster.url, kafka_driver_try_timeout=0.5)
    for topic, why in (
        ("missing.info", "INVALID_REPLICATION_FACTOR"),
        ("other.info", "no answer"),
    ):
        with pytest.raises(
            oslo_messaging.MessageDeliveryFailure, match=f"0.5 s: {why}"
        ):
            send(sender, topic=topic, retry=0)


@pytest.mark.parametrize("retry", [500000, 10**12])
def test_any_retry_limit_is_a_time_that_the_library_can_count(
    cluster: MockCluster, transport: Transport, retry: int
) -> None:
    sender = transport(cluster.url)
    send(sender, retry=retry)
    assert statistics(sender)["delivered"] == 1
    assert list(sender._driver._sender._channels) == [2147483]


def test_a_send_that_was_given_up_does_not_arrive_later(
    empty: MockCluster, transport: Transport, read: Read
) -> None:
    sender = transport(empty.url, kafka_driver_try_timeout=0.5)
    with pytest.raises(oslo_messaging.MessageDeliveryFailure):
        send(sender, 1, retry=0)
    empty.up()
    wait_until(lambda: _sends(sender, 2), 20)
    assert numbers(read(empty.bootstrap, TOPIC, 2, timeout=3)) == [2]


def _sends(sender: Any, number: int) -> bool:
    try:
        send(sender, number, retry=0)
    except oslo_messaging.MessageDeliveryFailure:
        return False
    return True


def test_unknown_outcome_is_told(
    cluster: MockCluster, transport: Transport
) -> None:
    sender = transport(cluster.url, kafka_driver_try_timeout=3)
    send(sender, retry=0)
    cluster.set_round_trip(10000)
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure, match="may have been delivered"
    ):
        send(sender, retry=0)


def test_a_record_is_produced_once_whatever_the_library_retries(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    sender = transport(cluster.url)
    send(sender, 1)
    cluster.push_errors(
        mock_cluster.PRODUCE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.LEADER_NOT_AVAILABLE,
    )
    send(sender, 2)
    assert numbers(read(cluster.bootstrap, TOPIC, 3, timeout=2)) == [1, 2]


def test_retry_limits_share_a_bounded_number_of_clients() -> None:
    existing = {float(i): None for i in range(10, 18)}
    assert producer.nearest(12.0, existing) == 12
    assert producer.nearest(3.0, existing) == 10
    assert producer.nearest(12.5, existing) == 13
    assert producer.nearest(99.0, existing) == 17
    assert producer.nearest(0.0, existing) == 0
    assert producer.nearest(99.0, {10.0: None}) == 99


# Refusals


def test_too_large_raises_at_once_with_size_and_limit(
    cluster: MockCluster, transport: Transport
) -> None:
    sender = transport(cluster.url)
    send(sender)
    for _ in range(2):
        with pytest.raises(
            oslo_messaging.MessageDeliveryFailure,
            match=r"has 20000\d\d bytes and message.max.bytes is 1000000",
        ):
            send(sender, fill="x" * 2000000)


def test_too_large_as_first_record_raises_at_once(
    cluster: MockCluster, transport: Transport
) -> None:
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure, match=r"message\.max\.bytes"
    ):
        send(transport(cluster.url), fill="x" * 2000000)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
    ],
)
def test_refusal_by_the_broker_raises_at_once(
    cluster: MockCluster, transport: Transport, code: int
) -> None:
    sender = transport(cluster.url)
    send(sender)
    cluster.push_errors(mock_cluster.PRODUCE, code)
    started = time.monotonic()
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure, match=f"topic {TOPIC}"
    ):
        send(sender)
    assert time.monotonic() - started < 10
    assert statistics(sender)["failed"] == 1
    send(sender)  # as soon as the reason is gone


def test_illegal_topic_raises_at_once(
    cluster: MockCluster, transport: Transport
) -> None:
    with pytest.raises(oslo_messaging.MessagingException, match="no legal"):
        send(transport(cluster.url), topic="not legal")


def deliver_one(sender: Any) -> None:
    """Let a sender find its topic."""
    send(sender)
    wait_until(lambda: statistics(sender)["queued"] == 0)


@pytest.mark.parametrize("mode", ["confirmed", "buffered"])
@pytest.mark.parametrize("known", [True, False])
def test_full_queue_raises_at_once_while_brokers_do_not_answer(
    cluster: MockCluster, transport: Transport, mode: str, known: bool
) -> None:
    sender = transport(
        cluster.url,
        kafka_driver_mode=mode,
        kafka_driver_send_wait=3,
        kafka_driver_queue_max_messages=3,
        kafka_driver_flush_timeout=0,
    )
    if known:
        deliver_one(sender)
    cluster.down()
    for _ in range(3):
        send(sender)
    # A buffered send has to find out once that they do not.
    for most in (3 + 2, 2.5):
        started = time.monotonic()
        with pytest.raises(
            oslo_messaging.MessageDeliveryFailure,
            match="kafka_driver_queue_max_messages=3",
        ):
            send(sender)
        assert time.monotonic() - started < most


@pytest.mark.parametrize("retry", [None, 3])
def test_full_queue_is_waited_for_while_brokers_answer(
    cluster: MockCluster,
    transport: Transport,
    read: Read,
    retry: int | None,
) -> None:
    sender = transport(
        cluster.url,
        kafka_driver_mode="buffered",
        kafka_driver_queue_max_messages=3,
    )
    send(sender, -1, retry=retry)
    wait_until(lambda: statistics(sender)["queued"] == 0)
    cluster.set_round_trip(20)
    for i in range(50):
        send(sender, i, retry=retry)
    assert numbers(read(cluster.bootstrap, TOPIC, 51)) == list(range(-1, 50))


def test_queue_is_bounded_by_bytes(
    empty: MockCluster, transport: Transport
) -> None:
    sender = transport(
        empty.url,
        kafka_driver_mode="buffered",
        kafka_driver_send_wait=0.5,
        kafka_driver_queue_max_kbytes=100,
        kafka_driver_flush_timeout=0,
    )
    for _ in range(9):
        send(sender, fill="x" * 10000)
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure, match="max_kbytes=100"
    ):
        send(sender, fill="x" * 20000)


@pytest.mark.parametrize("mode", ["confirmed", "buffered"])
@pytest.mark.parametrize("known", [True, False])
def test_a_record_larger_than_the_queue_raises_at_once_and_stalls_nobody(
    cluster: MockCluster, transport: Transport, mode: str, known: bool
) -> None:
    sender = transport(
        cluster.url,
        kafka_driver_mode=mode,
        kafka_driver_send_wait=3,
        kafka_driver_queue_max_kbytes=100,
    )
    if known:
        deliver_one(sender)
    started = time.monotonic()
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure,
        match=r"no more than 102400; raise kafka_driver_queue_max_kbytes",
    ):
        send(sender, fill="x" * 200000)
    assert time.monotonic() - started < 2.5
    assert not any(
        channel.silent or channel.stalled
        for channel in sender._driver._sender._channels.values()
    )


# Buffered sending


def test_buffered_send_does_not_wait_and_arrives(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    cluster.set_round_trip(2000)
    sender = transport(cluster.url, kafka_driver_mode="buffered")
    assert sum(send(sender, i) for i in range(20)) < 10
    cluster.set_round_trip(0)
    assert sorted(numbers(read(cluster.bootstrap, TOPIC, 20))) == list(
        range(20)
    )


def test_a_buffered_send_while_the_transport_is_closed_raises(
    cluster: MockCluster,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(*_args: Any) -> bool:
        raise KafkaException(KafkaError(KafkaError._DESTROY))

    sender = transport(cluster.url, kafka_driver_mode="buffered")
    monkeypatch.setattr(LingeringChannel, "send_unattended", ended)
    with pytest.raises(oslo_messaging.MessageDeliveryFailure, match=TOPIC):
        send(sender)


def test_buffered_failures_are_logged_with_count_topic_and_reason(
    cluster: MockCluster,
    transport: Transport,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sender = transport(cluster.url, kafka_driver_mode="buffered")
    send(sender)
    wait_until(lambda: statistics(sender)["delivered"] == 1)
    cluster.push_errors(
        mock_cluster.PRODUCE, *[KafkaError.TOPIC_AUTHORIZATION_FAILED] * 5
    )
    cluster.set_round_trip(300)
    for i in range(3):
        send(sender, i)
    wait_until(lambda: statistics(sender)["failed"] == 3)

    def told() -> bool:
        text = caplog.text
        return f"topic {TOPIC} were not delivered: TOPIC_AUTHORI" in text

    wait_until(told)
    counts = [
        int(record.getMessage().split()[0])
        for record in caplog.records
        if "were not delivered" in record.getMessage()
    ]
    assert sum(counts) == 3


@pytest.mark.parametrize("known", [True, False])
def test_buffered_record_of_limited_retry_expires_and_is_logged(
    cluster: MockCluster,
    transport: Transport,
    caplog: pytest.LogCaptureFixture,
    known: bool,
) -> None:
    sender = transport(
        cluster.url,
        kafka_driver_mode="buffered",
        kafka_driver_try_timeout=1,
    )
    if known:
        send(sender)
        wait_until(lambda: statistics(sender)["delivered"] == 1)
    cluster.down()
    for i in range(2):
        send(sender, i, retry=0)
    send(sender, 2, retry=-1)  # waits as long as it takes
    wait_until(lambda: statistics(sender)["failed"] == 2)
    # Told together, or one by one when they expire at different moments.
    wait_until(lambda: undelivered(caplog.text) == 2)
    assert statistics(sender)["queued"] == 1


def test_cleanup_delivers_what_is_queued(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    sender = transport(cluster.url, kafka_driver_mode="buffered")
    send(sender, 500)
    wait_until(lambda: statistics(sender)["delivered"] == 1)
    cluster.set_round_trip(100)
    for i in range(500):
        send(sender, i)
    sender.cleanup()
    cluster.set_round_trip(0)
    assert len(read(cluster.bootstrap, TOPIC, 501)) == 501


@pytest.mark.parametrize("known", [True, False])
def test_cleanup_is_bounded_and_counts_what_is_lost(
    cluster: MockCluster,
    transport: Transport,
    caplog: pytest.LogCaptureFixture,
    known: bool,
) -> None:
    sender = transport(
        cluster.url,
        kafka_driver_mode="buffered",
        kafka_driver_flush_timeout=1,
    )
    if known:
        send(sender)
        wait_until(lambda: statistics(sender)["queued"] == 0)
    cluster.down()
    for i in range(7):
        send(sender, i)
    started = time.monotonic()
    sender.cleanup()
    assert time.monotonic() - started < 10
    assert "7 notifications were not delivered when the" in caplog.text


def test_transports_left_open_at_the_end_are_closed_at_a_time(
    transport: Transport,
) -> None:
    for port in range(1, 5):
        send(
            transport(
                f"kafka-driver://127.0.0.1:{port}/",
                kafka_driver_mode="buffered",
                kafka_driver_flush_timeout=2,
            )
        )
    started = time.monotonic()
    producer.close_all()
    assert time.monotonic() - started < 6


# Life and death


def test_cleanup_leaves_no_thread_and_no_file_and_works_twice(
    cluster: MockCluster, transport: Transport
) -> None:
    send(transport(cluster.url), retry=3)  # modules get loaded once
    sender = transport(cluster.url)
    gc.collect()
    tasks = len(os.listdir("/proc/self/task"))
    files = len(os.listdir("/proc/self/fd"))
    send(sender)
    send(sender, retry=0)
    sender.cleanup()
    sender.cleanup()

    def gone() -> bool:
        gc.collect()
        return (
            len(os.listdir("/proc/self/task")) <= tasks
            and len(os.listdir("/proc/self/fd")) <= files
        )

    wait_until(gone)


def test_a_transport_can_be_used_after_cleanup(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    sender = transport(cluster.url)
    send(sender, 1)
    sender.cleanup()
    send(sender, 2)
    assert numbers(read(cluster.bootstrap, TOPIC, 2)) == [1, 2]


def test_who_begins_to_send_while_it_is_closed_is_closed_at_exit(
    cluster: MockCluster, transport: Transport
) -> None:
    sender = transport(cluster.url)
    inner = sender._driver._sender
    lock = inner._lock

    class Late:
        def __enter__(self) -> None:
            inner._lock = lock
            inner.close()
            lock.acquire()

        def __exit__(self, *_exception: object) -> None:
            lock.release()

    inner._lock = Late()
    send(sender)

    assert inner in producer._open


def test_cleanup_ends_a_send_that_waits_for_ever(
    empty: MockCluster, transport: Transport
) -> None:
    sender = transport(
        empty.url, kafka_driver_send_wait=0, kafka_driver_flush_timeout=0
    )
    failures: list[Exception] = []

    def work() -> None:
        try:
            send(sender)
        except oslo_messaging.MessageDeliveryFailure as exc:
            failures.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: statistics(sender)["queued"] == 1)
    sender.cleanup()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failures) == 1


def test_forked_child_gets_its_own_client(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    sender = transport(cluster.url)
    send(sender, 0)
    children = []
    for number in (1, 2):
        child = os.fork()
        if child == 0:
            try:
                send(sender, number)
                sender.cleanup()
            finally:
                os._exit(0 if statistics(sender)["failed"] == 0 else 1)
        children.append(child)
    for child in children:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    send(sender, 3)
    assert sorted(numbers(read(cluster.bootstrap, TOPIC, 4))) == [0, 1, 2, 3]


def test_fatal_client_error_is_survived(
    cluster: MockCluster,
    transport: Transport,
    read: Read,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.push_errors(
        mock_cluster.INIT_PRODUCER_ID, KafkaError.CLUSTER_AUTHORIZATION_FAILED
    )
    sender = transport(cluster.url)
    send(sender, 1)
    assert "has failed" in caplog.text
    send(sender, 2)
    assert numbers(read(cluster.bootstrap, TOPIC, 2)) == [1, 2]


def test_native_threads_do_not_log(
    cluster: MockCluster,
    transport: Transport,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sender = transport(cluster.url, kafka_driver_try_timeout=0.5)
    send(sender)
    cluster.down()
    with pytest.raises(oslo_messaging.MessageDeliveryFailure):
        send(sender, retry=0)
    wait_until(lambda: "_TRANSPORT" in caplog.text)
    ours = [r for r in caplog.records if r.name.startswith("kafka_driver")]
    assert ours
    assert {r.threadName for r in ours} <= {"kafka-driver-log", "MainThread"}


def test_what_is_sent_while_the_transport_is_closed_has_a_log(
    cluster: MockCluster,
    transport: Transport,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sender = transport(cluster.url)
    send(sender)
    wait = sender._driver._sender.begin_close()
    send(sender)
    wait()

    cluster.down()

    wait_until(lambda: "_TRANSPORT" in caplog.text)


def test_what_is_sent_while_the_log_ends_has_a_log(
    cluster: MockCluster,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sender = transport(cluster.url)
    send(sender)
    log = sender._driver._sender._log
    close = log.close

    def send_and_close() -> None:
        monkeypatch.undo()
        send(sender)
        close()

    monkeypatch.setattr(log, "close", send_and_close)
    sender._driver._sender.close()
    cluster.down()

    wait_until(lambda: "_TRANSPORT" in caplog.text)


def test_unreachable_broker_is_logged_once(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    sender = transport(
        "kafka-driver://127.0.0.1:9",
        kafka_driver_send_wait=3,
        kafka_driver_flush_timeout=0,
    )
    send(sender)
    down = [r for r in caplog.records if "_ALL_BROKERS_DOWN" in r.getMessage()]
    assert len([r for r in down if r.levelno == logging.ERROR]) == 1


def test_keys_find_the_partition_that_java_clients_choose(
    cluster: MockCluster, transport: Transport, read: Read
) -> None:
    cluster.create_topic("keyed.info", partitions=8)
    sender = transport(cluster.url, kafka_driver_key="publisher")
    for i, publisher in enumerate(["compute.a", "compute.b", "compute.a"]):
        send(sender, i, topic="keyed.info", publisher_id=publisher)
    records = read(cluster.bootstrap, "keyed.info", 3)
    places = {record.key(): record.partition() for record in records}
    assert len(records) == 3
    assert places == {
        key: murmur2(key) % 8 for key in (b"compute.a", b"compute.b")
    }


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, as its protocol guide defines it."""
    mix, mask = 0x5BD1E995, 0xFFFFFFFF
    value = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little")
        word = word * mix & mask
        word = (word ^ word >> 24) * mix & mask
        value = value * mix & mask ^ word
    if whole < len(data):
        value ^= int.from_bytes(data[whole:], "little")
        value = value * mix & mask
    value = (value ^ value >> 13) * mix & mask
    return (value ^ value >> 15) & 0x7FFFFFFF


def test_statistics_tell_queue_latency_and_failures(
    cluster: MockCluster, transport: Transport
) -> None:
    sender = transport(cluster.url)
    assert statistics(sender) == {
        "queued": 0,
        "delivered": 0,
        "failed": 0,
        "latency_ms": {},
    }
    cluster.set_round_trip(50)
    for i in range(5):
        send(sender, i)
    found = statistics(sender)
    assert found["delivered"] == 5
    assert 40 < found["latency_ms"]["p50"] <= found["latency_ms"]["max"]


def test_library_statistics_and_log_go_through_logging(
    cluster: MockCluster,
    transport: Transport,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, logger="kafka_driver")
    sender = transport(cluster.url, kafka_driver_statistics_interval=0.2)
    send(sender)
    wait_until(lambda: '"msg_cnt"' in caplog.text)
    cluster.down()
    wait_until(lambda: "FAIL" in caplog.text)
    assert "FAIL" not in capfd.readouterr().err


def test_rpc_is_refused_with_a_sentence(transport: Transport) -> None:
    driver = transport("kafka-driver://127.0.0.1:9")._driver
    target = oslo_messaging.Target(topic="t", server="s")
    with pytest.raises(NotImplementedError, match="rabbit://"):
        driver.send(target, {}, {})
    with pytest.raises(NotImplementedError, match="rabbit://"):
        driver.listen(target, 1, None)
