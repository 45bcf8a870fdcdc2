# SPDX-License-Identifier: Apache-2.0
"""What tells a topic from another one of the same name."""

from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient


class TopicIds:
    """Asks for the ids that brokers (2.8 and newer) give to topics.

    :param settings: of an admin client, which is made when it is needed
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self._settings = {**settings, "log_level": 0}
        self._admin: Any = None

    def __call__(self, names: list[str], timeout: float) -> dict[str, str]:
        """Name -> id, of those that the brokers tell in time."""
        try:
            if self._admin is None:
                self._admin = AdminClient(self._settings)
            futures = self._admin.describe_topics(
                TopicCollection(names), request_timeout=timeout
            )
        except (KafkaException, ValueError):
            return {}
        found = {}
        for name, future in futures.items():
            try:
                found[name] = str(future.result(timeout + 1).topic_id)
            except (KafkaException, FutureTimeout):
                continue
        return found
