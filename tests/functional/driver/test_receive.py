# SPDX-License-Identifier: Apache-2.0
"""The promises of receiving, with a real broker."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import oslo_messaging
import pytest
import sending
from bus.kafka import KafkaBroker
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions
from receiving import (
    Reading,
    begin,
    committed,
    create,
    listen,
    put,
    wait_until,
)

from kafka_driver import order

Transport = Callable[..., Any]
MODES = ("before_dispatch", "after_dispatch")


@pytest.fixture
def transport(kafka_broker: KafkaBroker) -> Iterator[Transport]:
    """transport(option=value...): a transport that gets cleaned up."""
    made = []

    def make(url: str = kafka_broker.url, **options: Any) -> Any:
        made.append(sending.transport(url, **options))
        return made[-1]

    yield make
    for one in made:
        one.cleanup()


@pytest.fixture
def topic() -> str:
    return sending.new_topic()


class Endpoint:
    """Keeps the payloads of what it gets."""

    def __init__(self) -> None:
        self.payloads: list[Any] = []

    def info(self, _c: Any, _p: Any, _e: Any, payload: Any, _m: Any) -> None:
        self.payloads.append(payload)


def serve(
    transport: Any, topic: str, endpoint: Any, pool: str | None = None
) -> Any:
    server = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(topic=topic)],
        [endpoint],
        executor="threading",
        pool=pool,
    )
    server.start()
    return server


def test_notifications_cross_the_bus_in_both_directions(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    in_tree = sending.transport(f"kafka://{kafka_broker.bootstrap}/")
    ours, theirs = Endpoint(), Endpoint()
    create(kafka_broker.bootstrap, f"{topic}.info")
    servers = [
        serve(transport(), topic, ours, "ours"),
        serve(in_tree, topic, theirs, "theirs"),
    ]
    payload = {"text": "\u00fc\u2028", "numbers": [1, 2.5, None, 2**70]}

    # The in-tree listener starts with what comes later: send until it hears.
    sender = transport()

    def heard() -> bool:
        sending.notifier(sender, topic).info({}, "event", "too early")
        return bool(theirs.payloads)

    def received() -> list[list[Any]]:
        return [
            [one for one in endpoint.payloads if one != "too early"]
            for endpoint in (ours, theirs)
        ]

    wait_until(heard)
    for one in (sender, in_tree):
        sending.notifier(one, topic).info({}, "event", payload)
    in_tree._driver.pconn.producer.flush(10)

    wait_until(lambda: all(len(found) == 2 for found in received()))
    assert received() == [[payload] * 2] * 2
    for server in servers:
        server.stop()
        server.wait()
    in_tree.cleanup()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_what_the_in_tree_driver_compresses_is_read(
    codec: str, kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    in_tree = sending.transport(
        f"kafka://{kafka_broker.bootstrap}/", compression_codec=codec
    )
    for number in range(20):
        sending.notifier(in_tree, topic).info({}, "event", number)
    in_tree.cleanup()

    reading = Reading(listen(transport(), topic))

    wait_until(lambda: sorted(reading.payloads) == list(range(20)))
    reading.stop()


def test_what_was_sent_before_the_first_listener_is_read(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    put(kafka_broker.bootstrap, f"{topic}.info", range(10))

    reading = Reading(listen(transport(consumer_group=topic), topic))

    wait_until(lambda: sorted(reading.payloads) == list(range(10)))
    reading.stop()


def test_each_pool_gets_everything_once(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    create(kafka_broker.bootstrap, f"{topic}.info", 2)
    made = transport(kafka_driver_pool_auto_offset_reset="earliest")
    readings = [
        Reading(listen(made, topic, pool))
        for pool in (f"{topic}a", f"{topic}a", f"{topic}b")
    ]
    put(kafka_broker.bootstrap, f"{topic}.info", range(100))

    wait_until(lambda: sum(len(one.payloads) for one in readings) >= 200)
    time.sleep(1)
    first, second, other = (one.payloads for one in readings)
    assert sorted(first + second) == sorted(other) == list(range(100))
    for one in readings:
        one.stop()


def test_a_new_pool_starts_now_and_a_restart_of_it_loses_nothing(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full, 2)
    put(kafka_broker.bootstrap, full, range(10))
    listener = listen(transport(), topic, topic)
    wait_until(lambda: len(listener.assignment()) == 2)
    # Nothing was received, and still the pool has its place.
    listener.stop()
    listener.cleanup()
    put(kafka_broker.bootstrap, full, range(10, 20))

    reading = Reading(listen(transport(), topic, topic))

    wait_until(lambda: len(reading.payloads) == 10)
    time.sleep(1)
    assert sorted(reading.payloads) == list(range(10, 20))
    reading.stop()


def test_a_pool_reads_a_partition_that_is_added_from_its_beginning(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full)
    reading = Reading(listen(transport(), topic, topic))
    wait_until(lambda: len(reading.listener.assignment()) == 1)
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    admin.create_partitions([NewPartitions(full, 2)])[full].result(10)
    put(kafka_broker.bootstrap, full, range(5), partition=1)

    wait_until(lambda: reading.payloads == list(range(5)), timeout=15)
    reading.stop()


def test_a_topic_that_is_made_later_is_read_within_15_seconds(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    made = transport(consumer_group=topic, kafka_driver_create_topics=False)
    reading = Reading(listen(made, topic))
    time.sleep(7)
    create(kafka_broker.bootstrap, f"{topic}.info")
    put(kafka_broker.bootstrap, f"{topic}.info", range(5))

    wait_until(lambda: reading.payloads == list(range(5)), timeout=15)
    reading.stop()


def test_a_missing_topic_is_created_for_a_listener(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    listener = listen(transport(kafka_driver_topic_partitions=3), topic)

    wait_until(
        lambda: (
            listener.assignment()
            == {(f"{topic}.info", number) for number in range(3)}
        )
    )


def delete_what_a_group_has_not_read(
    bootstrap: str, made: Any, topic: str
) -> None:
    """The group is at offset 3; only 8 and 9 are left."""
    full = f"{topic}.info"
    create(bootstrap, full)
    put(bootstrap, full, range(3))
    reading = Reading(listen(made, topic))
    wait_until(lambda: len(reading.payloads) == 3)
    reading.stop()
    put(bootstrap, full, range(3, 10))
    admin = AdminClient({"bootstrap.servers": bootstrap})
    place = TopicPartition(full, 0, 8)
    admin.delete_records([place])[place].result(10)


def test_offsets_out_of_range_go_to_the_earliest_and_the_loss_is_counted(
    kafka_broker: KafkaBroker,
    transport: Transport,
    topic: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = transport(consumer_group=topic)
    delete_what_a_group_has_not_read(kafka_broker.bootstrap, made, topic)

    reading = Reading(listen(made, topic))

    wait_until(lambda: reading.payloads == [8, 9])
    wait_until(lambda: "5 records were deleted" in caplog.text)
    reading.stop()


def test_a_gap_that_brokers_do_not_explain_in_time_is_told_and_read_over(
    kafka_broker: KafkaBroker,
    transport: Transport,
    topic: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Silent:
        """Stands in for brokers that do not say where a partition begins."""

        def get_watermark_offsets(self, *_place: Any, **_how: Any) -> None:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    tell_gap = order.Order._tell_gap
    monkeypatch.setattr(
        order.Order,
        "_tell_gap",
        lambda self, _client, *gap: tell_gap(self, Silent(), *gap),
    )
    made = transport(consumer_group=topic)
    delete_what_a_group_has_not_read(kafka_broker.bootstrap, made, topic)

    reading = Reading(listen(made, topic))

    wait_until(lambda: reading.payloads == [8, 9])
    wait_until(lambda: "nothing was read from offset 3" in caplog.text)
    reading.stop()


@pytest.mark.parametrize("mode", MODES)
def test_a_restart_of_the_server_loses_nothing_and_repeats_nothing(
    mode: str, kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    create(kafka_broker.bootstrap, f"{topic}.info", 2)
    put(kafka_broker.bootstrap, f"{topic}.info", range(5000))
    made = transport(consumer_group=topic, kafka_driver_commit=mode)
    received: list[int] = []
    for _ in range(4):
        endpoint = Endpoint()
        server = serve(made, topic, endpoint)
        few = min(100, 4999 - len(received))
        wait_until(lambda seen=endpoint, few=few: len(seen.payloads) > few)
        server.stop()
        server.wait()
        received += endpoint.payloads
    last = Endpoint()
    server = serve(made, topic, last)

    wait_until(lambda: len(received) + len(last.payloads) >= 5000)
    server.stop()
    server.wait()

    assert sorted(received + last.payloads) == list(range(5000))


@pytest.mark.parametrize("mode", MODES)
def test_members_that_come_and_go_lose_nothing_and_repeat_nothing(
    mode: str, kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    # At most five members at a time: each of them gets a partition.
    create(kafka_broker.bootstrap, full, 6)
    made = transport(consumer_group=topic, kafka_driver_commit=mode)
    readings = [Reading(listen(made, topic), work=0.002)]
    for start in range(0, 3000, 500):
        put(kafka_broker.bootstrap, full, range(start, start + 500))
        readings.append(Reading(listen(made, topic), work=0.002))
        wait_until(lambda last=readings[-1]: bool(last.listener.assignment()))
        if start % 1000:
            readings[start // 1000].stop()

    wait_until(lambda: sum(len(one.payloads) for one in readings) >= 3000, 60)
    for one in readings:
        one.stop()
    received = [number for one in readings for number in one.payloads]
    assert sorted(received) == list(range(3000))


@pytest.mark.parametrize("mode", MODES)
def test_a_broker_that_is_killed_loses_nothing(
    mode: str, kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full)
    put(kafka_broker.bootstrap, full, range(1000))
    made = transport(consumer_group=topic, kafka_driver_commit=mode)
    reading = Reading(listen(made, topic), work=0.002)
    wait_until(lambda: len(reading.payloads) > 100)

    kafka_broker.kill()
    time.sleep(2)
    kafka_broker.start()
    put(kafka_broker.bootstrap, full, range(1000, 1200))

    wait_until(lambda: set(reading.payloads) == set(range(1200)), 90)
    reading.stop()
    if mode == "before_dispatch":
        assert len(reading.payloads) == 1200


PROGRAM = """
import os, sys, time
import oslo_messaging
from oslo_config import cfg

