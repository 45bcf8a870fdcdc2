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
_FIRST_BACK_OFF = 1.0
_MAX_BACK_OFF = 30.0


class Letter:
    """One record on its way to the dead-letter topic."""

    def __init__(self) -> None:
        self.acknowledged = False
        self.failures = 0
        self.again = 0.0
        self.sending = True


class DeadLetters:
    """Sends records to the dead-letter topic, until it has them.

    :param settings: of a producer, from client_config.producer()
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
        key = (record.topic(), record.partition(), record.offset())
        letter = self._letters.get(key)
        if letter is None:
            letter = self._letters[key] = Letter()
            self._send(letter, record, reason)
        elif letter.acknowledged:
            del self._letters[key]
            return True
        elif not letter.sending and time.monotonic() >= letter.again:
            letter.sending = True
            self._send(letter, record, reason)
        return False

    def poll(self) -> None:
        if self._client is not None:
            self._client.poll(0)

    def waiting(self) -> bool:
        """Whether the brokers still owe an answer."""
        return any(letter.sending for letter in self._letters.values())

    def failing(self) -> set[Place]:
        """The partitions with a record that could not be sent."""
        return {
            key[:2]
            for key, letter in self._letters.items()
            if letter.failures and not letter.acknowledged
        }

    def forget(self, places: set[Place]) -> None:
        """The partitions belong to another consumer now."""
        for key in [key for key in self._letters if key[:2] in places]:
            del self._letters[key]

    def close(self) -> None:
        """What is not acknowledged is not committed either: no loss."""
        self._letters.clear()
        client, self._client = self._client, None
        if client is not None:
            client.purge()
            client.poll(0)

    def _send(self, letter: Letter, record: Any, reason: str) -> None:
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


def headers(record: Any, reason: str) -> list[tuple[str, bytes]]:
    """The record's own headers, and where it was and what was wrong."""
    return [
        *(record.headers() or []),
        (_PREFIX + "reason", reason.encode(errors="backslashreplace")),
        (_PREFIX + "topic", record.topic().encode()),
        (_PREFIX + "partition", str(record.partition()).encode()),
        (_PREFIX + "offset", str(record.offset()).encode()),
    ]
