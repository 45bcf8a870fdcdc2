# SPDX-License-Identifier: Apache-2.0
"""The promises of receiving, on mock brokers with faults."""

import gc
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import mock_cluster
import oslo_messaging
import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from listening import (
    TOPIC,
    committed,
    group,
    payloads,
    put,
    receive,
    record,
    wait_until,
)
from mock_cluster import MockCluster
from oslo_config import cfg

from kafka_driver import concurrency, dead_letters, intake, options

Listen = Callable[..., Any]
Transport = Callable[..., Any]


def test_no_first_record_is_thrown_away(
    cluster: MockCluster, listen: Listen
) -> None:
    put(cluster, *map(record, range(10)))

    assert payloads(receive(listen(), 10)) == list(range(10))


@pytest.mark.parametrize(
    "bad",
    [
        b"no JSON",
        b'{"hello": 1}',
        b"[1]",
        b"7",
        b"\xff\xfe",
        None,
        json.dumps(
            {"oslo.version": "3.0", "oslo.message": '{"_context": {}}'}
        ).encode(),
    ],
)
def test_a_bad_record_is_logged_with_its_place_and_the_rest_is_delivered(
    bad: bytes | None,
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put(cluster, *map(record, range(20)), bad, *map(record, range(20, 40)))

    listener = listen()

    assert payloads(receive(listener, 40)) == list(range(40))
    wait_until(lambda: f"Topic {TOPIC}, partition 0, offset 20" in caplog.text)
    assert listener.statistics()["bad_records"] == 1


def test_a_bad_first_record_does_not_stop_the_server_from_starting(
    cluster: MockCluster, transport: Transport
) -> None:
    put(cluster, b"bad", record(1))
    received: list[int] = []

    class Endpoint:
        def info(
            self, _c: Any, _p: Any, _e: Any, payload: int, _m: Any
        ) -> None:
            received.append(payload)

    server = oslo_messaging.get_notification_listener(
        transport(cluster.url),
        [oslo_messaging.Target(topic="notifications")],
        [Endpoint()],
        executor="threading",
    )
    server.start()
    wait_until(lambda: received == [1])
    server.stop()
    server.wait()


def test_a_bad_record_goes_to_the_dead_letter_topic_with_the_reason(
    cluster: MockCluster, listen: Listen, read: Callable[..., list[Any]]
) -> None:
    cluster.create_topic("dead")
    put(cluster, record(0), b"bad", record(1))

    listener = listen(kafka_driver_dead_letter_topic="dead")

    assert payloads(receive(listener, 2)) == [0, 1]
    (letter,) = read(cluster.bootstrap, "dead", 1)
    assert letter.value() == b"bad"
    headers = dict(letter.headers())
    assert b"not JSON" in headers.pop("kafka_driver.reason")
    assert headers == {
        "kafka_driver.topic": TOPIC.encode(),
        "kafka_driver.partition": b"0",
        "kafka_driver.offset": b"1",
    }


def test_a_dead_letter_does_not_wait_for_others(
    cluster: MockCluster, listen: Listen
) -> None:
    cluster.create_topic("dead")
    put(cluster, b"bad", record(1))

    listener = listen(
        kafka_driver_dead_letter_topic="dead", producer_batch_timeout=900
    )

    assert payloads(receive(listener, 1, timeout=10)) == [1]


def test_a_dead_letter_may_be_larger_than_what_the_service_sends(
    cluster: MockCluster, listen: Listen
) -> None:
    cluster.create_topic("dead")
    large = Producer(
        {"bootstrap.servers": cluster.bootstrap, "message.max.bytes": 1100000}
    )
    large.produce(TOPIC, b"x" * 1010000)
    assert large.flush(10) == 0
    put(cluster, record(1))

    listener = listen(
        kafka_driver_dead_letter_topic="dead", kafka_driver_queue_max_kbytes=1
    )

    assert payloads(receive(listener, 1, timeout=10)) == [1]


def test_a_partition_waits_while_its_dead_letter_is_refused(
    cluster: MockCluster, listen: Listen, read: Callable[..., list[Any]]
) -> None:
    cluster.create_topic("dead")
    name = group()
    put(cluster, record(0), b"bad", record(1))
    cluster.set_topic_error("dead", KafkaError.TOPIC_AUTHORIZATION_FAILED)
    listener = listen(
        kafka_driver_dead_letter_topic="dead", consumer_group=name
    )

    assert payloads(receive(listener, 1)) == [0]
    assert receive(listener, 1, timeout=3) == []
    assert committed(cluster, name) == 1

    cluster.set_topic_error("dead", 0)
    assert payloads(receive(listener, 1)) == [1]
    assert len(read(cluster.bootstrap, "dead", 1)) == 1
    wait_until(lambda: committed(cluster, name) == 3)


def test_offsets_are_committed_before_a_notification_is_handed_on(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(5)))
    listener = listen(consumer_group=name)

    receive(listener, 5, finish=False)

    assert committed(cluster, name) == 5


