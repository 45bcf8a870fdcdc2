# SPDX-License-Identifier: Apache-2.0
"""Sending to a real broker: nothing lost, nothing twice, in order."""

import collections
import json
import os
import re
import subprocess
import sys
import threading
import time
from typing import Any

import oslo_messaging
import pytest
import sending
from bus.kafka import KafkaBroker
from confluent_kafka.admin import AdminClient, NewTopic
from oslo_messaging._drivers import impl_kafka
from receiving import wait_until

from kafka_driver import envelope

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def client(broker: KafkaBroker) -> dict[str, Any]:
    return {"bootstrap.servers": broker.bootstrap}


def create(broker: KafkaBroker, topic: NewTopic) -> None:
    admin = AdminClient(client(broker))
    admin.create_topics([topic])[topic.topic].result(10)


@pytest.fixture
def topic() -> str:
    return sending.new_topic()


@pytest.mark.parametrize("codec", CODECS)
def test_in_tree_listener_reads_what_we_send(
    kafka_broker: KafkaBroker, topic: str, codec: str
) -> None:
    sender = sending.transport(kafka_broker.url, compression_codec=codec)
    notifier = sending.notifier(sender, topic)
    notifier.info({}, "first", {"number": -1})  # makes the topic
    received: list[Any] = []

    class Endpoint:
        def info(self, *call: Any) -> None:
            received.append(call[:4])

    reader = sending.transport(kafka_broker.url.replace("-driver", ""))
    listener = oslo_messaging.get_notification_listener(
        reader,
        [oslo_messaging.Target(topic=topic)],
        [Endpoint()],
        executor="threading",
        pool=f"pool-{topic}",
    )
    # The in-tree driver starts at the end of the topic: send until it hears.
    listener.start()
    number = 0
    deadline = time.monotonic() + 60
    while len(received) < 3 and time.monotonic() < deadline:
        notifier.info({}, "event", {"number": number, "text": "ü"})
        number += 1
        time.sleep(0.2)
    listener.stop()
    listener.wait()
    reader.cleanup()
    sender.cleanup()
    _, publisher, event, payload = received[-1]
    assert (publisher, event) == ("tests", "event")
    assert payload["number"] in range(number)
    assert payload["text"] == "ü"


