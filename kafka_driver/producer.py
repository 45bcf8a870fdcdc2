# SPDX-License-Identifier: Apache-2.0
"""Sending: confirmed or buffered, never silent about what was not sent.

A Sender has one Channel for each time that records may take: the client
library has one such time per producer.
"""

import functools
import logging
import math
import os
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException
from oslo_messaging import exceptions

from kafka_driver import admin, client_config, concurrency, errors
from kafka_driver.channel import Channel
from kafka_driver.gathering import GatheringChannel
from kafka_driver.lingering import LingeringChannel
from kafka_driver.parking import Record

LOG = logging.getLogger(__name__)

#: Seconds: the client library counts milliseconds in 32 bits.
_LONGEST = 2147483.0
#: The client library looks for expired records once a second.
_REPORT_DELAY = 1.5
#: Further distinct retry limits share the channels that exist.
_MAX_CHANNELS = 8
#: Seconds for the reports of what was not delivered when a channel closes.
_ENDING = 2.0
_WARNING_INTERVAL = 30.0
#: Seconds between two looks for room in a full queue.
_ROOM = 0.005


class Sender:
    """Sends records. Starts nothing before the first one.

    :param url: the TransportURL
    :param options: from options.register()
    """

    def __init__(self, url: Any, options: Any) -> None:
        self._url = url
        self._options = options
        self._confirmed = options.kafka_driver_mode == "confirmed"
        self._send_wait: float = options.kafka_driver_send_wait
        self._try_timeout: float = options.kafka_driver_try_timeout
        self._flush_timeout: float = options.kafka_driver_flush_timeout
        self._queue_bytes: int = options.kafka_driver_queue_max_kbytes * 1024
        self._start_afresh()

    def _start_afresh(self) -> None:
        self._lock = concurrency.Lock()
        self._channels: dict[float, Channel] = {}
        self._log = concurrency.LogQueue("kafka-driver-log")
        self._next_warning = 0.0

    def after_fork(self) -> None:
        """In a child: leave the parent's clients alone, get own ones.

        Destroying an inherited client waits for threads that did not come
        along, so it is kept.
        """
        _left_alone.append((self._channels, self._log))
        self._start_afresh()

    def send(
        self, topic: str, value: bytes, key: bytes | None, retry: int | None
    ) -> None:
        """Send a record as oslo.messaging's `retry` asks.

        :raises MessageDeliveryFailure: when it could not be delivered
        """
        limit = 0.0
        if retry is not None and retry >= 0:
            limit = min((retry + 1) * self._try_timeout, _LONGEST)
        if self._confirmed:
            self.deliver(topic, value, key, limit)
            return
        channel = self._channel(limit)
        try:
            if channel.send_unattended(topic, value, key):
                return
        except KafkaException as exc:
            raise errors.translate(
                exc, topic, len(value), channel.max_bytes()
            ) from None
        record = Record(topic, value, key)
        record.left = True
        self._submit(channel, record, limit)

    def deliver(
        self, topic: str, value: bytes, key: bytes | None, limit: float
    ) -> None:
        """Send a record and wait until the brokers have it.

        :param limit: seconds; 0 is the wait of a send without retry limit
        :raises MessageDeliveryFailure: when it could not be delivered
        """
        channel = self._channel(limit)
        record = Record(topic, value, key)
        record.done = concurrency.Signal()
        waited = self._submit(channel, record, limit)
        if limit:
            left = max(limit - waited, 0)
            self._wait(channel, record, record.done, left, limit)
        else:
            self._wait_for_ever(channel, record, record.done)
        if record.error is not None:
            raise errors.translate(
                record.error, topic, len(value), channel.max_bytes()
            )

    def statistics(self) -> dict[str, Any]:
        """What the producers did and what is queued, summed up."""
        channels = list(self._channels.values())
        latencies = sorted(
            value for channel in channels for value in channel.latencies()
        )
        return {
            "queued": sum(channel.queued() for channel in channels),
            "delivered": sum(channel.delivered for channel in channels),
            "failed": sum(channel.failed for channel in channels),
            "latency_ms": percentiles(latencies),
        }

    def close(self) -> None:
        """Deliver what is queued, for a bounded time, and end the threads.

        Sending again afterwards starts anew.
        """
        self.begin_close()()

    def begin_close(self) -> Callable[[], None]:
        """Close, and return what waits for the end of that.

        Who closes several begins with each before waiting for the first.
        """
        with self._lock:
            channels = list(self._channels.values())
            self._channels = {}
            _open.discard(self)
        deadline = time.monotonic() + self._flush_timeout
        for channel in channels:
            channel.close(deadline)
        return functools.partial(self._await_end, channels, deadline)

    def _await_end(self, channels: list[Channel], deadline: float) -> None:
        if not channels:
            return
        for channel in channels:
            channel.join(max(deadline + _ENDING - time.monotonic(), 0))
        if self._channels:  # somebody has sent meanwhile
            self._log.drain()
        else:
            self._log.close()
            if self._channels:  # somebody has, in the midst of that
                self._log.start()

    def _channel(self, limit: float) -> Channel:
        channel = self._channels.get(limit)
        if channel is not None:
            return channel
        # First of all: a child that is forked in the midst of it begins anew.
        _open.add(self)
        with self._lock:
            _open.add(self)  # it may have been closed meanwhile
            chosen = nearest(limit, self._channels)
            if chosen not in self._channels:
                made = self._make_channel(chosen)
                # A handler of a signal may have sent meanwhile, by its own.
                if self._channels.setdefault(chosen, made) is not made:
                    made.close(0.0)
            channel = self._channels[chosen]
        # Only now: who closes it sees that there is a channel.
        self._log.start()
        return channel

    def _make_channel(self, limit: float) -> Channel:
        settings = client_config.producer(self._url, self._options, limit)
        gathers = self._confirmed and not self._options.producer_batch_timeout
        kind = GatheringChannel if gathers else LingeringChannel
        try:
            return kind(settings, self._maker, self._log)
        except KafkaException as exc:
            raise errors.ConfigurationError(
                "the Kafka client refuses its settings: "
                + errors.reason(errors.kafka_error(exc))
            ) from None

    def _maker(self) -> admin.TopicMaker:
        options = self._options
        return admin.TopicMaker(
            client_config.admin(self._url, options),
            options.kafka_driver_create_topics,
            options.kafka_driver_topic_partitions,
            options.kafka_driver_topic_replication,
            self._log,
        )

    def _submit(self, channel: Channel, record: Record, limit: float) -> float:
        """Put a record into the queue; how long it waited for room there.

        Brokers that answer make room within moments, so that who sends
        faster than they take loses nothing. That they do not is found out
        once, as with a record that waits for them.

        :raises MessageDeliveryFailure: when there is no room, or the record
            is refused
        """
        started = now = time.monotonic()
        delivered = channel.delivered
        while True:
            try:
                channel.submit(record)
                return now - started
            except BufferError:
                if record.size > self._queue_bytes:
                    raise self._larger_than_queue(record) from None
                if _is_stalled(channel, record):
                    raise self._queue_full(record.topic) from None
                if now - started >= self._longest(limit):
                    _stall(channel, record, delivered)
                    raise self._queue_full(record.topic) from None
            except KafkaException as exc:
                raise errors.translate(
                    exc, record.topic, record.size, channel.max_bytes()
                ) from None
            time.sleep(_ROOM)
            now = time.monotonic()

    def _longest(self, limit: float) -> float:
        """Seconds to wait for room; 0 stands for no limit in both."""
        return min(self._send_wait or math.inf, limit or math.inf)

    def _wait(
        self,
        channel: Channel,
        record: Record,
        done: concurrency.Signal,
        seconds: float,
        limit: float,
    ) -> None:
        if done.wait(seconds):
            return
        if channel.cancel(record):
            raise self._not_in_time(channel, record, limit, sent=False)
        # The client library gives it the same time: its report says more.
        if not done.wait(_REPORT_DELAY):
            raise self._not_in_time(channel, record, limit, sent=True)

    def _wait_for_ever(
        self, channel: Channel, record: Record, done: concurrency.Signal
    ) -> None:
        if not _is_stalled(channel, record):
            delivered = channel.delivered
            if self._send_wait:
                done.wait(self._send_wait)
            else:
                while not (done.wait(5.0) or channel.ended):
                    pass
            if done.is_set():
                return
            _stall(channel, record, delivered)
        record.left = True
        if done.is_set():
            return
        now = time.monotonic()
        if now >= self._next_warning:
            self._next_warning = now + _WARNING_INTERVAL
            LOG.warning(
                "Kafka does not answer: notification for topic %s stays "
                "queued until it does, about %d are (last error: %s)",
                record.topic,
                channel.queued(),
                _last_error(channel, record.topic),
            )

    def _not_in_time(
        self, channel: Channel, record: Record, limit: float, sent: bool
    ) -> exceptions.MessageDeliveryFailure:
        outcome = " (it may have been delivered all the same)" if sent else ""
        return exceptions.MessageDeliveryFailure(
            f"Notification for topic {record.topic} was not delivered within "
            f"{limit:g} s: {_last_error(channel, record.topic)}{outcome}"
        )

    def _larger_than_queue(
        self, record: Record
    ) -> exceptions.MessageDeliveryFailure:
        return exceptions.MessageDeliveryFailure(
            f"Notification for topic {record.topic} was not delivered: the "
            f"record has {record.size} bytes and the queue takes no more "
            f"than {self._queue_bytes}; raise kafka_driver_queue_max_kbytes, "
            "or send less"
        )

    def _queue_full(self, topic: str) -> exceptions.MessageDeliveryFailure:
        options = self._options
        return exceptions.MessageDeliveryFailure(
            f"Notification for topic {topic} was not delivered: the queue is "
            f"full (kafka_driver_queue_max_messages="
            f"{options.kafka_driver_queue_max_messages}, "
            f"kafka_driver_queue_max_kbytes="
            f"{options.kafka_driver_queue_max_kbytes})"
        )