def test_a_failed_commit_neither_loses_nor_skips(
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = group()
    put(cluster, *map(record, range(20)))
    cluster.push_errors(
        mock_cluster.OFFSET_COMMIT,
        *[KafkaError.GROUP_AUTHORIZATION_FAILED] * 2,
    )

    listener = listen(consumer_group=name)

    assert payloads(receive(listener, 20)) == list(range(20))
    assert committed(cluster, name) == 20
    assert "GROUP_AUTHORIZATION_FAILED" in caplog.text


def test_nothing_is_handed_on_while_offsets_cannot_be_committed(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(3)))
    cluster.push_errors(
        mock_cluster.OFFSET_COMMIT,
        *[KafkaError.GROUP_AUTHORIZATION_FAILED] * 50,
    )
    listener = listen(consumer_group=name)

    assert receive(listener, 1, timeout=3) == []
    assert committed(cluster, name) < 0


@pytest.mark.parametrize("commit", ["before_dispatch", "after_dispatch"])
def test_in_flight_is_bounded_until_endpoints_are_done(
    commit: str, cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(300)))
    listener = listen(
        consumer_group=name,
        kafka_driver_commit=commit,
        kafka_driver_max_in_flight=10,
    )

    first = receive(listener, 10, finish=False)

    assert payloads(first) == list(range(10))
    assert receive(listener, 1, timeout=2) == []
    assert committed(cluster, name) == (
        10 if commit == "before_dispatch" else -1001
    )
    for one in first:
        one.acknowledge()
    assert payloads(receive(listener, 290)) == list(range(10, 300))


def test_acknowledging_twice_counts_once(
    cluster: MockCluster, listen: Listen
) -> None:
    put(cluster, *map(record, range(10)))
    listener = listen(kafka_driver_max_in_flight=2)

    (one,) = receive(listener, 1, finish=False)
    one.acknowledge()
    one.acknowledge()
    one.requeue()

    assert len(receive(listener, 2, finish=False)) == 2
    assert receive(listener, 1, timeout=2) == []


def test_stop_hands_on_everything_that_was_committed(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(500)))
    listener = listen(consumer_group=name, kafka_driver_max_in_flight=100)
    received = receive(listener, 5, finish=False)

    listener.stop()
    while found := listener.poll(timeout=0.2):
        received += found
    listener.cleanup()

    assert payloads(received) == list(range(committed(cluster, name)))


def test_a_message_alone_is_handed_on_at_once(
    cluster: MockCluster, listen: Listen
) -> None:
    listener = listen()
    put(cluster, record(0))
    receive(listener, 1)
    put(cluster, record(1))
    assert payloads(receive(listener, 1)) == [1]

    took = []
    for number in range(5):
        started = time.monotonic()
        put(cluster, record(number))
        assert len(receive(listener, 1)) == 1
        took.append(time.monotonic() - started)

    # The mock broker answers an empty fetch after half a second; a busy
    # machine may hold up some of them.
    assert min(took) < 0.9


def test_a_batch_waits_until_it_is_full(
    cluster: MockCluster, listen: Listen
) -> None:
    listener = listen(batch_size=10)
    put(cluster, *map(record, range(6)))
    found: list[Any] = []
    reader = threading.Thread(
        target=lambda: found.extend(
            listener.poll(batch_size=10, batch_timeout=20)
        )
    )
    reader.start()
    time.sleep(1)
    put(cluster, *map(record, range(6, 10)))
    reader.join(10)

    assert payloads(found) == list(range(10))


