# SPDX-License-Identifier: Apache-2.0
"""Making sure that a topic exists, without ever blocking.

Used from native threads. The public AdminClient answers by futures of
``concurrent.futures``, whose locks eventlet patches; the class below it
takes any object with the two methods that it calls.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic, _AdminClientImpl

from kafka_driver import concurrency, errors

LOG = logging.getLogger(__name__)

_SLICE = 0.2
_LOOK_TIMEOUT = 2.0
_CREATE_TIMEOUT = 10.0
_PAUSE = 0.5

_NO_RIGHT = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
#: Answers of brokers before 2.4, which want to be told both numbers.
NO_DEFAULTS = frozenset(
    {KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION}
)
#: Refusals that stay until somebody changes a setting.
_REFUSED = frozenset(
    {
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_CONFIG,
        KafkaError.TOPIC_EXCEPTION,
    }
)


class Answer:
    """What the client library calls when a request has ended."""

    def __init__(self) -> None:
        self.done = False
        self.result: Any = None
        self.error: KafkaError | None = None

    def set_result(self, result: Any) -> None:
        self.result = result
        self.done = True

    def set_exception(self, error: Exception) -> None:
        if isinstance(error, KafkaException):
            self.error = errors.kafka_error(error)
        else:
            self.error = KafkaError(KafkaError._FAIL, str(error))
        self.done = True


class TopicMaker:
    """Looks whether topics exist, and creates those that don't.

    :param settings: of the client, from client_config.admin()
    :param create: whether a missing topic may be created
    :param partitions: of a created topic; -1 is the broker's default
    :param replication: of a created topic; -1 is the broker's default
    """

    def __init__(
        self,
        settings: dict[str, Any],
        create: bool,
        partitions: int,
        replication: int,
        log: concurrency.LogQueue,
    ) -> None:
        self._settings = settings
        self._create = create
        self._partitions = partitions
        self._replication = replication
        self._log = log
        self._client: Any = None
        self._steps: dict[str, tuple[Callable[..., bool], Answer]] = {}
        self._pause_until = 0.0
        self._told: set[tuple[str, int]] = set()
        #: Why a topic that is missing was not made when that was last tried.
        self.refusals: dict[str, KafkaError] = {}

    def ready(self, topic: str) -> bool:
        """Whether `topic` may be used now. Ask again until it is True.

        It is True as well when there is no right to look or to create: the
        broker then answers the record itself. A call takes 0.2 s at most.
        """
        step = self._steps.get(topic)
        if step is not None:
            on_answer, answer = step
            if not answer.done:
                return False
            del self._steps[topic]
            ready = on_answer(topic, answer)
        elif time.monotonic() < self._pause_until:
            return False
        else:
            ready = self._look(topic)
        if ready:
            self.refusals.pop(topic, None)
        if ready and not self._steps:
            self._client = None  # its connections are not needed any more
        return ready

    def partitions(self, topic: str, timeout: float) -> list[int]:
        """The numbers of a topic's partitions.

        For callbacks of another client, which may not be asked there: its
        next callback would end the process.

        :raises KafkaException: when the brokers did not answer in time
        """
        found = self._handle().list_topics(topic, timeout=timeout)
        if not self._steps:
            self._client = None
        return sorted(found.topics[topic].partitions)

    def close(self) -> None:
        self._steps.clear()
        self._client = None

    def _handle(self) -> Any:
        if self._client is None:
            self._client = _AdminClientImpl(self._settings)
        return self._client

    def _look(self, topic: str) -> bool:
        """Ask any broker, which is quick and needs no controller."""
        try:
            found = self._handle().list_topics(topic, timeout=_SLICE)
        except KafkaException:
            # Nobody there, or a slow network: ask without waiting.
            answer = Answer()
            self._handle().describe_topics(
                [topic], answer, request_timeout=_LOOK_TIMEOUT
            )
            self._steps[topic] = (self._described, answer)
            return self._pause()
        return self._judge(topic, found.topics[topic].error)

    def _described(self, topic: str, answer: Answer) -> bool:
        if answer.error is not None:
            return self._pause()
        found = answer.result[0]
        return self._judge(
            topic, found if isinstance(found, KafkaError) else None
        )

    def _judge(self, topic: str, error: KafkaError | None) -> bool:
        if error is None or error.code() in _NO_RIGHT:
            return True
        if error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            # A new topic without leader can be sent to: the client waits.
            return error.code() == KafkaError.LEADER_NOT_AVAILABLE or (
                self._pause()
            )
        if not self._create:
            self._tell(
                topic,
                error,
                "Topic %s does not exist and kafka_driver_create_topics is "
                "off (%s)",
            )
            return True
        self._ask_for(topic, self._partitions, self._replication)
        return False

    def _ask_for(self, topic: str, partitions: int, replication: int) -> None:
        answer = Answer()
        self._handle().create_topics(
            [NewTopic(topic, partitions, replication)],
            answer,
            request_timeout=_CREATE_TIMEOUT,
        )
        self._steps[topic] = (self._created, answer)

    def _created(self, topic: str, answer: Answer) -> bool:
        error = answer.error or answer.result[topic]
        if error is None or error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return True
        if error.code() in NO_DEFAULTS and -1 in (
            self._partitions,
            self._replication,
        ):
            if self._partitions == -1:
                self._partitions = 1
            if self._replication == -1:
                self._replication = min(3, self._broker_count())
            self._ask_for(topic, self._partitions, self._replication)
            return False
        if error.code() in _NO_RIGHT:
            self._tell(
                topic,
                error,
                "No right to create the topic %s: create it, or give this "
                "user CREATE on it (%s)",
            )
            return True
        self._tell(topic, error, "Topic %s could not be created: %s")
        self.refusals[topic] = error
        return error.code() in _REFUSED or self._pause()

    def _broker_count(self) -> int:
        try:
            return len(self._handle().list_topics(timeout=_SLICE).brokers) or 1
        except KafkaException:
            return 1

    def _pause(self) -> bool:
        """Look again after a pause; always False."""
        self._pause_until = time.monotonic() + _PAUSE
        return False

    def _tell(self, topic: str, error: KafkaError, text: str) -> None:
        if (topic, error.code()) not in self._told:
            self._told.add((topic, error.code()))
            self._log.put(
                LOG, logging.WARNING, text, topic, errors.reason(error)
            )
