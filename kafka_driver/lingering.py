# SPDX-License-Identifier: Apache-2.0
"""A channel whose records the client library gathers (linger.ms)."""

from typing import Any

from confluent_kafka import KafkaError, KafkaException

from kafka_driver import admin, concurrency
from kafka_driver.channel import Channel
from kafka_driver.parking import Record

#: Senders that do not wait take reports after so many records, ...
_TURN = 64
#: ... and for so long the thread leaves them to it. Each time it comes it
#: waits for the interpreter's lock, and is woken in vain whenever a sender
#: gives that up for a moment.
_LEFT_TO_SENDERS = 0.05


class LingeringChannel(Channel):
    """Lets each sender hand its record over, once the topic is known."""

    #: Records that nobody waits for, about, since a sender's last turn.
    _unattended = 0
    #: How often senders were to take the reports; and what that had been
    #: when the thread last looked.
    _turns = 0
    _seen = 0
    #: Whether senders were taking the reports at that time.
    _left_to_senders = False

    # Called by senders.

    def send_unattended(
        self, topic: str, value: bytes, key: bytes | None
    ) -> bool:
        client = self._client
        if client is None or not self._is_open(topic):
            return False
        try:
            client.produce(topic, value, key)
        except (BufferError, KafkaException):
            return False  # whoever submits it sees to that
        if self._client is not client:
            self._leave(client)
        self._unattended += 1
        if self._unattended >= _TURN and not concurrency.is_main():
            self._unattended = 0
            self._turns += 1
            self._take_reports(client)
        return True

    def submit(self, record: Record) -> None:
        client = self._client
        if self._is_open(record.topic) and self._hand_over(record):
            if self._client is not client:
                self._leave(client)
            return
        if concurrency.is_main():
            self._drop_in(record)
            return
        with self._lock:
            if record.topic in self._ready and self._hand_over(record):
                return
            self._check_room(record)
            self._park(record)

    def _is_open(self, topic: str) -> bool:
        """Whether a record may go to the client past all that wait."""
        return (
            topic in self._ready
            and not self._inbox
            and not (self._parked.count and self._parked.first(topic))
        )

    def _take_reports(self, client: Any) -> None:
        """Take what reports there are, in the thread's place.

        Each report takes the interpreter's lock. If the thread took it while
        this one works, both would be switched twice for each record, which
        costs more than all else. Not for the main thread: a signal's handler
        could end a report half taken, or wait for a turn that it holds.
        """
        if self._turn.acquire(False):
            try:
                self._poll(client, 0)
            finally:
                self._turn.release()

    def _leave(self, client: Any) -> None:
        """See to a record that may have got into a client just given up.

        Its thread may be done with it already; the record's report sends it
        by the next client, or fails it.
        """
        self._purge(client)
        if self.ended:
            # It may have been delivered before the client was given up.
            raise KafkaException(KafkaError(KafkaError._PURGE_INFLIGHT))

    # Called by the thread.

    def _wait(self) -> None:
        before, self._seen = self._seen, self._turns
        self._left_to_senders = self._seen != before
        if self._left_to_senders:
            self._wake.wait(_LEFT_TO_SENDERS)

    def _work(self, maker: admin.TopicMaker) -> None:
        if not self._left_to_senders:
            self._poll(self._client, self._patience())
        self._serve_parked(maker)

    def _settings_of_client(self) -> dict[str, Any]:
        return {
            **super()._settings_of_client(),
            "on_delivery": self._on_unattended,
        }

    def _on_unattended(self, error: Any, message: Any) -> None:
        """A report without a record: one is made when it is needed.

        Must not raise, as every report.
        """
        try:
            if error is None:
                self._note_delivery(message.topic(), message)
                self.delivered += 1
                return
        except Exception as exc:
            error = KafkaError(KafkaError._FAIL, str(exc))
        value = message.value() or b""
        record = Record(message.topic(), value, message.key())
        record.left = True
        record.claim.acquire(False)
        self._on_delivery(record, error, message)