@pytest.mark.parametrize("codec", CODECS)
def test_records_are_compressed_as_asked(
    kafka_broker: KafkaBroker, topic: str, codec: str
) -> None:
    sender = sending.transport(kafka_broker.url, compression_codec=codec)
    sending.notifier(sender, topic).info({}, "e", {"fill": "x" * 5000})
    sender.cleanup()
    (record,) = sending.read(client(kafka_broker), f"{topic}.info", 1)
    assert envelope.decode(record.value())[1]["payload"]["fill"] == "x" * 5000
    (segment,) = kafka_broker.data_dir.glob(f"{topic}.info-0/*0.log")
    dumped = subprocess.run(
        [
            str(kafka_broker.home / "bin" / "kafka-dump-log.sh"),
            "--files",
            str(segment),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"compresscodec: {codec}" in dumped.stdout.lower()


def test_we_decode_what_the_in_tree_driver_sends(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    sender = sending.transport(kafka_broker.url.replace("-driver", ""))
    create(kafka_broker, NewTopic(f"{topic}.info", 1, 1))
    sending.notifier(sender, topic).info({"a": 1}, "e", {"b": [1, None]})
    sender.cleanup()
    (record,) = sending.read(client(kafka_broker), f"{topic}.info", 1)
    ctxt, message = envelope.decode(record.value())
    assert message["payload"] == {"b": [1, None]}
    assert impl_kafka.unpack_message(record.value()) == (ctxt, message)


def test_missing_topic_is_created_as_configured(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    sender = sending.transport(
        kafka_broker.url,
        kafka_driver_topic_partitions=3,
        kafka_driver_topic_replication=1,
    )
    sending.notifier(sender, topic).info({}, "e", {})
    sender.cleanup()
    name = f"{topic}.info"
    found = AdminClient(client(kafka_broker)).list_topics(name, 10)
    assert len(found.topics[name].partitions) == 3
    assert len(sending.read(client(kafka_broker), name, 1)) == 1


def test_senders_that_race_for_a_new_topic_all_get_through(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    senders = [sending.transport(kafka_broker.url) for _ in range(5)]
    threads = [
        threading.Thread(
            target=sending.notifier(sender, topic).info,
            args=({}, "e", {"number": number}),
        )
        for number, sender in enumerate(senders)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sender in senders:
        sender.cleanup()
    records = sending.read(client(kafka_broker), f"{topic}.info", 5)
    numbers = sorted(one["number"] for one in sending.payloads(records))
    assert numbers == list(range(5))


def test_missing_topic_that_may_not_be_created_is_a_failure(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    sender = sending.transport(
        kafka_broker.url, kafka_driver_create_topics=False
    )
    target = oslo_messaging.Target(topic=f"{topic}.info")
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure, match="UNKNOWN_TOPIC"
    ):
        sender._send_notification(target, {}, {}, 2.0, retry=3)
    sender.cleanup()
    names = AdminClient(client(kafka_broker)).list_topics(timeout=10).topics
    assert f"{topic}.info" not in names


def test_topic_that_was_deleted_is_made_again(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    sender = sending.transport(kafka_broker.url)
    notifier = sending.notifier(sender, topic)
    notifier.info({}, "e", 1)
    name = f"{topic}.info"
    admin = AdminClient(client(kafka_broker))
    admin.delete_topics([name])[name].result(10)
    # The broker puts the log aside a little later than it says so.
    log = kafka_broker.data_dir / f"{name}-0"
    wait_until(
        lambda: (
            name not in admin.list_topics(timeout=10).topics
            and not log.exists()
        )
    )
    notifier.info({}, "e", 2)
    sender.cleanup()
    records = sending.read(client(kafka_broker), name, 2, 3)
    assert sending.payloads(records) == [2]


def test_limit_of_the_topic_is_told(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    name = f"{topic}.info"
    create(
        kafka_broker,
        NewTopic(name, 1, 1, config={"max.message.bytes": "2000"}),
    )
    sender = sending.transport(kafka_broker.url)
    target = oslo_messaging.Target(topic=name)
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure,
        match=r"record of 50\d\d bytes is larger than the topic's max",
    ):
        sender._send_notification(target, {}, {"x": "y" * 5000}, 2.0, retry=-1)
    sender.cleanup()


def test_killed_broker_loses_nothing_repeats_nothing_and_keeps_the_order(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    sender = sending.transport(kafka_broker.url)
    target = oslo_messaging.Target(topic=f"{topic}.info")
    stop = threading.Event()
    sent: dict[int, int] = collections.defaultdict(int)

    def work(worker: int) -> None:
        while not stop.is_set():
            number = sent[worker]
            sender._send_notification(
                target, {}, {"payload": [worker, number]}, 2.0, retry=-1
            )
            sent[worker] += 1
            # The queue has room for what is sent while the broker starts.
            time.sleep(0.005)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):
            time.sleep(1.5)
            kafka_broker.kill()
            kafka_broker.start()
        time.sleep(1.5)
    finally:
        stop.set()
    for thread in threads:
        thread.join(60)
    sender.cleanup()
    total = sum(sent.values())
    records = sending.read(client(kafka_broker), target.topic, total + 1, 15)
    got: dict[int, list[int]] = collections.defaultdict(list)
    for worker, number in sending.payloads(records):
        got[worker].append(number)
    assert total > 100
    assert got == {n: list(range(sent[n])) for n in range(4)}


def test_outage_with_the_default_configuration_costs_send_wait_at_most(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    sender = sending.transport(kafka_broker.url)
    notifier = sending.notifier(sender, topic)
    took: list[float] = []

    def work(worker: int) -> None:
        for number in range(3):
            started = time.monotonic()
            notifier.info({}, "e", [worker, number])
            took.append(time.monotonic() - started)

    kafka_broker.stop()
    try:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        kafka_broker.start()
    assert len(took) == 150
    assert max(took) <= 30 + 2
    statistics = sender._driver.statistics
    wait_until(lambda: statistics()["producer"]["delivered"] >= 150, 60)
    sender.cleanup()
    records = sending.read(client(kafka_broker), f"{topic}.info", 151, 5)
    arrived = sorted(sending.payloads(records))
    assert arrived == [[n, i] for n in range(50) for i in range(3)]


def run_program(
    text: str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


PROGRAM = """
import os, signal, sys
from oslo_config import cfg
import oslo_messaging
conf = cfg.ConfigOpts()
conf([], default_config_files=[], default_config_dirs=[])
transport = oslo_messaging.get_notification_transport(conf, sys.argv[1])
notifier = oslo_messaging.Notifier(
    transport, "p", driver="messagingv2", topics=[sys.argv[2]])
for number in range(200):
    notifier.info({}, "e", number)
"""


@pytest.mark.parametrize("mode", ["confirmed", "buffered"])
def test_program_that_ends_without_cleanup_loses_nothing(
    kafka_broker: KafkaBroker, topic: str, mode: str
) -> None:
    url = f"{kafka_broker.url}?kafka_driver_mode={mode}"
    done = run_program(PROGRAM, url, topic)
    assert done.returncode == 0, done.stderr
    records = sending.read(client(kafka_broker), f"{topic}.info", 200)
    assert sending.payloads(records) == list(range(200))


def test_confirmed_notifications_survive_a_kill(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    program = PROGRAM + "os.kill(os.getpid(), signal.SIGKILL)"
    assert run_program(program, kafka_broker.url, topic).returncode == -9
    records = sending.read(client(kafka_broker), f"{topic}.info", 200)
    assert sending.payloads(records) == list(range(200))


def test_program_ends_in_bounded_time_and_counts_while_brokers_are_down(
    topic: str,
) -> None:
    url = "kafka-driver://127.0.0.1:9/?kafka_driver_mode=buffered"
    # A program that did not end would be killed, and fail the test.
    done = run_program(
        "import logging; logging.basicConfig()\n" + PROGRAM, url, topic
    )
    assert done.returncode == 0
    assert "200 notifications were not delivered" in done.stderr


SERVICE = """
import os, sys
from oslo_config import cfg
from oslo_service import service
import oslo_messaging
conf = cfg.ConfigOpts()
conf([], default_config_files=[], default_config_dirs=[])
transport = oslo_messaging.get_notification_transport(conf, sys.argv[1])
notifier = oslo_messaging.Notifier(
    transport, "p", driver="messagingv2", topics=[sys.argv[2]])
notifier.info({}, "e", "parent")


class Worker(service.Service):
    def start(self):
        super().start()
        for number in range(50):
            notifier.info({}, "e", number)
        # One write: the workers' lines would mix with an unbuffered print().
        os.write(1, b"done %d\\n" % os.getpid())


launcher = service.launch(conf, Worker(), workers=2)
launcher.wait()
"""


@pytest.mark.parametrize("mode", ["confirmed", "buffered"])
def test_workers_that_a_service_forks_lose_nothing(
    kafka_broker: KafkaBroker, topic: str, mode: str
) -> None:
    url = f"{kafka_broker.url}?kafka_driver_mode={mode}"
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            SERVICE,
            url,
            topic,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    workers = {process.stdout.readline() for _ in range(2)}
    if mode == "buffered":  # workers end by os._exit(), which flushes nothing
        sending.read(client(kafka_broker), f"{topic}.info", 101)
    process.terminate()
    process.communicate(timeout=60)
    assert len(workers) == 2
    assert [line.split()[0] for line in workers] == ["done", "done"]
    records = sending.read(client(kafka_broker), f"{topic}.info", 101)
    counted = collections.Counter(sending.payloads(records))
    assert counted == {"parent": 1, **dict.fromkeys(range(50), 2)}


GREEN = """
import eventlet
eventlet.monkey_patch()
import sys, time
from eventlet import tpool
from oslo_config import cfg
import logging
import oslo_messaging
logging.basicConfig(level=logging.INFO)
conf = cfg.ConfigOpts()
conf([], default_config_files=[], default_config_dirs=[])
transport = oslo_messaging.get_notification_transport(conf, sys.argv[1])
notifier = oslo_messaging.Notifier(
    transport, "p", driver="messagingv2", topics=[sys.argv[2]])
gaps, waits, took, running = [], [], [], [True]


def tick():
    while running:
        before = time.monotonic()
        eventlet.sleep(0.01)
        gaps.append(time.monotonic() - before)


def pool():
    while running:
        before = time.monotonic()
        tpool.execute(time.sleep, 0)
        waits.append(time.monotonic() - before)
        eventlet.sleep(0.01)


def send(number):
    before = time.monotonic()
    notifier.info({}, "e", number)
    took.append(time.monotonic() - before)


others = [eventlet.spawn(tick), eventlet.spawn(pool)]
eventlet.sleep(0.1)
for thread in [eventlet.spawn(send, n) for n in range(200)]:
    thread.wait()
running.clear()
for thread in others:
    thread.wait()
print(len(took), max(took), len(gaps), max(gaps), max(waits), flush=True)
if len(sys.argv) > 3:
    while transport._driver.statistics()["producer"]["queued"]:
        eventlet.sleep(0.1)
transport.cleanup()
"""


def test_green_threads_run_on_while_200_of_them_wait_for_brokers(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    kafka_broker.stop()
    url = f"{kafka_broker.url}?kafka_driver_send_wait=5"
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", GREEN, url, topic, "wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
    finally:
        kafka_broker.start()
    _, log = process.communicate(timeout=60)
    assert line, log
    sent, longest, ticks, gap, wait = map(float, line.split())
    assert process.returncode == 0, log
    assert sent == 200
    # A blocked hub shows as a gap of seconds, even on a busy machine.
    assert 5 <= longest < 15
    assert ticks > 100
    assert gap < 2.5
    assert wait < 2.5
    assert "greenlet.error" not in log
    assert "_ALL_BROKERS_DOWN" in log
    records = sending.read(client(kafka_broker), f"{topic}.info", 201, 5)
    assert sorted(sending.payloads(records)) == list(range(200))


def test_green_threads_get_their_confirmation(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    done = run_program(GREEN, kafka_broker.url, topic)
    assert done.returncode == 0, done.stderr
    sent, longest, *_ = map(float, done.stdout.split())
    assert (sent, longest < 10) == (200, True)
    records = sending.read(client(kafka_broker), f"{topic}.info", 201, 3)
    assert sorted(sending.payloads(records)) == list(range(200))


def test_command_sends_one_notification(
    kafka_broker: KafkaBroker, topic: str
) -> None:
    done = run_command(
        "send",
        "--url",
        kafka_broker.url,
        "--topic",
        topic,
        "--priority",
        "error",
        "--event-type",
        "x.y",
        "--publisher",
        "me",
        "--payload",
        '{"a": [1]}',
    )
    assert done.returncode == 0, done.stderr
    (record,) = sending.read(client(kafka_broker), f"{topic}.error", 1)
    _, message = envelope.decode(record.value())
    assert message["message_id"] in done.stdout
    assert re.fullmatch(r"\d{4}-\d\d-\d\d .*", message["timestamp"])
    assert (
        message["publisher_id"],
        message["event_type"],
        message["priority"],
        message["payload"],
    ) == ("me", "x.y", "ERROR", {"a": [1]})


def test_command_reads_the_configuration_as_a_service_does(
    kafka_broker: KafkaBroker, topic: str, tmp_path: Any
) -> None:
    path = tmp_path / "service.conf"
    path.write_text(
        "[DEFAULT]\ntransport_url = rabbit://nowhere/\n"
        "[oslo_messaging_notifications]\n"
        f"transport_url = {kafka_broker.url}\n"
    )
    done = run_command("send", "--config-file", str(path), "--topic", topic)
    assert done.returncode == 0, done.stderr
    records = sending.read(client(kafka_broker), f"{topic}.info", 1)
    assert json.loads(records[0].value())


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kafka_driver.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
