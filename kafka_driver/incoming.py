# SPDX-License-Identifier: Apache-2.0
"""A notification in the hands of oslo.messaging's server."""

import logging
from collections.abc import Callable
from typing import Any

from oslo_messaging._drivers import base

from kafka_driver import concurrency
from kafka_driver.offsets import Place

LOG = logging.getLogger(__name__)


class Incoming(base.IncomingMessage):  # type: ignore[misc]
    """One notification, finished once: by whichever call comes first.

    :param on_finish: called with (message, requeue) at the first of
        acknowledge() and requeue()
    :param requeues: times that it was requeued before
    """

    def __init__(
        self,
        ctxt: dict[str, Any],
        message: dict[str, Any],
        record: Any,
        on_finish: Callable[["Incoming", bool], None],
        requeues: int = 0,
    ) -> None:
        self.topic: str = record.topic()
        self.partition: int = record.partition()
        self.offset: int = record.offset()
        # An id of its own for each delivery; a UUID would cost more.
        number = f"{self.topic}-{self.partition}-{self.offset}-{requeues}"
        super().__init__(ctxt, message, number)
        self.record = record
        self.requeues = requeues
        self._on_finish = on_finish
        self._lock = concurrency.Lock()
        self._finished = False

    @property
    def place(self) -> Place:
        return self.topic, self.partition

    def acknowledge(self) -> None:
        self._finish(False)

    def requeue(self) -> None:
        self._finish(True)

    def _finish(self, requeue: bool) -> None:
        with self._lock:
            if self._finished:
                return
            self._finished = True
        self._on_finish(self, requeue)
