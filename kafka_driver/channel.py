# SPDX-License-Identifier: Apache-2.0
"""A Kafka producer with the native thread that polls it.

Records wait here until their topic is known to exist. The client library
never gets one before: what it has sent is of unknown outcome when something
fails, and sending that again would duplicate it.

Who hands records over, and when, is for the two kinds: gathering.py and
lingering.py.
"""

import abc
import collections
import contextlib
import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from kafka_driver import admin, client_config, concurrency, errors
from kafka_driver.parking import Parking, Record

LOG = logging.getLogger(__name__)

#: Native calls last at most this long, so that a thread can be ended.
_SLICE = 0.1
_MAX_BACK_OFF = 30.0
#: For the reports of purged records.
_PURGE_TIME = 1.0
_DEFECT_PAUSE = 1.0
#: A record fails when its topic was looked for this often.
_UNKNOWN_TRIES = 3
#: The client library's default for message.max.bytes.
_DEFAULT_MAX_BYTES = 1000000


class Channel(abc.ABC):
    """A producer with its thread.

    :param settings: of the producer, from client_config.producer()
    :param maker: makes a TopicMaker, for the thread's use
    """

    def __init__(
        self,
        settings: dict[str, Any],
        maker: Callable[[], admin.TopicMaker],
        log: concurrency.LogQueue,
    ) -> None:
        self._settings = settings
        self._max_bytes = int(
            settings.get("message.max.bytes", _DEFAULT_MAX_BYTES)
        )
        self._max_records: int = settings["queue.buffering.max.messages"]
        self._max_queued: int = settings["queue.buffering.max.kbytes"] * 1024
        self._make_maker = maker
        self._log = log
        self._lock = concurrency.Lock()
        #: Who holds it sees to reports and parked records.
        self._turn = concurrency.Lock()
        self._ready: set[str] = set()
        #: Topics that the client believes to be missing.
        self._stale: set[str] = set()
        self._parked = Parking()
        #: Of the main thread, for the channel's thread to park.
        self._inbox: collections.deque[Record] = collections.deque()
        #: Bytes that came into it, written by the main thread only, and that
        #: were taken out, by the channel's thread only.
        self._dropped_in = self._admitted = 0
        #: Some parked records may be cancelled.
        self._cancelled = False
        self._wake = concurrency.Signal()
        #: Seconds that a record may take; 0: no limit.
        self._limit: float = settings["message.timeout.ms"] / 1000
        self._failures: collections.Counter[tuple[str, str]] = (
            collections.Counter()
        )
        self._reported: set[int] = set()
        self._fatal: KafkaError | None = None
        self._stop_at: float | None = None
        self._latencies: collections.deque[float] = collections.deque(
            maxlen=1000
        )
        self.delivered = 0
        self.failed = 0
        self.ended = False
        self.last_error: KafkaError | None = None
        self.raw_statistics = ""
        #: Why topics that records wait for could not be made.
        self.refusals: dict[str, KafkaError] = {}
        #: Topics for which a sender waited in vain, until one is delivered.
        self.stalled: set[str] = set()
        #: Nothing was delivered since a sender waited in vain.
        self.silent = False
        self._client: Any = self._build()
        self._thread = concurrency.NativeThread(
            self._run, "kafka-driver-producer"
        )
        self._thread.start()

    @abc.abstractmethod
    def _wait(self) -> None:
        """For the thread: wait until there is work, or may be."""

    @abc.abstractmethod
    def _work(self, maker: admin.TopicMaker) -> None:
        """For who has the turn: hand records over and take reports."""

    # Called by senders.

    def send_unattended(
        self, topic: str, value: bytes, key: bytes | None
    ) -> bool:
        """Take over a record that nobody waits for, without an object of ours.

        :returns: False when it is to be submitted instead
        :raises KafkaException: when the channel has ended meanwhile
        """
        del topic, value, key
        return False

    @abc.abstractmethod
    def submit(self, record: Record) -> None:
        """Take over a record.

        :raises BufferError: when the queue is full
        :raises KafkaException: when the client library refuses it
        """

    def cancel(self, record: Record) -> bool:
        """Take back a record that the client library has not got yet."""
        record.cancelled = True
        if not record.claim.acquire(False):
            return False
        self._cancelled = True
        return True

    def queued(self) -> int:
        """How many records wait; the client counts its own events too."""
        client = self._client
        return self._waiting() + (0 if client is None else len(client))

    def _waiting(self) -> int:
        """How many records the client library has not got."""
        return self._parked.count + len(self._inbox)

    def _drop_in(self, record: Record) -> None:
        """Take over a record of the main thread, which takes no lock here.

        A handler of a signal may come in the midst of what the lock is for,
        and wait for a notification of its own, whose thread wants the lock.
        """
        self._check_room(record)
        self._dropped_in += record.size
        self._inbox.append(record)
        # The thread may be at it as well; then its report tells.
        if self.ended and record.claim.acquire(False):
            raise KafkaException(KafkaError(KafkaError._DESTROY))

    def max_bytes(self) -> int:
        return self._max_bytes

    def latencies(self) -> list[float]:
        """Seconds from produce to acknowledgement, of the last records."""
        return sorted(self._latencies)

    def close(self, deadline: float) -> None:
        """Deliver what is queued until `deadline`, then end the thread."""
        self._stop_at = deadline
        self._wake.set()

    def join(self, timeout: float) -> bool:
        return self._thread.join(timeout)

    def _hand_over(self, record: Record) -> bool:
        """Produce a record, unless its sender has given it up.

        :returns: False when it has to wait
        """
        if not record.claim.acquire(False):
            return True
        produced = False
        try:
            produced = self._produce(record)
        finally:
            if not produced:
                record.claim.release()
        return produced

    def _produce(self, record: Record) -> bool:
        """Hand a record to the client; False when that is of no more use."""
        client = self._client
        if client is None:
            return False
        # The client library takes a copy. Its report may come, and give the
        # value back, before the call has returned.
        value, record.value = record.value, None
        try:
            client.produce(
                record.topic,
                value,
                record.key,
                on_delivery=functools.partial(self._on_delivery, record),
            )
        except BufferError:
            record.value = value
            raise
        except KafkaException as exc:
            record.value = value
            error = errors.kafka_error(exc)
            if errors.is_fatal(error):
                self._fatal = error
                return False
            if self._try_again(record, error):
                return False
            self._look_anew(record.topic, error)
            raise
        return True

    def _look_anew(self, topic: str, error: KafkaError) -> None:
        """Let the next record find out whether a refusal still holds.

        The client would go on to refuse by itself for some minutes.
        """
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            self._ready.discard(topic)
            self._stale.add(topic)

    def _try_again(self, record: Record, error: KafkaError) -> bool:
        """Whether to look for the topic again: somebody deleted it."""
        if error.code() not in errors.NEVER_SENT:
            return False
        self._ready.discard(record.topic)
        self._stale.add(record.topic)
        record.unknown += 1
        return record.unknown < _UNKNOWN_TRIES

    def _check_room(self, record: Record) -> None:
        if self.ended:
            raise KafkaException(KafkaError(KafkaError._DESTROY))
        if record.size > self._max_bytes:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        records, size = self._load()
        if (
            records >= self._max_records
            or size + record.size > self._max_queued
        ):
            raise BufferError

    def _load(self) -> tuple[int, int]:
        """Records that the queue's limits are for, and their bytes.

        The client library counts itself what it has got.
        """
        dropped_in = self._dropped_in - self._admitted
        return self._waiting(), self._parked.bytes + dropped_in

    def _park(self, record: Record) -> None:
        self._parked.add(record)
        if self._limit and not record.expires:
            record.expires = time.monotonic() + self._limit

    # Called by the thread, callbacks of the client library included.

    def _run(self) -> None:
        maker = self._make_maker()
        self.refusals = maker.refusals
        back_off = 1.0
        while self._stop_at is None or (
            self.queued() and time.monotonic() < self._stop_at
        ):
            try:
                self._wait()
                with self._turn:
                    self._work(maker)
                    if self._cancelled:
                        self._drop_cancelled()
                    if self._limit:
                        self._expire_parked()
                    self._tell_failures()
                    if self._fatal is not None and self._stop_at is None:
                        self._rebuild(back_off)
                        back_off = min(back_off * 2, _MAX_BACK_OFF)
                    elif not self._reported:
                        back_off = 1.0
            except Exception as exc:
                # It ends no thread: every record behind it would wait.
                self._tell_defect(exc)
                self._poll(None, _DEFECT_PAUSE)
        maker.close()
        with self._turn:
            self._tell_failures()
            self._give_up()

    def _patience(self) -> float:
        """How long to wait for something to happen."""
        # Records whose topic is being looked for should not wait.
        hurry = self._waiting() and self.last_error is None
        return _SLICE / 10 if hurry else _SLICE

    def _tell_defect(self, exc: Exception) -> None:
        self._log.put(
            LOG,
            logging.ERROR,
            "Sending goes on after an unexpected %s: %s",
            type(exc).__name__,
            exc,
        )

    def _build(self) -> Any:
        return confluent_kafka.Producer(
            self._settings_of_client(),
            logger=concurrency.QueueLogger(self._log, LOG),
        )

    def _settings_of_client(self) -> dict[str, Any]:
        return {
            **self._settings,
            "client.id": client_config.client_id(),
            "error_cb": self._on_error,
            "stats_cb": self._on_statistics,
        }

    def _poll(self, client: Any, timeout: float) -> None:
        if client is None:
            concurrency.unpatched("time").sleep(timeout)
            return
        self._call(client.poll, timeout)

    def _call(self, method: Callable[[float], int], timeout: float) -> None:
        try:
            method(timeout)
        except KafkaException as exc:
            # Its own way to tell that it has failed for good.
            self._on_error(errors.kafka_error(exc))

    def _admit(self) -> None:
        """Park what the main thread has dropped in.

        It is taken out of there last: the main thread sees it in one place
        or the other, and nothing passes it.
        """
        while self._inbox:
            self._park(self._inbox[0])
            self._admitted += self._inbox.popleft().size

    def _serve_parked(self, maker: admin.TopicMaker) -> None:
        if self._inbox:
            with self._lock:
                self._admit()
        for topic in self._parked.topics():
            if topic in self._ready or maker.ready(topic):
                self._refresh(topic)
                with self._lock:
                    self._unpark(topic)

    def _drop_cancelled(self) -> None:
        """Make room of what senders have given up."""
        self._cancelled = False
        with self._lock:
            self._parked.remove_cancelled()

    def _expire_parked(self) -> None:
        """Fail records whose time is over before their topic was found.

        What a sender waits for is cancelled by the sender.
        """
        with self._lock:
            for record in self._parked.remove_expired(time.monotonic()):
                self._finish(record, KafkaError(KafkaError._TIMED_OUT_QUEUE))

    def _refresh(self, topic: str) -> None:
        """Let the client learn that a topic which it missed is there."""
        if topic in self._stale and self._client is not None:
            self._stale.discard(topic)
            with contextlib.suppress(KafkaException):
                self._client.list_topics(topic, timeout=2 * _SLICE)

    def _unpark(self, topic: str) -> None:
        while (record := self._parked.first(topic)) is not None:
            try:
                if not self._hand_over(record):
                    return  # the next client, or the next look for it
            except BufferError:
                return  # the rest when there is room
            except KafkaException as exc:
                self._finish(record, errors.kafka_error(exc))
            self._parked.remove(record)
        # Only now may others pass: the order of sending is kept.
        self._ready.add(topic)

    def _on_delivery(self, record: Record, error: Any, message: Any) -> None:
        """Must not raise: the next callback would run with the exception."""
        try:
            if error is None:
                self._note_delivery(record.topic, message)
            elif self._stop_at is None and self._send_again(record, error):
                record.value = message.value()
                with self._lock:
                    self._ready.discard(record.topic)
                    self._park(record)
                    record.claim.release()
                return
            self._finish(record, error)
        except Exception as exc:
            self._finish(record, KafkaError(KafkaError._FAIL, str(exc)))

    def _note_delivery(self, topic: str, message: Any) -> None:
        self._latencies.append(message.latency() or 0.0)
        self.silent = False
        self.stalled.discard(topic)
        self._reported.clear()
        self.last_error = None

    def _send_again(self, record: Record, error: KafkaError) -> bool:
        """Whether a record certainly never left and may go once more."""
        if record.cancelled:
            return False
        if error.code() == KafkaError._PURGE_QUEUE:
            return True  # the client failed; its successor sends it
        return self._try_again(record, error)

    def _finish(self, record: Record, error: KafkaError | None) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failed += 1
            self._look_anew(record.topic, error)
            if errors.is_fatal(error):
                self._fatal = error
        record.error = error
        if record.done is not None:
            self._wake_sender(record.done)
        if record.left and error is not None:
            self._failures[(record.topic, errors.reason(error))] += 1

    def _wake_sender(self, done: concurrency.Signal) -> None:
        done.set()

    def _on_error(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN or (
            self.last_error is None
        ):
            self.last_error = error  # the one before says why they are
        if errors.is_fatal(error):
            self._fatal = error
        if error.code() not in self._reported:
            self._reported.add(error.code())
            # One broker that closes a connection is no failure yet.
            mild = error.code() == KafkaError._TRANSPORT
            self._log.put(
                LOG,
                logging.WARNING if mild else logging.ERROR,
                "Sending: %s",
                errors.reason(error),
            )

    def _on_statistics(self, text: str) -> None:
        self.raw_statistics = text
        self._log.put(LOG, logging.DEBUG, "Producer statistics: %s", text)

    def _rebuild(self, back_off: float) -> None:
        """Replace a client that has failed for good.

        Records that never left it are sent by the next one; those in flight
        have an unknown outcome and are reported as failed.
        """
        self._log.put(
            LOG,
            logging.ERROR,
            "The producer has failed (%s) and is built anew in %s s",
            errors.reason(self._fatal) if self._fatal else "",
            back_off,
        )
        with self._lock:
            client, self._client = self._client, None
            self._ready.clear()
        self._purge(client)
        del client
        again = time.monotonic() + back_off
        while time.monotonic() < again and self._stop_at is None:
            self._poll(None, _SLICE)
        built = self._build()
        self._fatal = None
        self._client = built

    def _purge(self, client: Any) -> None:
        """Have a report of everything that a client holds, if there is one."""
        if client is None:
            return
        client.purge()
        # Those of what was in flight come a moment later.
        end = time.monotonic() + _PURGE_TIME
        while len(client) and time.monotonic() < end:
            self._poll(client, _SLICE)

    def _give_up(self) -> None:
        """Count what could not be delivered, and fail its senders."""
        reason = self.last_error
        failed = self.failed
        with self._lock:
            client, self._client = self._client, None
            self.ended = True
        self._purge(client)
        with self._lock:
            self._admit()
            for record in self._parked.remove_all():
                if record.claim.acquire(False):  # its sender knows otherwise
                    self._finish(record, KafkaError(KafkaError._PURGE_QUEUE))
        self._failures.clear()  # they are counted here
        if self.failed > failed:
            self._log.put(
                LOG,
                logging.ERROR,
                "%d notifications were not delivered when the transport was "
                "closed (last error: %s)",
                self.failed - failed,
                errors.reason(reason) if reason else "none",
            )

    def _tell_failures(self) -> None:
        if self._failures:
            failures, self._failures = self._failures, collections.Counter()
            for (topic, reason), count in failures.items():
                self._log.put(
                    LOG,
                    logging.ERROR,
                    "%d notifications for topic %s were not delivered: %s",
                    count,
                    topic,
                    reason,
                )
