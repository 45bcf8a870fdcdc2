# SPDX-License-Identifier: Apache-2.0
"""One measurement in a process of its own; prints its result as JSON.

worker.py '{"work": "send", "peer": "kafka-driver", ...}'; see Task.
"""

import json
import resource
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import oslo_messaging
import payload
from confluent_kafka import Consumer, Producer, TopicPartition
from oslo_config import cfg

#: Nothing heard for so long: what is missing by then is lost.
SILENCE = 15.0
PAUSE = 0.05
#: The number of what is sent before the measurement, so that connections and
#: topics are there; and the seconds for that.
FIRST, FIRST_TIME = -1, 1.0


@dataclass(frozen=True)
class Task:
    """What one process does.

    :param url: transport URL of the peer
    :param topic: without the priority
    :param group: consumer group; its offsets are at the topic's start
    """

    work: str
    peer: str
    url: str
    bootstrap: str
    topic: str
    group: str
    count: int
    size: int
    threads: int


@dataclass
class Result:
    """What it took.

    :param cpu: seconds of processor time, of all threads
    :param seen: numbers of the notifications that an endpoint got
    :param latencies: milliseconds
    """

    seconds: float = 0.0
    cpu: float = 0.0
    seen: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


def transport(task: Task) -> Any:
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[], default_config_dirs=[])
    return oslo_messaging.get_notification_transport(conf, task.url)


def notifier(made: Any, task: Task) -> oslo_messaging.Notifier:
    return oslo_messaging.Notifier(
        made, "benchmark", driver="messagingv2", topics=[task.topic]
    )


def cpu_time() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def measured(result: Result) -> Iterator[None]:
    cpu, start = cpu_time(), time.monotonic()
    yield
    result.seconds = time.monotonic() - start
    result.cpu = cpu_time() - cpu


# Sending: until the brokers have everything.


