# SPDX-License-Identifier: Apache-2.0
"""What oslo.messaging's server polls: the Python side of a consumer."""

import logging
import os
import time
import weakref
from typing import Any

from oslo_messaging._drivers import base

from kafka_driver import admin, client_config, concurrency, flow
from kafka_driver import in_flight as counting
from kafka_driver.after_dispatch import AfterDispatch
from kafka_driver.before_dispatch import LAST_ANSWER, BeforeDispatch
from kafka_driver.consumer import Consumer, Plan
from kafka_driver.dead_letters import DeadLetters
from kafka_driver.handover import Handover
from kafka_driver.incoming import Incoming
from kafka_driver.intake import Intake

LOG = logging.getLogger(__name__)

#: Seconds that cleanup() waits for the thread to leave the group.
_CLEANUP_WAIT = 5.0
#: Seconds for what is being committed at a stop: longer than the thread
#: itself waits for the answer, so that nothing comes after the last poll.
_STOP_WAIT = LAST_ANSWER + 5.0
#: A forked child that polls its parent's listener gets nothing, slowly.
_INHERITED_PAUSE = 1.0
#: What oslo.messaging's executor has when nobody says otherwise.
_POOL_SIZE = 64


class KafkaListener(base.PollStyleListener):  # type: ignore[misc]
    """Reads topics as a member of a group, from its construction on.

    :param url: the TransportURL
    :param options: from options.register()
    :param topics: full names
    :param pool: the listener pool, None is the consumer group
    :param vhost: part of the group's name when that is asked for
    :param batch_size: that the server will poll for
    :param pool_size: threads of the server's executor
    """

    def __init__(
        self,
        url: Any,
        options: Any,
        topics: set[str],
        *,
        pool: str | None,
        vhost: str,
        batch_size: int | None,
        pool_size: int = _POOL_SIZE,
    ) -> None:
        super().__init__()
        self._options = options
        self._pid = os.getpid()
        self._log = concurrency.LogQueue("kafka-driver-log")
        self._wake = concurrency.Signal()
        self._handover = Handover()
        self._stop_called = concurrency.Signal()
        self._lock = concurrency.Lock()
        self._cleaned = False
        #: When cleanup() waits no longer; 0 before it has begun.
        self._leave_by = 0.0
        batch = batch_size or options.max_poll_records
        limit = counting.limit(
            options.kafka_driver_max_in_flight, batch, pool_size
        )
        self._in_flight = counting.InFlight(
            limit, counting.portion(limit, batch, pool_size), self._wake
        )
        dead_letters = self._dead_letters(url)
        self._intake = Intake(dead_letters, self._log)
        parts = flow.Parts(
            self._intake,
            self._in_flight,
            self._handover,
            self._log,
            self._wake,
        )
        self._consumer = Consumer(
            self._plan(url, topics, pool, vhost, limit),
            parts,
            self._flow(parts, dead_letters),
            dead_letters,
        )
        self._log.start()
        self._consumer.start()
        _open.add(self)

    # What oslo.messaging calls.

    def poll(
        self,
        timeout: float | None = None,
        batch_size: int | None = 1,
        batch_timeout: float | None = None,
    ) -> list[Incoming]:
        """The next notifications.

        :param timeout: seconds to wait for the first one
        :param batch_size: None is max_poll_records
        :param batch_timeout: seconds to wait for a full batch after the
            first; None is kafka_consumer_timeout
        """
        number = batch_size or self._options.max_poll_records
        fill = batch_timeout
        if fill is None:
            fill = self._options.kafka_consumer_timeout
        if self._is_inherited():
            time.sleep(_INHERITED_PAUSE)
            return []
        found = []
        if not self._stop_called.is_set():
            found = self._handover.get(number, timeout, fill)
        if not found and self._stop_called.is_set():
            # What was committed before the stop is still to be handed on.
            self._handover.ended.wait(_STOP_WAIT)
            found = self._handover.get(number, 0.0, 0.0)
        elif not found and self._leave_by:
            # The transport was closed and the server still polls.
            self._stop_called.wait(1.0)
        return found

    def stop(self) -> None:
        """Fetch no more; poll() then returns what there is, until empty."""
        if self._is_inherited():
            return
        self._consumer.stop()
        self._stop_called.set()
        self._handover.hurry()

    def begin_cleanup(self) -> None:
        """Let the thread leave the group; cleanup() then waits for that."""
        if self._is_inherited():
            return
        with self._lock:
            if not self._leave_by:
                self._leave_by = time.monotonic() + _CLEANUP_WAIT
        self._consumer.close(0)

    def cleanup(self) -> None:
        """Leave the group, in bounded time. It may be called again."""
        self.begin_cleanup()
        if self._is_inherited():
            return
        with self._lock:
            first = not self._cleaned
            self._cleaned = True
        _open.discard(self)
        if not first:
            return
        if not self._consumer.close(max(self._leave_by - time.monotonic(), 0)):
            LOG.warning(
                "No broker has answered the last commit within %g s; the "
                "consumer's thread ends when one does, or after the group's "
                "session timeout",
                _CLEANUP_WAIT,
            )
        if self._stop_called.is_set():  # else a server may poll for it
            self.tell_leftover()
        self._log.close()

    def _is_inherited(self) -> bool:
        """Whether this is a forked child: the thread is the parent's.

        Locks may have been held when it was forked, so none is taken.
        """
        return os.getpid() != self._pid

    def tell_leftover(self) -> None:
        """Say what was committed and came after the server's last poll."""
        if self._options.kafka_driver_commit == "after_dispatch":
            return
        left = self._handover.withdraw()
        if left:
            LOG.error(
                "%d notifications were committed and reached no endpoint "
                "(first: topic %s, partition %d, offset %d): nobody polled "
                "for them before the listener was closed",
                len(left),
                *left[0].place,
                left[0].offset,
            )

    def is_closed(self) -> bool:
        return self._cleaned or self._is_inherited()

    def statistics(self) -> dict[str, Any]:
        """What is in flight, and what waits in the brokers."""
        return {
            "in_flight": self._in_flight.count(),
            "bad_records": self._intake.bad,
            "lag": self._consumer.lag(),
        }

    def assignment(self) -> set[tuple[str, int]]:
        """The (topic, partition) pairs that it reads now."""
        return self._consumer.assignment()

    def _plan(
        self,
        url: Any,
        topics: set[str],
        pool: str | None,
        vhost: str,
        limit: int,
    ) -> Plan:
        options = self._options
        group = group_id(options, pool, vhost)
        settings = client_config.consumer(url, options, group, "earliest")
        reset = (
            options.kafka_driver_pool_auto_offset_reset
            if pool
            else options.kafka_driver_auto_offset_reset
        )
        return Plan(
            settings,
            sorted(topics),
            fetch=max(min(options.max_poll_records, limit), 1),
            from_end=reset == "latest",
            make_maker=lambda: admin.TopicMaker(
                client_config.admin(url, options),
                options.kafka_driver_create_topics,
                options.kafka_driver_topic_partitions,
                options.kafka_driver_topic_replication,
                self._log,
            ),
        )

    def _flow(
        self, parts: flow.Parts, dead_letters: DeadLetters | None
    ) -> flow.Flow:
        options = self._options
        if options.kafka_driver_commit == "after_dispatch":
            return AfterDispatch(
                parts,
                options.kafka_driver_revoke_drain,
                options.kafka_driver_max_requeues,
                dead_letters,
            )
        return BeforeDispatch(parts, options.enable_auto_commit)

    def _dead_letters(self, url: Any) -> DeadLetters | None:
        topic = self._options.kafka_driver_dead_letter_topic
        if not topic:
            return None
        settings = client_config.dead_letters(url, self._options)
        return DeadLetters(settings, topic, self._log)


def group_id(options: Any, pool: str | None, vhost: str) -> str:
    """The consumer group, as oslo.messaging's own driver names it."""
    group: str = pool or options.consumer_group
    if options.kafka_driver_group_by_vhost and vhost:
        return f"{group}.{vhost}"
    return group


def open_ones() -> list[KafkaListener]:
    """The listeners that nobody has cleaned up."""
    return list(_open)


#: Listeners with a thread.
_open: weakref.WeakSet[KafkaListener] = weakref.WeakSet()
#: A parent's listeners in a forked child: destroying their clients would
#: wait for threads that did not come along.
_left_alone: list[KafkaListener] = []


def _after_fork_in_child() -> None:
    _left_alone.extend(_open)
    _open.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
