# SPDX-License-Identifier: Apache-2.0
"""Records that nobody can use, kept in a topic with the reason why.

Used by a consumer's native thread only.
"""

import logging
import time
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from kafka_driver import client_config, concurrency, errors
from kafka_driver.offsets import Place

LOG = logging.getLogger(__name__)

_PREFIX = "kafka_driver."
#: A partition whose letter has no answer for so long is one that fails.
_LONG = 1.0
_FIRST_BACK_OFF = 1.0
_MAX_BACK_OFF = 30.0


class Letter:
    """One record on its way to the dead-letter topic."""

    def __init__(self) -> None:
        self.acknowledged = False
        self.failures = 0
        self.again = 0.0
        self.sending = False
        self.since = 0.0


class DeadLetters:
    """Sends records to the dead-letter topic, until it has them.

    :param settings: of a producer, from client_config.dead_letters()
    :param topic: where they go
    """

    def __init__(
        self, settings: dict[str, Any], topic: str, log: concurrency.LogQueue
    ) -> None:
        self._settings = settings
        self.topic = topic
        self._log = log
        self._client: Any = None
        self._letters: dict[tuple[str, int, int], Letter] = {}

    def put(self, record: Any, reason: str) -> bool:
        """Send a record; ask again until the topic has it (True)."""
        if not self.begin(record, reason):
            return False
        del self._letters[_key(record)]
        return True

    def begin(self, record: Any, reason: str) -> bool:
        """Send a record ahead of put(); whether the topic has it."""
        letter = self._letters.setdefault(_key(record), Letter())
        if not (letter.acknowledged or letter.sending) and (
            time.monotonic() >= letter.again
        ):
            self._send(letter, record, reason)
        return letter.acknowledged

    def poll(self) -> None:
        if self._client is None:
            return
        try:
            self._client.poll(0)
        except KafkaException as exc:
            # Its way to tell that it has failed for good.
            self._give_up_client(errors.kafka_error(exc))

    def waiting_since(self) -> float | None:
        """Since when the brokers owe an answer, if they do."""
        return min(
            (one.since for one in self._letters.values() if one.sending),
            default=None,
        )

    def failing(self) -> set[Place]:
        """The partitions with a record that is not sent, or not yet."""
        long_ago = time.monotonic() - _LONG
        return {
            key[:2]
            for key, letter in self._letters.items()
            if not letter.acknowledged
            and (letter.failures or letter.since < long_ago)
        }

    def forget(self, places: set[Place]) -> None:
        """The partitions belong to another consumer now."""
        for key in [key for key in self._letters if key[:2] in places]:
            del self._letters[key]

    def close(self) -> None:
        """What is not acknowledged is not committed either: no loss."""
        self._letters.clear()
        if self._client is not None:
            self._client.purge()
            self.poll()
        self._client = None

    def _give_up_client(self, error: KafkaError) -> None:
        """Let a new client send what this one has not sent."""
        self._client = None
        for letter in self._letters.values():
            if letter.sending:
                self._answered(letter, error)

    def _send(self, letter: Letter, record: Any, reason: str) -> None:
        letter.sending, letter.since = True, time.monotonic()
        if self._client is None:
            self._client = confluent_kafka.Producer(
                {**self._settings, "client.id": client_config.client_id()},
                logger=concurrency.QueueLogger(self._log, LOG),
            )
        try:
            self._client.produce(
                self.topic,
                record.value(),
                record.key(),
                headers=headers(record, reason),
                on_delivery=lambda error, _message: self._answered(
                    letter, error
                ),
            )
        except KafkaException as exc:
            self._answered(letter, errors.kafka_error(exc))
        except BufferError:
            self._answered(letter, KafkaError(KafkaError._QUEUE_FULL))

    def _answered(self, letter: Letter, error: KafkaError | None) -> None:
        letter.sending = False
        if error is None:
            letter.acknowledged = True
            return
        back_off = min(_FIRST_BACK_OFF * 2**letter.failures, _MAX_BACK_OFF)
        letter.again = time.monotonic() + back_off
        letter.failures += 1
        self._log.put(
            LOG,
            logging.ERROR,
            "The dead-letter topic %s did not take a record (%s): its "
            "partition waits, next try in %s s",
            self.topic,
            errors.reason(error),
            back_off,
        )


def _key(record: Any) -> tuple[str, int, int]:
    return record.topic(), record.partition(), record.offset()


def headers(record: Any, reason: str) -> list[tuple[str, bytes]]:
    """The record's own headers, and where it was and what was wrong."""
    try:
        own = record.headers() or []
    except SystemError:  # the client library's, of names that are no UTF-8
        own = []
    return [
        *own,
        (_PREFIX + "reason", reason.encode(errors="backslashreplace")),
        (_PREFIX + "topic", record.topic().encode()),
        (_PREFIX + "partition", str(record.partition()).encode()),
        (_PREFIX + "offset", str(record.offset()).encode()),
    ]
