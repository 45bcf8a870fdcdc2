# SPDX-License-Identifier: Apache-2.0
"""A notification in the hands of oslo.messaging's server."""

import logging
from collections.abc import Callable
from typing import Any

from oslo_messaging._drivers import base

from kafka_driver.intake import Fetched

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
        fetched: Fetched,
        on_finish: Callable[["Incoming", bool], None],
        requeues: int = 0,
    ) -> None:
        self.fetched = fetched
        self.place = fetched.place
        self.topic, self.partition = fetched.place
        self.offset = fetched.offset
        # An id of its own for each delivery; a UUID would cost more.
        number = f"{self.topic}-{self.partition}-{self.offset}-{requeues}"
        super().__init__(ctxt, message, number)
        self.requeues = requeues
        self._on_finish = on_finish
        # Only one thread gets what is in it; a lock for each costs more.
        self._once = [True]

    def acknowledge(self) -> None:
        self._finish(False)

    def requeue(self) -> None:
        self._finish(True)

    def _finish(self, requeue: bool) -> None:
        try:
            self._once.pop()
        except IndexError:
            return
        self._on_finish(self, requeue)
