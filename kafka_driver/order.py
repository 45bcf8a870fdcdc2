# SPDX-License-Identifier: Apache-2.0
"""Whether the records of a partition follow one another.

Used by a consumer's native thread only.
"""

import logging
import time
from typing import Any

from confluent_kafka import KafkaException, TopicPartition

from kafka_driver import concurrency
from kafka_driver.offsets import Place

LOG = logging.getLogger(__name__)

#: Asking where a partition begins: the answer waits on the connection behind
#: a fetch, for up to fetch.wait.max.ms (0.5 s). Rare enough to take longer
#: than other native calls.
_GAP_WAIT = 5.0
#: Seconds for which a partition that has gaps of its own is not asked about.
_GAPS_OF_ITS_OWN = 10.0


class Order:
    """Says what was lost before it was read."""

    def __init__(self, log: concurrency.LogQueue) -> None:
        self._log = log
        #: The next offset of each partition, where it is known.
        self._expected: dict[Place, int] = {}
        #: When to ask about a gap again.
        self._ask_again: dict[Place, float] = {}

    def begin(self, positions: dict[Place, int]) -> None:
        """Partitions are read from these offsets on."""
        self._expected |= positions

    def forget(self, places: set[Place]) -> None:
        for place in places:
            self._expected.pop(place, None)
            self._ask_again.pop(place, None)

    def follows(self, client: Any, place: Place, offset: int) -> bool:
        """False when the partition goes on before where it was."""
        expected = self._expected.get(place, offset)
        self._expected[place] = offset + 1
        if offset > expected:
            self._tell_gap(client, place, expected)
        elif offset < expected:
            self._log.put(
                LOG,
                logging.ERROR,
                "Topic %s, partition %d goes on at offset %d, where %d was "
                "expected: it was cut or made anew, and is read from its "
                "beginning",
                *place,
                offset,
                expected,
            )
            return False
        return True

    def _tell_gap(self, client: Any, place: Place, expected: int) -> None:
        """Compacted and transactional topics have gaps of their own.

        Many, and each question would wait for half a second.
        """
        now = time.monotonic()
        if now < self._ask_again.get(place, 0.0):
            return
        try:
            low, _high = client.get_watermark_offsets(
                TopicPartition(*place), timeout=_GAP_WAIT, cached=False
            ) or (0, 0)
        except KafkaException:
            self._log.put(
                LOG,
                logging.WARNING,
                "Topic %s, partition %d: nothing was read from offset %d up "
                "to the next record, and the brokers did not say in time "
                "whether records were deleted there",
                *place,
                expected,
            )
            return
        if low <= expected:
            self._ask_again[place] = now + _GAPS_OF_ITS_OWN
        else:
            self._log.put(
                LOG,
                logging.ERROR,
                "Topic %s, partition %d: %d records were deleted by the "
                "brokers before they were read (offset %d was next, %d is "
                "the first that is left)",
                *place,
                low - expected,
                expected,
                low,
            )
