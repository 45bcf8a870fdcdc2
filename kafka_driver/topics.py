# SPDX-License-Identifier: Apache-2.0
"""Which topic a notification goes to, and which names are legal."""

import functools
import re
from collections.abc import Collection

from kafka_driver import errors

_LEGAL = re.compile(r"[A-Za-z0-9._-]{1,249}")
_RULE = (
    "write at most 249 letters, digits, '.', '_' and '-' "
    "(neither '.' nor '..' alone)"
)


def is_legal(name: str) -> bool:
    """Whether a broker accepts the name of this topic."""
    return bool(_LEGAL.fullmatch(name)) and name not in (".", "..")


@functools.lru_cache(maxsize=1024)
def name(
    topic: str, priority: str | None = None, vhost: str | None = None
) -> str:
    """The topic's full name: what is there of topic.priority.vhost.

    :param topic: the target's topic. For sending it holds the priority
        already, as oslo.messaging's notifier passes it.
    :raises IllegalTopic: when no broker would accept the name
    """
    full = ".".join(part for part in (topic, priority, vhost) if part)
    if not is_legal(full):
        raise errors.IllegalTopic(
            f"{full!r} is no legal Kafka topic name: check the "
            f"notification topics and the transport URL's virtual host; "
            f"{_RULE}"
        )
    return full


def check_vhost(vhost: str | None) -> str:
    """The virtual host as used in topic names: '' when there is none.

    '/' means none, as it does for RabbitMQ.

    :raises ConfigurationError: when it holds illegal characters
    """
    if not vhost or vhost == "/":
        return ""
    if not is_legal(vhost):
        raise errors.ConfigurationError(
            "the transport URL's virtual host becomes part of topic names "
            f"and is not legal there: {_RULE}, or none at all; "
            + errors.ESCAPE
        )
    return vhost


def check_dead_letters(
    topic: str, read: Collection[str] = frozenset()
) -> None:
    """See that records may be set aside in a topic; '' is none.

    :param read: the topics that a listener reads
    :raises ConfigurationError: when it cannot take them
    """
    if topic and not is_legal(topic):
        raise errors.ConfigurationError(
            f"kafka_driver_dead_letter_topic {topic!r} is no legal Kafka "
            f"topic name: {_RULE}, or leave the option out"
        )
    if topic in read:
        # A record that cannot be read would be read and set aside for ever.
        raise errors.ConfigurationError(
            f"kafka_driver_dead_letter_topic {topic} is a topic that this "
            "listener reads: write another one, or leave the option out"
        )