conf = cfg.ConfigOpts()
conf([], default_config_files=[], default_config_dirs=[])
transport = oslo_messaging.get_notification_transport(conf, sys.argv[1])

class Endpoint:
    def info(self, ctxt, publisher, event, payload, metadata):
        time.sleep(0.005)
        # One write for a line: print() of several threads mixes them.
        os.write(1, f"{payload}\n".encode())

server = oslo_messaging.get_notification_listener(
    transport, [oslo_messaging.Target(topic=sys.argv[2])], [Endpoint()],
    executor="threading")
server.start()
time.sleep(600)
"""


def kill_in_the_middle(broker: KafkaBroker, topic: str, mode: str) -> set[int]:
    """Kill a listening program after some notifications; what it printed."""
    url = f"{broker.url}?consumer_group={topic}&kafka_driver_commit={mode}"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, topic],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(100)]
    process.kill()
    lines += process.stdout.read().splitlines()
    process.wait(10)
    return {int(line) for line in lines if line.strip()}


@pytest.mark.parametrize("mode", MODES)
def test_a_crash_loses_at_most_what_is_in_flight_and_nothing_after_dispatch(
    mode: str, kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full)
    put(kafka_broker.bootstrap, full, range(1000))

    seen = kill_in_the_middle(kafka_broker, topic, mode)
    made = transport(consumer_group=topic, kafka_driver_commit=mode)
    reading = Reading(listen(made, topic))
    # The group waits 45 s for the member that was killed.
    wait_until(lambda: 999 in reading.payloads, 90)
    reading.stop()

    lost = set(range(1000)) - seen - set(reading.payloads)
    again = seen & set(reading.payloads)
    if mode == "after_dispatch":
        assert not lost
    else:
        # 64 is what the executor's pool makes of the limit.
        assert len(lost) <= 64
        assert not again


def test_after_dispatch_revoked_partitions_wait_for_endpoints(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full, 2)
    for partition in (0, 1):
        put(kafka_broker.bootstrap, full, range(10), partition)
    made = transport(
        consumer_group=topic, kafka_driver_commit="after_dispatch"
    )
    first = listen(made, topic)
    taken = []
    while len(taken) < 20:
        taken += first.poll(timeout=1)

    second = listen(made, topic)
    # Meanwhile the group rebalances, and the endpoints are still busy.
    time.sleep(4)
    for one in taken:
        one.acknowledge()
    wait_until(lambda: len(second.assignment()) == 1)

    assert second.poll(timeout=2) == []
    assert committed(kafka_broker.bootstrap, topic, full, 0) == 10
    assert committed(kafka_broker.bootstrap, topic, full, 1) == 10


def test_after_dispatch_late_acknowledgements_do_not_move_offsets(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full)
    put(kafka_broker.bootstrap, full, range(5))
    made = transport(
        consumer_group=topic,
        kafka_driver_commit="after_dispatch",
        kafka_driver_revoke_drain=0,
    )
    first = listen(made, topic)
    taken = []
    while len(taken) < 5:
        taken += first.poll(timeout=1)
    second = listen(made, topic)
    again = []
    while len(again) < 5:
        again += first.poll(timeout=0.5) + second.poll(timeout=0.5)

    for one in taken:
        one.acknowledge()
    time.sleep(1)

    assert committed(kafka_broker.bootstrap, topic, full) < 0
    for one in again:
        one.acknowledge()
    wait_until(lambda: committed(kafka_broker.bootstrap, topic, full) == 5)


def test_a_slow_endpoint_keeps_the_membership_and_nothing_is_repeated(
    kafka_broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full)
    put(kafka_broker.bootstrap, full, range(5))
    settings = tmp_path / "service.conf"
    settings.write_text(
        "[oslo_messaging_kafka]\n"
        f"consumer_group = {topic}\n"
        "kafka_driver_commit = after_dispatch\n"
        "kafka_driver_max_in_flight = 1\n"
        "kafka_driver_librdkafka = max.poll.interval.ms = 6000\n"
        "kafka_driver_librdkafka = session.timeout.ms = 6000\n"
    )
    conf = sending.empty_conf()
    conf([], default_config_files=[str(settings)], default_config_dirs=[])
    conf.register_opt(oslo_messaging.server._pool_opts[0])
    conf.set_override("executor_thread_pool_size", 1)
    made = oslo_messaging.get_notification_transport(conf, kafka_broker.url)
    listener = listen(made, topic)
    taken = []
    while not taken:
        taken = listener.poll(timeout=1)

    time.sleep(15)
    taken[0].acknowledge()
    received = [0]
    while len(received) < 5:
        for one in listener.poll(timeout=10):
            received.append(one.message["payload"])
            one.acknowledge()

    assert received == list(range(5))
    wait_until(lambda: committed(kafka_broker.bootstrap, topic, full) == 5)
    made.cleanup()


def test_a_member_beside_an_in_tree_one_shares_the_group(
    kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full, 2)
    # Without a place the in-tree member would start with what comes later.
    begin(kafka_broker.bootstrap, topic, full, 2)
    in_tree = sending.transport(
        f"kafka://{kafka_broker.bootstrap}/", consumer_group=topic
    )
    theirs = Endpoint()
    server = serve(in_tree, topic, theirs)
    reading = Reading(listen(transport(consumer_group=topic), topic))
    wait_until(lambda: len(reading.listener.assignment()) == 1)

    put(kafka_broker.bootstrap, full, range(100), partition=0)
    put(kafka_broker.bootstrap, full, range(100, 200), partition=1)

    wait_until(lambda: len(theirs.payloads) + len(reading.payloads) >= 200)
    assert sorted(theirs.payloads + reading.payloads) == list(range(200))
    assert theirs.payloads
    assert reading.payloads
    reading.stop()
    server.stop()
    server.wait()
    in_tree.cleanup()


@pytest.mark.skipif(
    confluent_kafka.libversion()[1] < 0x020C0000,
    reason="this client library speaks a draft of the protocol",
)
@pytest.mark.parametrize("mode", MODES)
def test_the_consumer_protocol_works_when_chosen(
    mode: str, kafka_broker: KafkaBroker, transport: Transport, topic: str
) -> None:
    full = f"{topic}.info"
    create(kafka_broker.bootstrap, full, 4)
    made = transport(
        consumer_group=topic,
        kafka_driver_group_protocol="consumer",
        kafka_driver_commit=mode,
    )
    put(kafka_broker.bootstrap, full, range(500))
    readings = [Reading(listen(made, topic), work=0.002)]
    wait_until(lambda: len(readings[0].payloads) > 50)
    readings.append(Reading(listen(made, topic), work=0.002))
    wait_until(lambda: len(readings[1].listener.assignment()) == 2)
    put(kafka_broker.bootstrap, full, range(500, 1000))

    wait_until(lambda: sum(len(one.payloads) for one in readings) >= 1000)
    for one in readings:
        one.stop()
    received = [number for one in readings for number in one.payloads]
    assert sorted(received) == list(range(1000))


GREEN = """
import eventlet
eventlet.monkey_patch()
import sys, time
import oslo_messaging
from oslo_config import cfg