def test_a_batch_ends_batch_timeout_after_its_first_record(
    cluster: MockCluster, listen: Listen
) -> None:
    listener = listen(batch_size=10, kafka_consumer_timeout=30)
    put(cluster, *map(record, range(6)))
    wait_until(lambda: listener.statistics()["in_flight"] == 6)

    started = time.monotonic()
    found = listener.poll(batch_size=10, batch_timeout=0.7)

    assert payloads(found) == list(range(6))
    assert 0.6 < time.monotonic() - started < 20


def test_a_batch_without_timeout_ends_after_the_consumer_timeout(
    cluster: MockCluster, listen: Listen
) -> None:
    listener = listen(batch_size=10, kafka_consumer_timeout=3)
    put(cluster, *map(record, range(6)))
    wait_until(lambda: listener.statistics()["in_flight"] == 6)

    started = time.monotonic()
    found = listener.poll(batch_size=10)

    assert payloads(found) == list(range(6))
    assert 2.9 < time.monotonic() - started < 20


def test_batch_size_none_is_max_poll_records(
    cluster: MockCluster, listen: Listen
) -> None:
    put(cluster, *map(record, range(100)))
    listener = listen(batch_size=None, max_poll_records=70)
    wait_until(lambda: listener.statistics()["in_flight"] >= 70)

    found = listener.poll(batch_size=None)

    assert payloads(found) == list(range(70))


def test_requeue_before_dispatch_is_logged_with_its_place(
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    put(cluster, record(0))
    (one,) = receive(listen(), 1, finish=False)

    one.requeue()

    assert f"topic {TOPIC}, partition 0, offset 0" in caplog.text


def test_requeueing_is_offered_only_after_dispatch(
    cluster: MockCluster, transport: Transport
) -> None:
    with pytest.raises(NotImplementedError, match="kafka_driver_commit"):
        transport(cluster.url)._driver.require_features(requeue=True)
    transport(
        cluster.url, kafka_driver_commit="after_dispatch"
    )._driver.require_features(requeue=True)


def test_after_dispatch_commits_only_the_contiguous_prefix(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(5)))
    listener = listen(
        consumer_group=name, kafka_driver_commit="after_dispatch"
    )
    found = receive(listener, 5, finish=False)

    for index in (0, 1, 3, 4):
        found[index].acknowledge()
    wait_until(lambda: committed(cluster, name) == 2)
    time.sleep(0.5)
    assert committed(cluster, name) == 2
    found[2].acknowledge()
    wait_until(lambda: committed(cluster, name) == 5)


def test_after_dispatch_a_failed_commit_is_tried_again(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(5)))
    cluster.push_errors(
        mock_cluster.OFFSET_COMMIT, KafkaError.GROUP_AUTHORIZATION_FAILED
    )
    listener = listen(
        consumer_group=name, kafka_driver_commit="after_dispatch"
    )

    receive(listener, 5)

    wait_until(lambda: committed(cluster, name) == 5)


def test_after_dispatch_cleanup_commits_what_is_finished(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(5)))
    listener = listen(
        consumer_group=name, kafka_driver_commit="after_dispatch"
    )
    found = receive(listener, 5, finish=False)
    listener.stop()
    for one in found[:3]:
        one.acknowledge()

    listener.cleanup()

    assert committed(cluster, name) == 3


def test_requeue_delivers_again_unchanged_and_commits_afterwards(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, record(0), record(1))
    listener = listen(
        consumer_group=name, kafka_driver_commit="after_dispatch"
    )
    zero, one = receive(listener, 2, finish=False)

    zero.message["payload"] = "changed by an endpoint"
    zero.requeue()
    one.acknowledge()
    started = time.monotonic()
    (again,) = receive(listener, 1, finish=False)

    assert again.message["payload"] == 0
    assert 0.8 < time.monotonic() - started < 10
    assert committed(cluster, name) < 1
    again.acknowledge()
    wait_until(lambda: committed(cluster, name) == 2)


