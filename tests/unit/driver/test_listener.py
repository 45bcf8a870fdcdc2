# SPDX-License-Identifier: Apache-2.0
"""Stopping, forking, pausing and committing by the client library."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import mock_cluster
import oslo_messaging
import pytest
from confluent_kafka import KafkaError, TopicPartition
from listening import (
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

from kafka_driver import consumer, options
from kafka_driver.assignment import Assignment

Listen = Callable[..., Any]
Transport = Callable[..., Any]


# Stopping


def test_a_poll_that_waits_at_a_stop_gets_what_is_being_committed(
    cluster: MockCluster, listen: Listen
) -> None:
    listener = listen()
    put(cluster, record(0))
    assert len(receive(listener, 1)) == 1
    cluster.set_round_trip(700)
    found: list[Any] = []
    reader = threading.Thread(target=lambda: found.extend(listener.poll()))
    reader.start()
    put(cluster, record(1))
    wait_until(lambda: listener.statistics()["in_flight"] == 1)

    listener.stop()
    reader.join(20)

    assert payloads(found) == [1]


def test_what_is_committed_and_reaches_no_endpoint_is_told(
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = group()
    put(cluster, record(0), record(1))
    listener = listen(consumer_group=name)
    wait_until(lambda: committed(cluster, name) == 2)

    listener.stop()
    listener.cleanup()  # a server would have polled until nothing came

    assert "2 notifications were committed and reached no" in caplog.text


def test_after_dispatch_what_reaches_no_endpoint_is_not_committed(
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = group()
    put(cluster, record(0), record(1))
    listener = listen(
        consumer_group=name, kafka_driver_commit="after_dispatch"
    )
    wait_until(lambda: listener.statistics()["in_flight"] == 2)

    listener.stop()
    assert listener.poll() == []
    listener.cleanup()

    assert committed(cluster, name) < 0
    assert "reached no" not in caplog.text


PROGRAM = """
import logging, sys
import oslo_messaging
from oslo_config import cfg

logging.basicConfig()
url, group, commit = sys.argv[1:]
conf = cfg.ConfigOpts()
conf([], default_config_files=[], default_config_dirs=[])
made = oslo_messaging.get_notification_transport(
    conf, f"{url}?consumer_group={group}&kafka_driver_commit={commit}"
)
target = oslo_messaging.Target(topic="notifications")
made._driver.listen_for_notifications([(target, "info")], None, 1, None)
(listener,) = made._driver.listeners
(first,) = listener.poll()
first.acknowledge()
while listener.statistics()["in_flight"] != 2:
    pass
"""


@pytest.mark.parametrize(
    ("commit", "offset", "told"),
    [("before_dispatch", 3, True), ("after_dispatch", 1, False)],
)
def test_a_listener_that_is_left_open_is_closed_when_the_process_ends(
    cluster: MockCluster, commit: str, offset: int, told: bool
) -> None:
    name = group()
    put(cluster, *map(record, range(3)))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            PROGRAM,
            cluster.url,
            name,
            commit,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert committed(cluster, name) == offset
    assert (
        "2 notifications were committed and reached no" in done.stderr
    ) is told


# Forking


def in_child(work: Callable[[], None], seconds: float = 30) -> None:
    """Run in a forked child, which has to end by itself and well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    deadline = time.monotonic() + seconds
    status = os.waitpid(child, os.WNOHANG)
    while status[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
        status = os.waitpid(child, os.WNOHANG)
    if status[0] == 0:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status[1]) == 0


def test_a_forked_child_leaves_the_parents_listener_alone(
    cluster: MockCluster, transport: Transport
) -> None:
    made = transport(cluster.url, consumer_group=group())
    driver = made._driver
    target = oslo_messaging.Target(topic="notifications")
    adapter = driver.listen_for_notifications(
        [(target, "info")], None, 1, None
    )
    (listener,) = driver.listeners
    put(cluster, record(0))
    assert payloads(receive(listener, 1)) == [0]

    def child() -> None:
        assert listener.poll(timeout=0.1) == []
        adapter.cleanup()
        listener.stop()
        assert listener.poll(timeout=0.1) == []
        made.cleanup()

    # A fork may come at any moment: its threads may hold any lock.
    with listener._handover._lock, listener._lock:
        in_child(child)

    put(cluster, record(1))
    assert payloads(receive(listener, 1)) == [1]


def test_a_forked_child_listens_by_itself(
    cluster: MockCluster, transport: Transport
) -> None:
    made = transport(
        cluster.url, kafka_driver_pool_auto_offset_reset="earliest"
    )
    driver = made._driver
    target = oslo_messaging.Target(topic="notifications")
    driver.listen_for_notifications([(target, "info")], group(), 1, None)
    put(cluster, *map(record, range(3)))
    assert payloads(receive(driver.listeners[0], 3)) == [0, 1, 2]

    def child() -> None:
        driver.listen_for_notifications([(target, "info")], group(), 1, None)
        (own,) = driver.listeners
        assert payloads(receive(own, 3)) == [0, 1, 2]
        made.cleanup()

    in_child(child)