conf = cfg.ConfigOpts()
conf([], default_config_files=[], default_config_dirs=[])
transport = oslo_messaging.get_notification_transport(conf, sys.argv[1])
got, late = [], []

class Endpoint:
    def info(self, ctxt, publisher, event, payload, metadata):
        eventlet.sleep(0.01)
        got.append(payload)

def tick():
    while True:
        before = time.monotonic()
        eventlet.sleep(0.01)
        late.append(time.monotonic() - before - 0.01)

eventlet.spawn(tick)
server = oslo_messaging.get_notification_listener(
    transport, [oslo_messaging.Target(topic=sys.argv[2])], [Endpoint()],
    executor="eventlet")
server.start()
deadline = time.monotonic() + 60
while len(got) < 500 and time.monotonic() < deadline:
    eventlet.sleep(0.05)
server.stop()
server.wait()
transport.cleanup()
print(sorted(got) == list(range(500)), max(late) < 2.5)
"""


@pytest.mark.parametrize("mode", MODES)
def test_green_threads_receive_and_go_on(
    mode: str, kafka_broker: KafkaBroker, topic: str
) -> None:
    put(kafka_broker.bootstrap, f"{topic}.info", range(500))
    url = f"{kafka_broker.url}?consumer_group={topic}"

    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            GREEN,
            f"{url}&kafka_driver_commit={mode}",
            topic,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.split() == ["True", "True"], done.stderr


def tail(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kafka_driver.cli.main", "tail", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_tail_shows_what_there_is_and_commits_nothing(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    put(kafka_broker.bootstrap, f"{topic}.info", range(3))

    done = tail(
        "--url",
        kafka_broker.url,
        f"--topic={topic}",
        "--since=beginning",
        "--count=3",
        "--timeout=20",
        "--json",
    )

    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(one["message"]["payload"] for one in shown) == [0, 1, 2]
    assert done.returncode == 0
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    groups = admin.list_consumer_groups().result(10).valid
    assert "kafka-driver-tail" not in {one.group_id for one in groups}


def test_tail_shows_what_comes_also_on_a_topic_that_is_made_later(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "kafka_driver.cli.main", "tail"),
            *("--url", kafka_broker.url, "--topic", topic),
            *("--count", "2", "--timeout", "30"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(4)
    # On a busy machine it may have looked for topics after the first ones.
    while process.poll() is None:
        put(kafka_broker.bootstrap, f"{topic}.info", [7, 8])
        time.sleep(2)

    output, _ = process.communicate(timeout=40)

    assert process.returncode == 0
    assert {line[-1] for line in output.splitlines()} <= {"7", "8"}


def test_tail_says_in_one_sentence_that_too_little_came_or_nobody_answers(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    few = tail(
        "--url",
        kafka_broker.url,
        f"--topic={topic}",
        "--count=1",
        "--timeout=4",  # connecting is a part of it
    )
    nobody = tail("--url", "kafka-driver://127.0.0.1:1/", "--timeout=1")

    assert few.returncode == nobody.returncode == 1
    # The topic is not there before somebody sends.
    waiting, too_few = few.stderr.splitlines()
    assert waiting.startswith(f"kafka-driver: waiting for {topic}.audit, ")
    assert too_few == "kafka-driver: 0 of 1 notifications came within 4 s"
    assert nobody.stderr.startswith("kafka-driver: no broker answers")
    assert nobody.stderr.count("\n") == 1
