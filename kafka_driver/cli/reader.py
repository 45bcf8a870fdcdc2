# SPDX-License-Identifier: Apache-2.0
"""Reading topics without being a member of a group."""

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

from kafka_driver import client_config, errors
from kafka_driver.cli.since import Since

_SLICE = 0.2
#: Seconds after which new topics and partitions are looked for.
_LOOK_AGAIN = 3.0
#: Seconds for the brokers' first answer.
_CONNECT = 10.0


class Reader:
    """Reads every partition of some topics, also of those that come later.

    :param settings: of a consumer
    :param since: where to start
    :param follow: whether to wait for more at the end of what is there
    """

    def __init__(
        self,
        settings: dict[str, Any],
        names: list[str],
        since: Since,
        *,
        follow: bool = True,
    ) -> None:
        self._error: KafkaError | None = None
        self._follow = follow
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
        self._positions: dict[tuple[str, int], int] = {}

    def open(self) -> bool:
        """Find the topics; whether one of them is there.

        :raises ConfigurationError: when no broker answers
        """
        self._first_look()
        return bool(self._positions)

    def records(
        self,
        deadline: float | None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Iterator[Any]:
        """Records as they come, until the deadline.

        :param is_over: asked again and again; ends it before the deadline
        :raises ConfigurationError: when a topic may not be read; not
            following, also when there is no topic, or the end of one was not
            reached
        """
        unread = set(self._positions)
        if not unread and not self._follow:
            raise errors.ConfigurationError(
                f"none of the topics {', '.join(self._names)} is there, or "
                "this account may not see them: check --topic and the rights"
            )
        look = time.monotonic() + _LOOK_AGAIN
        while (self._follow or unread) and (
            deadline is None or time.monotonic() < deadline
        ):
            record: Any = self._client.poll(_SLICE)
            if record is None:
                if is_over():
                    return
            else:
                place = record.topic(), record.partition()
                error = record.error()
                if error is None:
                    self._positions[place] = record.offset() + 1
                    yield record
                elif error.code() == KafkaError._PARTITION_EOF:
                    unread.discard(place)
                elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    raise errors.ConfigurationError(
                        f"topic {record.topic()} may not be read: give the "
                        "account of the transport URL the right READ"
                    )
            if self._follow and time.monotonic() >= look:
                self._look(_SLICE * 5)
                look = time.monotonic() + _LOOK_AGAIN
        if not self._follow and unread:
            topic, partition = min(unread)
            raise errors.ConfigurationError(
                f"the end of topic {topic}, partition {partition}, was not "
                "reached in time: give more with --timeout, or check that "
                "the partition has a leader"
            )

    def close(self) -> None:
        self._client.close()

    def _first_look(self) -> None:
        until = time.monotonic() + _CONNECT
        while not self._look(_SLICE * 5):
            self._client.poll(0)
            if time.monotonic() >= until or (
                self._error is not None
                and self._error.code() == KafkaError._AUTHENTICATION
            ):
                why = "" if self._error is None else errors.reason(self._error)
                raise errors.ConfigurationError(
                    f"no broker answers ({why or 'no error reported'}): "
                    "check the transport URL and that Kafka runs there; "
                    "kafka-driver doctor with the same options tells more"
                )
        # What is added after this moment is read from its beginning.
        self._since = Since("beginning")

    def _look(self, timeout: float) -> bool:
        """Assign what exists; whether the brokers answered."""
        try:
            found = self._client.list_topics(timeout=timeout).topics
            new = {
                (name, number)
                for name in self._names
                if name in found
                for number in found[name].partitions
            } - self._positions.keys()
            if new:
                self._positions |= self._starts(new, timeout)
        except KafkaException as exc:
            self._error = self._error or errors.kafka_error(exc)
            return False
        if new:
            self._client.assign(
                [
                    TopicPartition(*place, offset)
                    for place, offset in sorted(self._positions.items())
                ]
            )
        return True

    def _starts(
        self, places: set[tuple[str, int]], timeout: float
    ) -> dict[tuple[str, int], int]:
        """The offset to start at, for each partition."""
        if self._since.word == "beginning":
            return dict.fromkeys(places, OFFSET_BEGINNING)
        if self._since.word == "now":
            return dict.fromkeys(places, OFFSET_END)
        asked = [
            TopicPartition(*place, self._since.milliseconds)
            for place in places
        ]
        found = self._client.offsets_for_times(asked, timeout)
        for one in found:
            if one.error is not None:
                raise KafkaException(one.error)
        # There, too, a negative offset is the end: nothing is as young.
        return {(one.topic, one.partition): one.offset for one in found}

    def _on_error(self, error: KafkaError) -> None:
        self._error = error