def in_threads(task: Task, send: Callable[[int], None]) -> None:
    """Send every number once, from so many threads."""

    def work(first: int) -> None:
        for number in range(first, task.count, task.threads):
            send(number)

    threads = [
        threading.Thread(target=work, args=(first,))
        for first in range(task.threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def send(task: Task, result: Result, confirmed: bool = False) -> None:
    if task.peer == "raw":
        send_raw(task, result, confirmed or task.threads > 1)
        return
    made = transport(task)
    sender = notifier(made, task)
    body = payload.make(task.size)

    def put(number: int) -> None:
        sender.info({}, "benchmark", {"n": number, **body})

    put(FIRST)
    time.sleep(FIRST_TIME)
    with measured(result):
        in_threads(task, put)
        # In-tree and buffered sends are done when the queue is empty.
        made.cleanup()


def send_confirmed(task: Task, result: Result) -> None:
    send(task, result, confirmed=True)


def send_raw(task: Task, result: Result, confirmed: bool) -> None:
    """The client library and json, with the same guarantees."""
    producer = Producer(
        {
            "bootstrap.servers": task.bootstrap,
            "enable.idempotence": True,
            "linger.ms": 0 if confirmed else 5,
        }
    )
    body = payload.make(task.size)
    running = [True]

    def poll() -> None:
        while running:
            producer.poll(0.1)

    def put(number: int) -> None:
        done = threading.Event()
        value = json.dumps({"n": number, **body}).encode()
        while True:
            try:
                producer.produce(
                    f"{task.topic}.info",
                    value,
                    on_delivery=lambda error, _: error or done.set(),
                )
                break
            except BufferError:
                time.sleep(0.001)
        if confirmed:
            done.wait(SILENCE)

    poller = threading.Thread(target=poll)
    poller.start()
    put(FIRST)
    time.sleep(FIRST_TIME)
    with measured(result):
        in_threads(task, put)
        producer.flush(SILENCE)
    running.clear()
    poller.join()


# Receiving: from the first notification to the last.


class Endpoint:
    """Notes what comes, and when the first and the last came."""

    def __init__(self, count: int) -> None:
        self.seen: list[int] = []
        self.latencies: list[float] = []
        self.first = self.last = 0.0
        self.cpu_first = self.cpu_last = 0.0
        self.done = threading.Event()
        self._count = count
        self._lock = threading.Lock()

    def note(self, bodies: list[dict[str, Any]]) -> None:
        with self._lock:
            self.last = time.monotonic()
            if not self.seen:
                self.first, self.cpu_first = self.last, cpu_time()
            self.seen += [one["n"] for one in bodies]
            if len(self.seen) >= self._count:
                self.cpu_last = cpu_time()
                self.done.set()

    def wait(self) -> None:
        """Until all came, or nothing more comes."""
        started = time.monotonic()
        while not self.done.wait(0.5):
            if time.monotonic() - (self.last or started + 30) > SILENCE:
                self.cpu_last = cpu_time()
                break


class Single(Endpoint):
    def info(self, ctxt, publisher, event, body, metadata):  # type: ignore[no-untyped-def]
        if "sent" in body:
            self.latencies.append(1000 * (time.monotonic() - body["sent"]))
        self.note([body])


class Batch(Endpoint):
    def info(self, messages):  # type: ignore[no-untyped-def]
        self.note([one["payload"] for one in messages])


def finish(result: Result, endpoint: Endpoint) -> None:
    result.seconds = endpoint.last - endpoint.first
    result.cpu = endpoint.cpu_last - endpoint.cpu_first
    result.seen = endpoint.seen
    result.latencies = endpoint.latencies


@contextmanager
def listening(task: Task, endpoint: Endpoint, batch: int) -> Iterator[Any]:
    made = transport(task)
    targets = [oslo_messaging.Target(topic=task.topic)]
    # On rabbit a pool is a queue of its own, without what was sent before.
    pool = None if task.peer == "rabbit" else task.group
    if batch > 1:
        server = oslo_messaging.get_batch_notification_listener(
            made,
            targets,
            [endpoint],
            executor="threading",
            pool=pool,
            batch_size=batch,
            batch_timeout=1,
        )
    else:
        server = oslo_messaging.get_notification_listener(
            made, targets, [endpoint], executor="threading", pool=pool
        )
    server.start()
    yield made
    server.stop()
    server.wait()
    made.cleanup()


def receive_batch(task: Task, result: Result) -> None:
    if task.peer == "raw":
        receive_raw(task, result, 500)
        return
    endpoint = Batch(task.count)
    with listening(task, endpoint, 500):
        endpoint.wait()
    finish(result, endpoint)


def receive_single(task: Task, result: Result) -> None:
    if task.peer == "raw":
        receive_raw(task, result, 1)
        return
    endpoint = Single(task.count)
    with listening(task, endpoint, 1):
        endpoint.wait()
    finish(result, endpoint)


def raw_consumer(task: Task) -> Consumer:
    consumer = Consumer(
        {
            "bootstrap.servers": task.bootstrap,
            "group.id": task.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([f"{task.topic}.info"])
    return consumer


def decoded(record: Any) -> dict[str, Any]:
    """The payload of a record, by the standard library."""
    body = json.loads(record.value())
    if "oslo.message" in body:
        body = json.loads(body["oslo.message"])["payload"]
    return body


def receive_raw(task: Task, result: Result, batch: int) -> None:
    endpoint = Endpoint(task.count)
    consumer = raw_consumer(task)
    started = time.monotonic()
    while not endpoint.done.is_set():
        records = [
            one for one in consumer.consume(batch, 1.0) if one.error() is None
        ]
        if records:
            endpoint.note([decoded(one) for one in records])
            # Once for a batch, as a listener with promises does.
            if batch > 1:
                consumer.commit(asynchronous=False)
        elif time.monotonic() - (endpoint.last or started + 30) > SILENCE:
            break
    endpoint.cpu_last = endpoint.cpu_last or cpu_time()
    consumer.close()
    finish(result, endpoint)


# From notify to endpoint.


def at_a_low_rate(
    task: Task, endpoint: Endpoint, put: Callable[[dict[str, Any]], None]
) -> None:
    """Send from a thread, as services do."""
    sender = threading.Thread(target=send_slowly, args=(task, endpoint, put))
    sender.start()
    sender.join()


def send_slowly(
    task: Task, endpoint: Endpoint, put: Callable[[dict[str, Any]], None]
) -> None:
    """Send until it is heard, and then the notifications that count."""
    body = payload.make(task.size)
    deadline = time.monotonic() + 60
    while not endpoint.seen and time.monotonic() < deadline:
        put({"n": FIRST, **body})
        time.sleep(0.2)
    time.sleep(1)
    endpoint.latencies.clear()
    for number in range(task.count):
        put({"n": number, "sent": time.monotonic(), **body})
        time.sleep(PAUSE)
    deadline = time.monotonic() + SILENCE
    while len(endpoint.latencies) < task.count and time.monotonic() < deadline:
        time.sleep(0.05)


def latency(task: Task, result: Result) -> None:
    if task.peer.startswith("raw"):
        latency_raw(task, result, commit=task.peer == "raw")
        return
    endpoint = Single(10**9)
    with measured(result), listening(task, endpoint, 1) as made:
        sender = notifier(made, task)
        at_a_low_rate(
            task, endpoint, lambda body: sender.info({}, "benchmark", body)
        )
    result.seen, result.latencies = endpoint.seen, endpoint.latencies


def latency_raw(task: Task, result: Result, commit: bool) -> None:
    """The client library; what it commits is committed before dispatch."""
    endpoint = Single(10**9)
    producer = Producer({"bootstrap.servers": task.bootstrap, "linger.ms": 0})
    running = [True]

    def read() -> None:
        consumer = raw_consumer(task)
        while running:
            for record in consumer.consume(1, 0.2):
                if record.error() is None:
                    if commit:
                        consumer.commit(record, asynchronous=False)
                    endpoint.info({}, "", "", decoded(record), {})
        consumer.close()

    def put(body: dict[str, Any]) -> None:
        producer.produce(f"{task.topic}.info", json.dumps(body).encode())
        producer.poll(0)

    reader = threading.Thread(target=read)
    with measured(result):
        reader.start()
        at_a_low_rate(task, endpoint, put)
        running.clear()
        reader.join()
        producer.flush(SILENCE)
    result.seen, result.latencies = endpoint.seen, endpoint.latencies


# What rabbit's queue holds after sending.


def drain_rabbit(task: Task, result: Result) -> None:
    endpoint = Single(task.count + 1)
    with listening(task, endpoint, 1):
        endpoint.wait()
    finish(result, endpoint)


# What a topic holds after sending.


def read_topic(task: Task, result: Result) -> None:
    consumer = raw_consumer(task)
    consumer.unsubscribe()
    name = f"{task.topic}.info"
    found = consumer.list_topics(name, 10).topics[name].partitions
    places = [TopicPartition(name, number, 0) for number in found]
    left = sum(
        consumer.get_watermark_offsets(place, timeout=10)[1]
        for place in places
    )
    consumer.assign(places)
    deadline = time.monotonic() + 60
    while left > 0 and time.monotonic() < deadline:
        for record in consumer.consume(1000, 1.0):
            if record.error() is None:
                result.seen.append(decoded(record)["n"])
                left -= 1
    consumer.close()


WORKS = {
    work.__name__: work
    for work in (
        send,
        send_confirmed,
        receive_batch,
        receive_single,
        latency,
        drain_rabbit,
        read_topic,
    )
}


def main() -> None:
    task = Task(**json.loads(sys.argv[1]))
    result = Result()
    WORKS[task.work](task, result)
    numbers = {"median_latency": 0.0, "latency_99": 0.0}
    if result.latencies:
        ordered = sorted(result.latencies)
        numbers["median_latency"] = statistics.median(ordered)
        numbers["latency_99"] = ordered[int(len(ordered) * 0.99)]
    seen = [number for number in result.seen if number != FIRST]
    counted = set(seen)
    print(
        json.dumps(
            {
                "seconds": result.seconds,
                "cpu": result.cpu,
                "received": len(counted),
                "duplicated": len(seen) - len(counted),
                **numbers,
                "task": asdict(task) | {"url": ""},
            }
        )
    )


if __name__ == "__main__":
    main()
