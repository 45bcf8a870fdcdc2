# SPDX-License-Identifier: Apache-2.0
"""A channel for senders that wait for their confirmations.

Records gather here while the brokers have yet to answer for those before
them, and go as one request: a lone one at once. The client library cannot do
that. It lets records gather for a fixed time (linger.ms) or sends each by
itself, and with idempotence no more than five of a partition, for which its
thread then waits in a busy loop.
"""

from typing import Any

from kafka_driver import admin, concurrency
from kafka_driver.channel import Channel
from kafka_driver.parking import Record

#: Records gather for so long behind one without an answer: its partition may
#: have no leader while theirs have one.
_LONGEST = 0.01
#: Seconds between two looks at what the client library has to tell while
#: nothing is sent. Each costs a sleeping core 0.1 ms.
_IDLE = 1.0


class GatheringChannel(Channel):
    """Hands over at a time what came while the brokers answered."""

    #: Of what the client library has got and not reported; counted by who
    #: has the turn.
    _handed_over = 0
    _handed_over_bytes = 0
    #: Senders to wake when all reports are taken that came together.
    _answered: list[concurrency.Signal] | None = None

    # Called by senders.

    def submit(self, record: Record) -> None:
        if concurrency.is_main():
            self._drop_in(record)
            self._wake.set()
            return
        with self._lock:
            self._check_room(record)
            self._park(record)
            alone = self._parked.count == 1
        if not (alone and self._deliver(record)):
            self._wake.set()

    def _deliver(self, record: Record) -> bool:
        """Deliver a lone record in the thread's place; whether it is done.

        Waking the thread and being woken by it takes a quarter of a lone
        sender's time. The main thread does not come here: a signal's handler
        could end a report half taken, or wait for a turn that it holds.
        """
        if (
            self._handed_over
            or concurrency.is_green()
            or not self._turn.acquire(False)
        ):
            return False
        try:
            with self._lock:
                if record.topic in self._ready:
                    self._unpark(record.topic)
            self._flush()
        except Exception as exc:
            self._tell_defect(exc)
        finally:
            self._turn.release()
        return not record.parked and not self._handed_over

    def queued(self) -> int:
        """How many records wait; here what the client has got is known."""
        return self._waiting() + self._handed_over

    # Called by who has the turn.

    def _work(self, maker: admin.TopicMaker) -> None:
        self._serve_parked(maker)
        self._flush()

    def _flush(self) -> None:
        """Have all sent at once, and wake senders together.

        Each report takes the interpreter's lock anew. A sender that was woken
        by the one before would have it.
        """
        client = self._client
        if client is None:
            self._poll(None, _LONGEST)
            return
        if not self._handed_over:
            self._poll(client, 0)
            return
        answered: list[concurrency.Signal] = []
        self._answered = answered
        try:
            self._call(client.flush, _LONGEST)
        finally:
            self._answered = None
            for done in answered:
                done.set()

    def _produce(self, record: Record) -> bool:
        handed_over = super()._produce(record)
        if handed_over:
            self._handed_over += 1
            self._handed_over_bytes += record.size
        return handed_over

    def _on_delivery(self, record: Record, error: Any, message: Any) -> None:
        self._handed_over -= 1
        self._handed_over_bytes -= record.size
        super()._on_delivery(record, error, message)

    def _wake_sender(self, done: concurrency.Signal) -> None:
        if self._answered is None:
            done.set()
        else:
            self._answered.append(done)

    # Called by the thread.

    def _wait(self) -> None:
        if not self._handed_over:
            idle = not self._waiting() and self._stop_at is None
            self._wake.wait(_IDLE if idle else self._patience())
        self._wake.clear()

    def _build(self) -> Any:
        self._handed_over = self._handed_over_bytes = 0
        return super()._build()

    def _load(self) -> tuple[int, int]:
        records, size = super()._load()
        return records + self._handed_over, size + self._handed_over_bytes
