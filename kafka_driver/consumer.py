# SPDX-License-Identifier: Apache-2.0
"""A Kafka consumer with the native thread that makes all of its calls.

Others only set a flag and wake the thread. In one round the thread fetches,
lets the flow commit and hand on, and sees to pauses. A consumer that is full
is not asked for more records; only when it stays full for long are its
partitions paused, so that the group does not take it for dead.
"""

import dataclasses
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from kafka_driver import (
    admin,
    client_config,
    concurrency,
    errors,
    flow,
)
from kafka_driver.assignment import Assignment
from kafka_driver.dead_letters import DeadLetters
from kafka_driver.intake import Fetched
from kafka_driver.offsets import Place

LOG = logging.getLogger(__name__)

#: Native calls last at most this long, so that the thread can be ended.
_SLICE = 0.2
#: Looking for the answer to a commit, which comes within milliseconds.
_SHORT = 0.001
#: Topics that cannot be looked up do not keep the others waiting.
_TOPICS_WAIT = 5.0
_MAX_BACK_OFF = 5.0
_MAX_REBUILD_BACK_OFF = 30.0
#: The same error is logged again after this long without it.
_QUIET = 60.0
_MAX_POLL_INTERVAL_MS = 300000
#: Records that come while a commit is not answered pile up for this long.
_HELD = 1.0
#: Closing waits so long for the answer to the last commit.
_LAST_ANSWER = 2.0


@dataclasses.dataclass
class Plan:
    """What a consumer reads, and how."""

    settings: dict[str, Any]
    topics: list[str]
    #: Records per fetch, and how many may wait here.
    fetch: int
    #: Whether a group without offsets starts with the newest records.
    from_end: bool
    make_maker: Callable[[], admin.TopicMaker]