def _is_stalled(channel: Channel, record: Record) -> bool:
    """Whether a sender has waited in vain already."""
    return channel.silent or record.topic in channel.stalled


def _stall(channel: Channel, record: Record, delivered: int) -> None:
    """Spare later senders the wait, until something is delivered again.

    :param delivered: what had been when this one began to wait
    """
    channel.stalled.add(record.topic)
    if channel.delivered == delivered:
        channel.silent = True


def percentiles(ordered: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the maximum, in milliseconds."""
    if not ordered:
        return {}
    last = len(ordered) - 1
    found = {
        f"p{number}": ordered[round(last * number / 100)] * 1000
        for number in (50, 95, 99)
    }
    return {**found, "max": ordered[last] * 1000}


def nearest(limit: float, existing: dict[float, Any]) -> float:
    """The limit whose channel serves `limit`.

    Its own, unless there are many channels already: then the next longer
    one, or the longest.
    """
    if limit in existing or not limit or len(existing) < _MAX_CHANNELS:
        return limit
    longer = [value for value in existing if value >= limit]
    return min(longer) if longer else max(existing)


def _last_error(channel: Channel, topic: str) -> str:
    error = channel.refusals.get(topic) or channel.last_error
    return "no answer" if error is None else errors.reason(error)


#: Senders with threads: kept until they are closed, so that the records of
#: a transport which was dropped without cleanup() get out as well.
_open: set[Sender] = set()
#: A parent's clients in a forked child.
_left_alone: list[Any] = []


def close_all() -> None:
    """Close every sender that was left open, all at a time."""
    for wait in [sender.begin_close() for sender in list(_open)]:
        wait()


def _after_fork_in_child() -> None:
    senders = list(_open)
    _open.clear()
    for sender in senders:
        sender.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
