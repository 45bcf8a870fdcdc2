# SPDX-License-Identifier: Apache-2.0
"""What commits an offset and hands a notification on: the common part."""

import abc
import dataclasses
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, TopicPartition

from kafka_driver import concurrency, errors
from kafka_driver.handover import Handover
from kafka_driver.in_flight import InFlight
from kafka_driver.intake import Intake
from kafka_driver.offsets import Place
from kafka_driver.ownership import Commit

LOG = logging.getLogger(__name__)


@dataclasses.dataclass
class Parts:
    """What a flow works with; all of it belongs to one consumer."""

    intake: Intake
    in_flight: InFlight
    handover: Handover
    log: concurrency.LogQueue
    #: Set when something happened that the consumer's thread should see.
    wake: concurrency.Signal
    #: The consumer is being closed: nothing may take long any more.
    closing: bool = False


class Flow(abc.ABC):
    """The order of committing and dispatching.

    Every method is for the consumer's native thread, which passes its
    client along.
    """

    @abc.abstractmethod
    def advance(self, client: Any) -> None:
        """Do what can be done now, without waiting."""

    @abc.abstractmethod
    def on_commit(
        self, error: KafkaError | None, partitions: list[TopicPartition]
    ) -> None:
        """The brokers answered a commit that did not wait."""

    @abc.abstractmethod
    def awaiting_since(self) -> float | None:
        """Since when notifications are held back by a commit, if they are."""

    @abc.abstractmethod
    def on_stop(self) -> None:
        """Nothing is fetched any more; what was begun is to be ended."""

    @abc.abstractmethod
    def settled(self) -> bool:
        """Whether nothing further will be handed on after a stop."""

    @abc.abstractmethod
    def revoke(self, client: Any, places: set[Place]) -> None:
        """Partitions are given to another member of the group."""

    @abc.abstractmethod
    def lose(self, places: set[Place]) -> None:
        """Partitions were given to another member already."""

    @abc.abstractmethod
    def drop(self, places: set[Place]) -> None:
        """Partitions go on elsewhere: what is held of them is void."""

    def unsettled(self) -> set[Place]:
        """Partitions whose last commit nobody knows the fate of."""
        return set()

    def begin(self, found: dict[Place, Commit]) -> None:
        """This member has joined the group anew.

        :param found: the group's commits of the partitions that it got, and
            of those that are unsettled
        """
        del found

    @abc.abstractmethod
    def finish(self, client: Any) -> None:
        """Commit what remains, without waiting.

        :param client: None when it has failed: then nothing can be committed
        """


def refusals(
    error: KafkaError | None, partitions: Iterable[TopicPartition]
) -> dict[Place, KafkaError]:
    """The partitions whose commit failed, with the reason."""
    found = {}
    for one in partitions:
        reason = one.error or error
        if reason is not None:
            found[(one.topic, one.partition)] = reason
    return found


def offsets(
    positions: dict[Place, int], marks: Mapping[Place, str] | None = None
) -> list[TopicPartition]:
    """What to commit.

    :param marks: the metadata of the commits
    """
    marks = marks or {}
    return [
        TopicPartition(*place, offset, metadata=marks.get(place, ""))
        for place, offset in sorted(positions.items())
    ]


def tell_refusal(
    log: concurrency.LogQueue,
    failed: dict[Place, KafkaError],
    consequence: str,
) -> None:
    """One log line for a failed commit."""
    place, error = min(failed.items(), key=lambda item: item[0])
    log.put(
        LOG,
        logging.ERROR,
        "Offsets of %d partitions could not be committed (%s, partition %d: "
        "%s): %s",
        len(failed),
        *place,
        errors.reason(error),
        consequence,
    )