def test_requeued_too_often_goes_to_the_dead_letter_topic(
    cluster: MockCluster, listen: Listen, read: Callable[..., list[Any]]
) -> None:
    cluster.create_topic("dead")
    name = group()
    put(cluster, record(0))
    listener = listen(
        consumer_group=name,
        kafka_driver_commit="after_dispatch",
        kafka_driver_max_requeues=1,
        kafka_driver_dead_letter_topic="dead",
    )

    for _ in range(2):
        (one,) = receive(listener, 1, finish=False)
        one.requeue()

    (letter,) = read(cluster.bootstrap, "dead", 1)
    assert letter.value() == record(0)
    assert dict(letter.headers())["kafka_driver.reason"] == (
        b"requeued 1 times"
    )
    wait_until(lambda: committed(cluster, name) == 1)
    assert receive(listener, 1, timeout=2.5) == []


def test_requeued_too_often_is_logged_and_dropped_without_such_a_topic(
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = group()
    put(cluster, record(0))
    listener = listen(
        consumer_group=name,
        kafka_driver_commit="after_dispatch",
        kafka_driver_max_requeues=1,
    )

    for _ in range(2):
        (one,) = receive(listener, 1, finish=False)
        one.requeue()

    wait_until(lambda: committed(cluster, name) == 1)
    wait_until(
        lambda: f"{TOPIC}, partition 0, offset 0 was requeued" in caplog.text
    )


def test_the_vhost_is_part_of_the_topic_for_readers_too(
    cluster: MockCluster, transport: Transport
) -> None:
    cluster.create_topic("notifications.info.vh")
    made = transport(cluster.url + "vh")
    made._driver.listen_for_notifications(
        [(oslo_messaging.Target(topic="notifications"), "info")], None, 1, None
    )
    made._send_notification(
        oslo_messaging.Target(topic=TOPIC), {}, {"payload": 4}, version=2.0
    )

    assert payloads(receive(made._driver.listeners[0], 1)) == [4]


def test_several_targets_on_one_topic_subscribe_once(
    cluster: MockCluster, transport: Transport
) -> None:
    put(cluster, record(0))
    made = transport(cluster.url)
    made._driver.listen_for_notifications(
        [
            (oslo_messaging.Target(topic="notifications"), "info"),
            (
                oslo_messaging.Target(topic="notifications", exchange="a"),
                "info",
            ),
        ],
        None,
        1,
        None,
    )

    (listener,) = made._driver.listeners
    assert payloads(receive(listener, 1)) == [0]
    assert receive(listener, 1, timeout=2) == []


@pytest.mark.parametrize(
    ("options", "pool", "expected"),
    [
        ({}, None, "oslo_messaging_consumer"),
        ({}, "workers", "workers"),
        ({"consumer_group": "mine"}, None, "mine"),
        ({"kafka_driver_group_by_vhost": True}, "workers", "workers.vh"),
    ],
)
def test_group_ids_stay_those_of_the_in_tree_driver(
    options: dict[str, Any],
    pool: str | None,
    expected: str,
    cluster: MockCluster,
    transport: Transport,
) -> None:
    cluster.create_topic("notifications.info.vh")
    put(cluster, record(0), topic="notifications.info.vh")
    made = transport(
        cluster.url + "vh",
        kafka_driver_pool_auto_offset_reset="earliest",
        **options,
    )
    made._driver.listen_for_notifications(
        [(oslo_messaging.Target(topic="notifications"), "info")],
        pool,
        1,
        None,
    )
    receive(made._driver.listeners[0], 1)

    client = Consumer(
        {"bootstrap.servers": cluster.bootstrap, "group.id": expected}
    )
    place = TopicPartition("notifications.info.vh", 0)
    assert client.committed([place], timeout=5)[0].offset == 1
    client.close()


def test_unreachable_brokers_are_logged_within_seconds_and_once(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    made = transport("kafka-driver://127.0.0.1:1/")
    made._driver.listen_for_notifications(
        [(oslo_messaging.Target(topic="notifications"), "info")], None, 1, None
    )

    wait_until(lambda: "Connection refused" in caplog.text, timeout=15)
    time.sleep(3)

    about = [
        one.getMessage()
        for one in caplog.records
        if one.name == "kafka_driver.consumer"
        and one.levelno >= logging.WARNING
    ]
    assert len(about) == len(set(about)) <= 2


def test_an_unusable_topic_is_logged_once_and_makes_no_hot_loop(
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.set_topic_error(TOPIC, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    listener = listen()
    wait_until(lambda: "TOPIC_AUTHORIZATION_FAILED" in caplog.text)

    busy = time.process_time()
    started = time.monotonic()
    assert listener.poll(timeout=2) == []

    assert 1.9 < time.monotonic() - started < 10
    assert time.process_time() - busy < 0.5
    text = "TOPIC_AUTHORIZATION_FAILED"
    assert sum(text in one.getMessage() for one in caplog.records) == 1


def test_a_failing_client_is_built_anew_with_back_off(
    cluster: MockCluster,
    conf: cfg.ConfigOpts,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # The mock cluster waits a session for a member that left.
    conf.register_opts(options.OPTS, group=options.GROUP)
    conf.set_override(
        "kafka_driver_librdkafka",
        ["session.timeout.ms = 6000"],
        group=options.GROUP,
    )
    listener = listen()
    put(cluster, record(0))
    assert payloads(receive(listener, 1)) == [0]
    consumer = listener._consumer
    real, failures = consumer._client, []

    class Broken:
        def consume(self, *_args: Any) -> None:
            failures.append(time.monotonic())
            raise RuntimeError("broken")

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    consumer._client = Broken()
    wait_until(lambda: failures != [])
    put(cluster, record(1))

    assert payloads(receive(listener, 1, timeout=30)) == [1]
    assert len(failures) == 1
    assert "built anew" in caplog.text


def test_errors_are_never_bodies(cluster: MockCluster, listen: Listen) -> None:
    put(cluster, *map(record, range(3)))
    cluster.push_errors(
        mock_cluster.FETCH, *[KafkaError.UNKNOWN_TOPIC_OR_PART] * 3
    )

    assert payloads(receive(listen(), 3, timeout=20)) == [0, 1, 2]


@pytest.mark.parametrize("commit", ["before_dispatch", "after_dispatch"])
def test_cleanup_is_bounded_with_brokers_down_and_works_twice(
    commit: str, cluster: MockCluster, listen: Listen
) -> None:
    put(cluster, *map(record, range(5)))
    listener = listen(kafka_driver_commit=commit)
    found = receive(listener, 5, finish=False)
    cluster.down()
    for one in found:
        one.acknowledge()
    time.sleep(0.5)

    started = time.monotonic()
    listener.cleanup()
    listener.cleanup()

    assert time.monotonic() - started < 10
    cluster.up()


def test_cleanup_leaves_no_thread_and_no_file(
    cluster: MockCluster, transport: Transport
) -> None:
    def round_trip() -> None:
        made = transport(cluster.url, consumer_group=group())
        made._driver.listen_for_notifications(
            [(oslo_messaging.Target(topic="notifications"), "info")],
            None,
            1,
            None,
        )
        put(cluster, record(0))
        receive(made._driver.listeners[-1], 1)
        made.cleanup()

    def things() -> tuple[int, int]:
        return len(os.listdir("/proc/self/task")), len(
            os.listdir("/proc/self/fd")
        )

    round_trip()
    threads, files = things()
    for _ in range(3):
        round_trip()
    wait_until(lambda: things()[0] <= threads and things()[1] <= files + 2, 5)


def test_cleanup_of_the_transport_ends_listeners_also_from_an_endpoint(
    cluster: MockCluster, transport: Transport
) -> None:
    made = transport(cluster.url)
    ended = threading.Event()

    class Endpoint:
        def info(self, *_args: Any) -> None:
            made.cleanup()
            ended.set()

    server = oslo_messaging.get_notification_listener(
        made,
        [oslo_messaging.Target(topic="notifications")],
        [Endpoint()],
        executor="threading",
    )
    server.start()
    put(cluster, record(0))

    assert ended.wait(15)
    # The server may go on polling: not in a hot loop.
    busy = time.process_time()
    time.sleep(1)
    assert time.process_time() - busy < 0.3
    server.stop()
    server.wait()
    made.cleanup()


def test_stop_ends_a_poll_that_waits(
    cluster: MockCluster, listen: Listen
) -> None:
    listener = listen()
    found: list[Any] = [None]
    reader = threading.Thread(
        target=lambda: found.__setitem__(0, listener.poll())
    )
    reader.start()
    time.sleep(0.5)

    listener.stop()
    reader.join(3)

    assert found == [[]]


def test_native_threads_do_not_log(
    cluster: MockCluster, listen: Listen
) -> None:
    seen: list[bool] = []

    class Handler(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            seen.append(getattr(concurrency._mark, "native", False))

    handler = Handler()
    logger = logging.getLogger("kafka_driver")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        put(cluster, b"bad", record(0))
        listener = listen(kafka_driver_statistics_interval=0.2)
        receive(listener, 1)
        wait_until(lambda: len(seen) > 3)
        listener.cleanup()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert not any(seen)


def test_statistics_tell_what_is_in_flight_and_the_lag(
    cluster: MockCluster, listen: Listen
) -> None:
    put(cluster, *map(record, range(30)))
    listener = listen(
        kafka_driver_statistics_interval=0.2,
        kafka_driver_commit="after_dispatch",
    )
    found = receive(listener, 30, finish=False)

    assert listener.statistics()["in_flight"] == 30
    for one in found[:10]:
        one.acknowledge()
    wait_until(lambda: listener.statistics()["lag"].get(TOPIC) == 20)
    assert listener.statistics()["in_flight"] == 20


def test_dead_letters_go_on_after_their_client_has_failed_for_good(
    cluster: MockCluster,
    listen: Listen,
    read: Callable[..., list[Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.create_topic("dead")
    put(cluster, record(0), b"bad", record(1))
    cluster.push_errors(
        mock_cluster.INIT_PRODUCER_ID, KafkaError.CLUSTER_AUTHORIZATION_FAILED
    )

    listener = listen(kafka_driver_dead_letter_topic="dead")

    assert payloads(receive(listener, 2)) == [0, 1]
    assert len(read(cluster.bootstrap, "dead", 1)) == 1
    # Its trouble is not that of the client that reads.
    assert "The consumer has failed" not in caplog.text


@pytest.fixture
def two_partitions() -> Iterator[MockCluster]:
    mock = MockCluster()
    mock.create_topic(TOPIC, partitions=2)
    yield mock
    mock.close()


def test_partitions_go_on_beside_one_whose_dead_letter_is_refused(
    two_partitions: MockCluster, listen: Listen
) -> None:
    cluster = two_partitions
    cluster.create_topic("dead")
    cluster.set_topic_error("dead", KafkaError.TOPIC_AUTHORIZATION_FAILED)
    # More than the listener takes ahead wait behind the bad one.
    put(cluster, b"bad", *map(record, range(20)), partition=0)
    listener = listen(
        url=cluster.url,
        kafka_driver_dead_letter_topic="dead",
        max_poll_records=4,
    )
    assert receive(listener, 1, timeout=3) == []

    put(cluster, *map(record, range(100, 120)), partition=1)

    assert payloads(receive(listener, 20)) == list(range(100, 120))


def test_a_bad_record_with_an_unreadable_header_is_set_aside() -> None:
    class Unreadable:
        def headers(self) -> None:
            raise SystemError("as the client library does")

        def topic(self) -> str:
            return TOPIC

        def partition(self) -> int:
            return 0

        def offset(self) -> int:
            return 7

    found = dict(dead_letters.headers(Unreadable(), "why"))

    assert found["kafka_driver.offset"] == b"7"


def test_a_child_forked_in_the_midst_of_decoding_collects_its_garbage() -> (
    None
):
    with intake._uncollected():
        child = os.fork()
        if child == 0:
            os._exit(0 if gc.isenabled() else 1)
        assert not gc.isenabled()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_was_committed_before_a_close_without_a_stop_is_handed_on(
    cluster: MockCluster, listen: Listen
) -> None:
    listener = listen(consumer_group=group())
    wait_until(lambda: bool(listener.assignment()))
    cluster.set_round_trip(300)
    put(cluster, record(0))
    consumer = listener._consumer
    wait_until(lambda: consumer._flow.awaiting_since() is not None)

    listener.cleanup()

    assert payloads(receive(listener, 1, timeout=1)) == [0]