# Pausing


class Calls:
    """A client whose pauses are remembered.

    pauses: for each the seconds since a record was asked for
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._asked = time.monotonic()
        self.pauses: list[float] = []
        self.resumes = 0

    def consume(self, *how: Any) -> Any:
        self._asked = time.monotonic()
        return self._client.consume(*how)

    def pause(self, partitions: Any) -> None:
        self.pauses.append(time.monotonic() - self._asked)
        self._client.pause(partitions)

    def resume(self, partitions: Any) -> None:
        self.resumes += 1
        self._client.resume(partitions)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.mark.parametrize("commit", ["before_dispatch", "after_dispatch"])
def test_a_full_listener_pauses_only_before_it_is_taken_for_dead(
    commit: str, cluster: MockCluster, conf: cfg.ConfigOpts, listen: Listen
) -> None:
    conf.register_opts(options.OPTS, group=options.GROUP)
    conf.set_override(
        "kafka_driver_librdkafka",
        ["session.timeout.ms = 6000", "max.poll.interval.ms = 9000"],
        group=options.GROUP,
    )
    put(cluster, *map(record, range(200)))
    listener = listen(kafka_driver_commit=commit, kafka_driver_max_in_flight=2)
    reading = listener._consumer
    wait_until(lambda: bool(listener.assignment()))
    reading._client = calls = Calls(reading._client)
    # Full for moments only, again and again.
    assert payloads(receive(listener, 100, 30)) == list(range(100))
    assert calls.pauses == []

    stuck = receive(listener, 2, finish=False)
    wait_until(lambda: calls.pauses != [])
    time.sleep(2)
    (waited,) = calls.pauses
    assert waited > 2.5  # about a third of the interval
    assert calls.resumes == 0

    for one in stuck:
        one.acknowledge()
    assert payloads(receive(listener, 98, 30)) == list(range(102, 200))
    assert len(calls.pauses) == calls.resumes == 1


# Rebalancing


@pytest.mark.parametrize("commit", ["before_dispatch", "after_dispatch"])
def test_what_was_fetched_just_before_a_rebalance_is_its_new_owners(
    commit: str, cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    listener = listen(kafka_driver_commit=commit, consumer_group=name)
    reading = listener._consumer
    wait_until(lambda: bool(listener.assignment()))
    real = reading._client

    class Revoking(Calls):
        """The first call returns the record, the second loses it."""

        def consume(self, number: int, timeout: float) -> Any:
            if number == 1:
                return real.consume(number, timeout)
            reading._on_revoke(
                real, [TopicPartition(*one) for one in reading.assignment()]
            )
            return []

    reading._client = Revoking(real)
    put(cluster, record(0))

    wait_until(lambda: not listener.assignment())
    assert listener.poll(timeout=2) == []
    assert committed(cluster, name) < 0


# Committing by the client library


def test_auto_commit_hands_on_without_a_commit_and_commits_later(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(5)))
    cluster.push_errors(
        mock_cluster.OFFSET_COMMIT,
        *[KafkaError.GROUP_AUTHORIZATION_FAILED] * 2,
    )
    listener = listen(consumer_group=name, enable_auto_commit=True)

    found = receive(listener, 5, finish=False)

    assert payloads(found) == list(range(5))
    wait_until(lambda: committed(cluster, name) == 5, 30)
    assert listener.statistics()["in_flight"] == 5


def test_auto_commit_at_the_end_covers_what_was_handed_on(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(5)))
    listener = listen(consumer_group=name, enable_auto_commit=True)
    receive(listener, 5)

    listener.stop()
    listener.cleanup()

    assert committed(cluster, name) == 5


def test_auto_commits_that_fail_are_logged(
    cluster: MockCluster,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster.push_errors(
        mock_cluster.OFFSET_COMMIT,
        *[KafkaError.GROUP_AUTHORIZATION_FAILED] * 20,
    )
    listener = listen(enable_auto_commit=True)
    put(cluster, record(0))
    receive(listener, 1)

    wait_until(lambda: "could not be committed" in caplog.text, 30)
    assert "GROUP_AUTHORIZATION_FAILED" in caplog.text


# Endpoints that hang, brokers that do not answer


def test_after_dispatch_an_endpoint_that_hangs_holds_only_the_offset(
    cluster: MockCluster, listen: Listen
) -> None:
    name = group()
    put(cluster, *map(record, range(100)))
    listener = listen(
        consumer_group=name,
        kafka_driver_commit="after_dispatch",
        kafka_driver_max_in_flight=4,
    )
    (hanging,) = receive(listener, 1, finish=False)

    assert payloads(receive(listener, 99, 30)) == list(range(1, 100))
    assert committed(cluster, name) < 0
    assert listener.statistics()["in_flight"] == 1

    hanging.acknowledge()
    wait_until(lambda: committed(cluster, name) == 100)


def test_a_thread_that_waits_for_a_coordinator_ends_with_the_session(
    cluster: MockCluster,
    conf: cfg.ConfigOpts,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
) -> None:
    conf.register_opts(options.OPTS, group=options.GROUP)
    conf.set_override(
        "kafka_driver_librdkafka",
        ["session.timeout.ms = 6000"],
        group=options.GROUP,
    )
    put(cluster, record(0))
    listener = listen(kafka_driver_commit="after_dispatch")
    (one,) = receive(listener, 1, finish=False)
    thread = listener._consumer._thread
    cluster.down()
    one.acknowledge()  # its offset has nowhere to go

    started = time.monotonic()
    listener.cleanup()
    assert time.monotonic() - started < 10

    assert "No broker has answered the last commit" in caplog.text
    wait_until(lambda: not thread.is_alive(), 30)
    cluster.up()


def test_a_defect_in_a_callback_gives_the_client_up_and_no_more(
    cluster: MockCluster,
    conf: cfg.ConfigOpts,
    listen: Listen,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conf.register_opts(options.OPTS, group=options.GROUP)
    conf.set_override(
        "kafka_driver_librdkafka",
        ["session.timeout.ms = 6000"],
        group=options.GROUP,
    )
    real, calls = Assignment.on_assign, []

    def on_assign(self: Any, client: Any, partitions: Any) -> None:
        calls.append(partitions)
        if len(calls) == 1:
            raise ZeroDivisionError("a defect")
        real(self, client, partitions)

    monkeypatch.setattr(Assignment, "on_assign", on_assign)
    put(cluster, record(0))

    assert payloads(receive(listen(), 1, 60)) == [0]
    assert "has failed (_FAIL: ZeroDivisionError: a defect)" in caplog.text


def test_no_callback_of_a_listener_raises(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    callbacks: dict[str, Callable[..., None]] = {}

    class Client:
        def __init__(self, settings: dict[str, Any], logger: Any) -> None:
            callbacks.update(
                (name, value)
                for name, value in settings.items()
                if callable(value)
            )

        def subscribe(self, _topics: Any, **how: Any) -> None:
            callbacks.update(how)

        def consume(self, *_how: Any) -> list[Any]:
            time.sleep(0.01)
            return []

        def close(self) -> None:
            pass

    monkeypatch.setattr(consumer.confluent_kafka, "Consumer", Client)
    listener = listen()
    wait_until(lambda: "on_lost" in callbacks)
    listener.cleanup()

    # The client library would run the next one with the exception pending.
    for callback in callbacks.values():
        callback("what", "it does not expect")
    assert len(callbacks) == 6


def test_a_pool_that_starts_survives_what_the_library_calls_next(
    cluster: MockCluster, transport: Transport
) -> None:
    def child() -> None:
        # A callback each millisecond, also behind that of the assignment.
        made = transport(cluster.url, kafka_driver_statistics_interval=0.001)
        target = oslo_messaging.Target(topic="notifications")
        made._driver.listen_for_notifications(
            [(target, "info")], group(), 1, None
        )
        (listener,) = made._driver.listeners
        wait_until(lambda: bool(listener.assignment()))
        time.sleep(1)
        put(cluster, record(1))
        assert payloads(receive(listener, 1)) == [1]
        made.cleanup()

    in_child(child, 60)


def test_cleanup_of_the_transport_waits_for_all_at_a_time(
    cluster: MockCluster,
    transport: Transport,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Slow(consumer.confluent_kafka.Consumer):  # type: ignore[misc]
        def close(self) -> None:
            time.sleep(2)
            super().close()

    monkeypatch.setattr(consumer.confluent_kafka, "Consumer", Slow)
    made = transport(
        cluster.url, kafka_driver_mode="buffered", kafka_driver_flush_timeout=2
    )
    target = oslo_messaging.Target(topic="notifications")
    for _ in range(3):
        made._driver.listen_for_notifications(
            [(target, "info")], group(), 1, None
        )
    put(cluster, record(1))
    listeners = made._driver.listeners
    wait_until(lambda: all(one.assignment() for one in listeners))
    # What nobody answers for as long as it may be waited for.
    made._send_notification(
        oslo_messaging.Target(topic="missing.info"), {}, {}, 2.0, -1
    )

    started = time.monotonic()
    made.cleanup()

    assert time.monotonic() - started < 6
    assert all(one.is_closed() for one in listeners)
