# SPDX-License-Identifier: Apache-2.0
"""Reading topics without being a member of a group."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import confluent_kafka
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from kafka_driver import client_config, errors, placement
from kafka_driver.cli.since import Since
from kafka_driver.offsets import Place

_SLICE = 0.2
#: Seconds after which new topics and partitions are looked for.
_LOOK_AGAIN = 3.0
#: Seconds for the brokers' first answer.
_CONNECT = 10.0
#: What becomes of a topic that is made again between two looks. Older client
#: libraries take its metadata for that of the former one, and stand still.
_RENEWED = (
    "it is read from its beginning"
    if confluent_kafka.libversion()[1] >= 0x02080000
    else "this client library (before 2.8) does not read it, start tail again"
)
#: Seconds for one answer.
_ANSWER = 1.0


class Reader:
    """Reads every partition of some topics, also of those that come later.

    :param settings: of a consumer
    :param since: where to start
    :param follow: whether to wait for more at the end of what is there
    :param say: is told when no broker answers any more, and when one does,
        and of topics that are gone
    :param ids: tells the ids of topics, as far as the brokers do
    """

    def __init__(
        self,
        settings: dict[str, Any],
        names: list[str],
        since: Since,
        *,
        follow: bool = True,
        say: Callable[[str], None] = lambda _text: None,
        ids: Callable[[list[str], float], dict[str, str]] = lambda *_: {},
    ) -> None:
        self._error: KafkaError | None = None
        self._follow = follow
        self._say = say
        self._ask_ids = ids
        self._ids: dict[str, str] = {}
        try:
            self._client = confluent_kafka.Consumer(
                {
                    **settings,
                    "enable.auto.commit": False,
                    "enable.partition.eof": not follow,
                    "statistics.interval.ms": 0,
                    "client.id": client_config.client_id(),
                    "error_cb": self._on_error,
                    "log_level": 0,
                }
            )
        except KafkaException as exc:
            raise errors.ConfigurationError(
                "the Kafka client refuses its settings: "
                + errors.reason(errors.kafka_error(exc))
            ) from None
        self._names = names
        self._since = since
        self._places: set[Place] = set()
        #: What was there at the first look, and is not read yet.
        self._unplaced: set[Place] = set()
        #: What nobody can read at present, and that was said.
        self._waiting: set[Place] = set()
        #: Not following, what was there and is deleted.
        self._gone: set[Place] = set()
        self._opened = False
        self._insist_until = math.inf

    def open(self, deadline: float | None = None) -> bool:
        """Find the topics; whether one of them is there.

        :raises ConfigurationError: when no broker answers, before the
            deadline if that is the earlier one
        """
        now = time.monotonic()
        until = min(now + _CONNECT, _moment(deadline))
        self._insist_until = (now + until) / 2
        while not self._look(max(0.0, min(_ANSWER, until - time.monotonic()))):
            self._client.poll(0)
            if time.monotonic() >= until or (
                self._error is not None
                and self._error.code() == KafkaError._AUTHENTICATION
            ):
                raise errors.ConfigurationError(
                    f"no broker answers ({self._why()}): check the transport "
                    "URL and that Kafka runs there; kafka-driver doctor with "
                    "the same options tells more"
                )
        self._opened = True
        return bool(self._places or self._unplaced)

    def records(
        self,
        deadline: float | None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Iterator[Any]:
        """Records as they come, until the deadline.

        :param is_over: asked again and again; ends it before the deadline
        :raises ConfigurationError: when a topic may not be read; not
            following, also when there is no topic, when one is deleted
            before its end, or when that was not reached
        """
        unread = self._places | self._unplaced
        lost: set[Place] = set()
        if not unread and not self._follow:
            raise errors.ConfigurationError(
                f"none of the topics {', '.join(self._names)} is there, or "
                "this account may not see them: check --topic and the rights"
            )
        until = _moment(deadline)
        look = time.monotonic() + _LOOK_AGAIN
        heard = answers = True
        ask = 0.0
        while (self._follow or unread) and time.monotonic() < until:
            record: Any = self._client.poll(_SLICE)
            # By time as well: with records all the time nothing is None.
            if record is None or time.monotonic() >= ask:
                if is_over():
                    return
                ask = time.monotonic() + _SLICE
            if record is not None:
                place = record.topic(), record.partition()
                error = record.error()
                if error is None:
                    heard = True
                    yield record
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(place)
                elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise errors.ConfigurationError(
                        f"topic {record.topic()} may not be read: give the "
                        "account of the transport URL the right READ"
                    )
            # Not when it could not wait for the answer.
            if look <= time.monotonic() <= until - _ANSWER:
                # While records come, one answer that is late means nothing.
                answered = self._look(_ANSWER) or heard
                if answered != answers:
                    self._say(
                        "a broker answers again"
                        if answered
                        else f"no broker answers ({self._why()}): waiting"
                    )
                heard, answers = False, answered
                look = time.monotonic() + _LOOK_AGAIN
                lost |= unread & self._gone
                unread -= lost
        if lost:
            raise errors.ConfigurationError(
                f"topic {min(lost)[0]} was deleted before its end was "
                "read: what is shown of it is not all"
            )
        if not self._follow and unread:
            topic, partition = min(unread)
            raise errors.ConfigurationError(
                f"the end of topic {topic}, partition {partition}, was not "
                "reached in time: give more with --timeout, or check that "
                "the partition has a leader"
            )

    def close(self) -> None:
        self._client.close()

    def _look(self, timeout: float) -> bool:
        """Assign what was not there before; whether the brokers answered."""
        try:
            found = self._client.list_topics(timeout=timeout).topics
            ids = self._ask_ids(self._names, timeout) if self._follow else {}
            self._forget(found, ids)
            starts = self._starts(self._new(found), timeout)
            self._tell_waiting(found)
        except KafkaException as exc:
            self._error = self._error or errors.kafka_error(exc)
            return False
        self._error = None
        if starts:
            # Only these: the others go on where they are.
            self._client.incremental_assign(
                [
                    TopicPartition(*place, offset)
                    for place, offset in sorted(starts.items())
                ]
            )
            self._places |= starts.keys()
        return True

    def _forget(self, found: dict[str, Any], ids: dict[str, str]) -> None:
        """Leave what is gone; made again, it is read from its beginning.

        A topic of the same name begins anew: what it has below the place
        that was reached in the other would not be read.
        """
        renewed = {
            name
            for name, one in ids.items()
            if self._ids.get(name, one) != one
        }
        self._ids |= ids
        gone = {
            (name, number)
            for name, number in self._places | self._unplaced
            if name in renewed or not _is_there(found, name, number)
        }
        self._client.incremental_unassign(
            [TopicPartition(*place) for place in sorted(gone & self._places)]
        )
        self._places -= gone
        self._unplaced -= gone
        if not self._follow:
            self._gone |= gone
            return
        for name in sorted({name for name, _ in gone}):
            self._say(
                f"topic {name} was made anew: {_RENEWED}"
                if name in renewed
                else f"topic {name} is gone: made again, it is read from its "
                "beginning"
            )

    def _new(self, found: dict[str, Any]) -> dict[Place, int]:
        """The partitions to add, and their leaders; -1 is none."""
        # Not following, no more than what was there at first.
        all_of_them = self._follow or not self._opened
        return {
            (name, number): partition.leader
            for name in self._names
            if name in found
            for number, partition in found[name].partitions.items()
            if (name, number) not in self._places
            and (all_of_them or (name, number) in self._unplaced)
        }

    def _starts(
        self, leaders: dict[Place, int], timeout: float
    ) -> dict[Place, int]:
        """The offset to start at, for each partition where that is known.

        What was added after the first look is read from its beginning. The
        end is looked up here: left to the client library, it would be the
        end of some later moment, and what came before that not be read.
        """
        if self._since.word == "beginning":
            return dict.fromkeys(leaders, OFFSET_BEGINNING)
        old = {
            place: leader
            for place, leader in leaders.items()
            if not self._opened or place in self._unplaced
        }
        starts = dict.fromkeys(leaders.keys() - old.keys(), OFFSET_BEGINNING)
        # Before the times: what comes in between has one offset or the other.
        ends = dict.fromkeys(old, OFFSET_END) | self._ends(old, timeout)
        if self._since.word == "now":
            return starts | ends
        times = self._times(old, timeout)
        self._unplaced = set(old.keys() - times.keys())
        return starts | {
            # A negative offset: nothing is as young.
            place: offset if offset >= 0 else ends[place]
            for place, offset in times.items()
        }

    def _tell_waiting(self, found: dict[str, Any]) -> None:
        """Name partitions whose leader is away, or cannot tell their start."""
        waiting = self._unplaced | {
            (name, number)
            for name in self._names
            if name in found
            for number, partition in found[name].partitions.items()
            if partition.leader < 0
        }
        for topic, partition in sorted(waiting - self._waiting):
            self._say(
                f"topic {topic}, partition {partition}, has no leader that "
                "answers: it is shown when it has one"
            )
        self._waiting = waiting

    def _ends(
        self, leaders: dict[Place, int], timeout: float
    ) -> dict[Place, int]:
        """The present ends, as far as the partitions' leaders tell them.

        Without a leader nothing is written.
        """
        return self._of_each_leader(
            leaders, lambda led: placement.ends(self._client, led, timeout)
        )

    def _times(
        self, leaders: dict[Place, int], timeout: float
    ) -> dict[Place, int]:
        """The offsets at the wanted time, as far as leaders tell them."""
        moment = self._since.milliseconds

        def ask(led: set[Place]) -> dict[Place, int]:
            asked = [TopicPartition(*place, moment) for place in sorted(led)]
            found = self._client.offsets_for_times(asked, timeout)
            for one in found:
                if one.error is not None:
                    raise KafkaException(one.error)
            return {(one.topic, one.partition): one.offset for one in found}

        return self._of_each_leader(leaders, ask)

    def _of_each_leader(
        self,
        leaders: dict[Place, int],
        ask: Callable[[set[Place]], dict[Place, int]],
    ) -> dict[Place, int]:
        """What leaders tell of their partitions.

        One that does not answer for long is no reason to show nothing of the
        others.
        """
        told: dict[Place, int] = {}
        for leader in {one for one in leaders.values() if one >= 0}:
            led = {place for place, one in leaders.items() if one == leader}
            try:
                told |= ask(led)
            except KafkaException:
                if time.monotonic() < self._insist_until:
                    raise
        return told

    def _why(self) -> str:
        if self._error is None:
            return "no error reported"
        return errors.reason(self._error)

    def _on_error(self, error: KafkaError) -> None:
        # That all are down says less than why one of them is.
        if self._error is None or (
            error.code() != KafkaError._ALL_BROKERS_DOWN
        ):
            self._error = error


def _is_there(found: dict[str, Any], name: str, number: int) -> bool:
    """Whether a partition is there, as far as the brokers can tell."""
    if name not in found:
        return False
    return found[name].error is not None or number in found[name].partitions


def _moment(deadline: float | None) -> float:
    return math.inf if deadline is None else deadline