class Consumer:
    """Fetches for a flow until it is closed.

    :param dead_letters: also used by the flow
    """

    def __init__(
        self,
        plan: Plan,
        parts: flow.Parts,
        the_flow: flow.Flow,
        dead_letters: DeadLetters | None,
    ) -> None:
        self._plan = plan
        self._parts = parts
        self._flow = the_flow
        self._dead_letters = dead_letters
        self._log = parts.log
        self._client: Any = None
        self._subscribed = False
        self._unmade = set(plan.topics)
        if dead_letters is not None:
            self._unmade.add(dead_letters.topic)
        self._started = 0.0
        self._assignment = Assignment(
            parts,
            the_flow,
            dead_letters,
            from_end=plan.from_end,
            incremental=plan.settings.get("group.protocol") == "consumer",
        )
        #: When the client was last asked for records.
        self._asked = 0.0
        self._reported: dict[tuple[int, str], float] = {}
        self._back_off = 0.0
        self._fatal: KafkaError | None = None
        self._stopping = False
        self._stopped = False
        self._raw_statistics = ""
        self._thread = concurrency.NativeThread(
            self._run, "kafka-driver-consumer"
        )

    # Called by others.

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Fetch no more; the membership of the group is kept."""
        self._stopping = True
        self._parts.wake.set()

    def close(self, timeout: float) -> bool:
        """Leave the group and end the thread; whether it has ended."""
        self._stopping = self._parts.closing = True
        self._parts.wake.set()
        return self._thread.join(timeout)

    def assignment(self) -> set[Place]:
        """The partitions that this consumer reads now."""
        return set(self._assignment.places)

    def lag(self) -> dict[str, int]:
        """Records that wait in the brokers, per topic, from statistics."""
        if not self._raw_statistics:
            return {}
        found: dict[str, int] = {}
        for topic, about in json.loads(self._raw_statistics)["topics"].items():
            for partition in about["partitions"].values():
                if partition.get("consumer_lag", -1) >= 0:
                    found[topic] = (
                        found.get(topic, 0) + partition["consumer_lag"]
                    )
        return found

    # Called by the thread, callbacks of the client library included.

    def _run(self) -> None:
        back_off = 1.0
        self._assignment.maker = maker = self._plan.make_maker()
        self._started = time.monotonic()
        try:
            while not self._parts.closing:
                try:
                    self._round(maker)
                    if self._assignment.places:
                        back_off = 1.0
                except Exception as exc:
                    self._fatal = _as_kafka_error(exc)
                if self._fatal is not None:
                    self._give_up_client(back_off)
                    back_off = min(back_off * 2, _MAX_REBUILD_BACK_OFF)
            self._finish()
        finally:
            maker.close()
            if self._dead_letters is not None:
                self._dead_letters.close()
            self._parts.handover.end()

    def _round(self, maker: admin.TopicMaker) -> None:
        self._parts.wake.clear()
        if self._client is None:
            self._client = self._build()
        if self._stopping and not self._stopped:
            self._stopped = True
            self._flow.on_stop()
        if self._unmade and not self._stopped:
            self._make_topics(maker)
        self._fetch()
        if self._dead_letters is not None:
            self._dead_letters.poll()
        if self._fatal is None:
            self._flow.advance(self._client)
            self._set_pauses()
        if self._stopped and self._flow.settled():
            self._parts.handover.end()

    def _build(self) -> Any:
        return confluent_kafka.Consumer(
            {
                **self._plan.settings,
                "client.id": client_config.client_id(),
                "error_cb": self._guard(self._on_error),
                "stats_cb": self._guard(self._on_statistics),
                "on_commit": self._guard(self._flow.on_commit),
            },
            logger=concurrency.QueueLogger(self._log, LOG),
        )

    def _guard(self, callback: Callable[..., None]) -> Callable[..., None]:
        """A callback that never raises, but gives the client up.

        The client library would call the next one, its log's for example,
        with the exception still pending: a lock that is taken then is never
        released.
        """

        def guarded(*arguments: Any) -> None:
            try:
                callback(*arguments)
            except Exception as exc:
                self._fatal = _as_kafka_error(exc)

        return guarded

    def _make_topics(self, maker: admin.TopicMaker) -> None:
        self._unmade = {
            topic for topic in self._unmade if not maker.ready(topic)
        }

    def _subscribe(self) -> None:
        waited = time.monotonic() - self._started
        if self._unmade and waited < _TOPICS_WAIT:
            return
        self._client.subscribe(
            self._plan.topics,
            on_assign=self._guard(self._assignment.on_assign),
            on_revoke=self._guard(self._assignment.on_revoke),
            on_lost=self._guard(self._assignment.on_lost),
        )
        self._subscribed = True

    def _fetch(self) -> None:
        if not self._subscribed and not self._stopped:
            self._subscribe()
        intake = self._parts.intake
        room = self._plan.fetch - intake.count(without=self._failing())
        if self._is_full(room):
            self._parts.wake.wait(_SLICE)
            return
        patience, pause = self._patience(), 0.0
        if (
            self._assignment.is_all_paused()
            and self._flow.awaiting_since() is None
        ):
            # Only to be seen alive. An endpoint that is done ends the wait.
            patience, pause = 0.0, patience
        self._asked = time.monotonic()
        found = self._client.consume(1, patience)
        if found and room > 1:
            found = self._fetch_more(found, room - 1)
        if pause and not found:
            self._parts.wake.wait(pause)
        if found and not self._stopped and self._fatal is None:
            self._take_in(found)

    def _fetch_more(self, found: list[Any], room: int) -> list[Any]:
        """What else is there; also a rebalance may come with it.

        The client library drops what it has fetched of a partition that is
        taken away, but not what an earlier call has returned: that would be
        dispatched here and by the partition's next owner.
        """
        taken_away = self._assignment.taken_away
        taken_away.clear()
        more: list[Any] = self._client.consume(room, 0)
        return [
            one
            for one in found
            if (one.topic(), one.partition()) not in taken_away
        ] + more

    def _is_full(self, room: int) -> bool:
        """Whether fetching has to wait until an endpoint is done."""
        if (
            self._assignment.is_all_paused()
            or self._flow.awaiting_since() is not None
        ):
            # Nothing comes while all are paused, and answers have to.
            return False
        if self._parts.in_flight.room() == 0 and len(self._parts.intake):
            return True
        return room <= 0

    def _patience(self) -> float:
        """How long to wait for a record."""
        since = self._flow.awaiting_since()
        if since is not None:
            return _soon(since, _SLICE / 4)
        if self._dead_letters is not None:
            since = self._dead_letters.waiting_since()
            if since is not None:
                return _soon(since, _SLICE / 20)
        if self._unmade and not self._subscribed:
            return _SLICE / 20
        return _SLICE

    def _take_in(self, found: list[Any]) -> None:
        records = []
        for record in found:
            if record.error() is None:
                one = Fetched(record)
                records.append(one)
                self._assignment.check_order(self._client, one)
            else:
                self._on_record_error(record)
        if records:
            self._back_off = 0.0
            self._parts.intake.add(records)
        else:
            self._wait(self._next_back_off())

    def _set_pauses(self) -> None:
        """Pause what shall not be fetched, resume what may be again."""
        wanted: set[Place] = set()
        if self._stopped or self._is_full_for_long():
            wanted = set(self._assignment.places)
        else:
            wanted = self._failing() & self._assignment.places
        self._assignment.pause(self._client, wanted)

    def _failing(self) -> set[Place]:
        """Partitions that wait for the dead-letter topic; others go on."""
        if self._dead_letters is None:
            return set()
        return self._dead_letters.failing()

    def _is_full_for_long(self) -> bool:
        """Whether fetching stopped for as long as it may without a pause.

        A pause throws away what the client has fetched, so it is rare, and
        lasts until everything here was taken.
        """
        now = time.monotonic()
        intake = self._parts.intake
        since = self._flow.awaiting_since()
        if since is not None and len(intake) >= self._plan.fetch:
            # The client is asked all the time, for the commit's answer.
            return now - since > _HELD
        if not len(intake) or self._parts.in_flight.room():
            return False
        if self._assignment.is_all_paused():
            return True
        return now - self._asked > self._max_poll_interval() / 3

    def _max_poll_interval(self) -> float:
        milliseconds = self._plan.settings.get(
            "max.poll.interval.ms", _MAX_POLL_INTERVAL_MS
        )
        return int(milliseconds) / 1000

    # Errors.

    def _on_record_error(self, record: Any) -> None:
        error = record.error()
        if error.code() == KafkaError._PARTITION_EOF:
            return
        self._report(error, f"topic {record.topic()}")

    def _on_error(self, error: KafkaError) -> None:
        self._report(error, "brokers")

    def _report(self, error: KafkaError, about: str) -> None:
        """Log an error once, and again only after it was away."""
        if errors.is_fatal(error):
            self._fatal = error
        now = time.monotonic()
        seen = self._reported.get((error.code(), about), 0.0)
        self._reported[(error.code(), about)] = now
        if now - seen > _QUIET or seen == 0.0:
            # One broker that closes a connection is no failure yet.
            mild = error.code() == KafkaError._TRANSPORT
            self._log.put(
                LOG,
                logging.WARNING if mild else logging.ERROR,
                "Receiving (%s): %s",
                about,
                errors.reason(error),
            )

    def _on_statistics(self, text: str) -> None:
        self._raw_statistics = text
        self._log.put(LOG, logging.DEBUG, "Consumer statistics: %s", text)

    def _next_back_off(self) -> float:
        self._back_off = min(max(self._back_off * 2, 0.1), _MAX_BACK_OFF)
        return self._back_off

    def _wait(self, seconds: float) -> None:
        """Do nothing for some time, unless the consumer is closed."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._parts.closing:
            self._parts.wake.clear()
            left = until - time.monotonic()
            self._parts.wake.wait(max(min(left, _SLICE), 0))

    def _give_up_client(self, back_off: float) -> None:
        """Replace a client that has failed; uncommitted records come again."""
        error, self._fatal = self._fatal, None
        self._log.put(
            LOG,
            logging.ERROR,
            "The consumer has failed (%s) and is built anew in %g s",
            errors.reason(error) if error else "",
            back_off,
        )
        client, self._client = self._client, None
        self._subscribed = False
        self._parts.intake.drop()
        self._assignment.give_up()
        if client is not None:
            self._close(client)
        self._wait(back_off)

    def _close(self, client: Any) -> None:
        try:
            client.close()
        except Exception as exc:  # the next one shall be built all the same
            self._report(_as_kafka_error(exc), "closing the consumer")

    def _finish(self) -> None:
        if not self._stopped:
            self._flow.on_stop()
        client = self._client
        if client is not None:
            self._await_commit()
        self._flow.finish(client)
        self._client = None
        if client is not None:
            # It waits for the answer to the last commit, and for no longer
            # than there are brokers that could answer.
            self._close(client)

    def _await_commit(self) -> None:
        """What was committed shall be handed on, while there is a poller."""
        end = time.monotonic() + _LAST_ANSWER
        while (since := self._flow.awaiting_since()) is not None:
            if time.monotonic() >= end:
                return
            # Records are of no use any more; the answer comes with them.
            self._client.poll(_soon(since, _SLICE / 4))
            self._flow.advance(self._client)


def _soon(since: float, longest: float) -> float:
    """How long to wait for an answer that is due: a part of the time so far.

    Most come within milliseconds.
    """
    return min(max(_SHORT, (time.monotonic() - since) / 4), longest)


def _as_kafka_error(exc: Exception) -> KafkaError:
    if isinstance(exc, KafkaException):
        return errors.kafka_error(exc)
    return KafkaError(KafkaError._FAIL, f"{type(exc).__name__}: {exc}")
