# SPDX-License-Identifier: Apache-2.0
"""What oslo.messaging loads for ``kafka-driver://``.

Supports
  notifications, listener pools, batches; requeueing when offsets are
  committed after dispatch. No RPC: use RabbitMQ for that.

Transport URL
  ``kafka-driver://[USER:PASSWORD@]HOST[:PORT][,...][/VHOST][?OPTION=VALUE]``

Options
  Section ``[oslo_messaging_kafka]``, shared with ``kafka://``; see
  ``kafka_driver.options``.
"""

import atexit
import contextlib
import logging
from typing import Any

from oslo_config import cfg
from oslo_messaging._drivers import base

from kafka_driver import client_config, envelope, options, topics
from kafka_driver.listener import KafkaListener, open_ones
from kafka_driver.producer import Sender, close_all

LOG = logging.getLogger(__name__)

_NO_RPC = (
    "Kafka carries notifications only. For RPC set transport_url to a "
    "RabbitMQ URL (rabbit://), and keep this one as transport_url of section "
    "[oslo_messaging_notifications]"
)


class KafkaDriver(base.BaseDriver):  # type: ignore[misc]
    """Sends and receives notifications over Apache Kafka.

    Building it contacts no broker and starts no thread: services load their
    transports before they fork.
    """

    def __init__(
        self,
        conf: Any,
        url: Any,
        default_exchange: str | None = None,
        allowed_remote_exmods: list[str] | None = None,
    ) -> None:
        settings = options.register(conf, url)
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        self._settings = settings
        self._vhost = topics.check_vhost(url.virtual_host)
        client_config.check(url, settings)
        for warning in client_config.warnings(url, settings):
            LOG.warning("%s", warning)
        self._keyed = settings.kafka_driver_key == "publisher"
        self._sender = Sender(url, settings)
        self.listeners: list[KafkaListener] = []

    def require_features(self, requeue: bool = False) -> None:
        if requeue and self._settings.kafka_driver_commit != "after_dispatch":
            raise NotImplementedError(
                "Notifications can be requeued only with "
                "kafka_driver_commit=after_dispatch in section "
                "[oslo_messaging_kafka]"
            )

    def send(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(_NO_RPC)

    def listen(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(_NO_RPC)

    def send_notification(
        self,
        target: Any,
        ctxt: Any,
        message: dict[str, Any],
        version: float,
        retry: int | None = None,
    ) -> None:
        """Send a notification; see the guarantees in the documentation.

        The envelope is always written, whatever `version` says, as
        oslo.messaging's own Kafka driver does.

        :raises MessageDeliveryFailure: when it could not be delivered
        """
        self._sender.send(*self._record(target, ctxt, message), retry)

    def send_confirmed(
        self, target: Any, ctxt: Any, message: dict[str, Any], seconds: float
    ) -> None:
        """Send a notification and wait for the brokers, in any mode.

        :param seconds: how long it may take
        :raises MessageDeliveryFailure: when it could not be delivered
        """
        record = self._record(target, ctxt, message)
        self._sender.deliver(*record, seconds)

    def _record(
        self, target: Any, ctxt: Any, message: dict[str, Any]
    ) -> tuple[str, bytes, bytes | None]:
        """Topic, value and key."""
        topic = topics.name(target.topic, None, self._vhost)
        key = _publisher(message) if self._keyed else None
        return topic, envelope.encode(ctxt, message), key

    def listen_for_notifications(
        self,
        targets_and_priorities: list[tuple[Any, str]],
        pool: str | None,
        batch_size: int | None,
        batch_timeout: float | None,
    ) -> Any:
        """Read the targets' topics, from now on, as a member of a group.

        :param pool: the group's name, instead of consumer_group
        :raises ConfigurationError: when dead letters would be read again
        """
        names = {
            topics.name(target.topic, priority, self._vhost)
            for target, priority in targets_and_priorities
        }
        topics.check_dead_letters(
            self._settings.kafka_driver_dead_letter_topic, names
        )
        listener = KafkaListener(
            self._url,
            self._settings,
            names,
            pool=pool,
            vhost=self._vhost,
            batch_size=batch_size,
            pool_size=self._pool_size(),
        )
        # In place: another thread may do the same.
        for closed in [one for one in self.listeners if one.is_closed()]:
            with contextlib.suppress(ValueError):
                self.listeners.remove(closed)
        self.listeners.append(listener)
        return base.PollStyleListenerAdapter(
            listener, batch_size, batch_timeout
        )

    def _pool_size(self) -> int:
        """Threads of the executor; a server registers the option."""
        try:
            return int(self.conf.executor_thread_pool_size)
        except cfg.NoSuchOptError:
            return 1

    def statistics(self) -> dict[str, Any]:
        """Queue, latency and failures of this driver's clients."""
        return {
            "producer": self._sender.statistics(),
            "listeners": [one.statistics() for one in self.listeners],
        }

    def cleanup(self) -> None:
        """Close everything, in bounded time. It may be called again."""
        listeners, self.listeners = self.listeners, []
        # All at a time: with brokers away each takes as long as it may.
        for listener in listeners:
            listener.begin_cleanup()
        wait = self._sender.begin_close()
        for listener in listeners:
            listener.cleanup()
        wait()


def _publisher(message: dict[str, Any]) -> bytes | None:
    publisher = message.get("publisher_id")
    return None if publisher is None else str(publisher).encode()


@atexit.register
def _close_all() -> None:
    """Close what was left open when the process ends, all at a time."""
    left = open_ones()
    for one in left:
        one.begin_cleanup()
    close_all()
    for one in left:
        one.cleanup()
        one.tell_leftover()  # also of one that nobody has stopped
