# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, and its one translation into oslo.messaging's terms."""

from confluent_kafka import KafkaError, KafkaException
from oslo_messaging import exceptions

#: A password with one of these ends too early, and its rest is taken for
#: another part of the URL: no such part may be shown.
ESCAPE = (
    "in a password '/' is written %2F, '?' is written %3F and '@' is written "
    "%40"
)


class ConfigurationError(RuntimeError):
    """A setting cannot be used.

    A RuntimeError, because oslo.messaging shows only those as
    DriverLoadFailure; anything else reaches the service as a traceback.
    """


class IllegalTopic(exceptions.MessagingException, ValueError):  # type: ignore[misc]
    """A topic name that no Kafka broker accepts."""


class BadRecord(Exception):
    """A record that is no notification; its text says why."""


#: The client instance is of no further use.
FATAL = frozenset(
    {
        KafkaError._FATAL,
        KafkaError._FENCED,
        KafkaError._MAX_POLL_EXCEEDED,
    }
)

#: Reports of records that are certainly in no topic, so that producing them
#: again cannot duplicate them.
NEVER_SENT = frozenset(
    {
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)

#: Reports after which the record may or may not be in the topic.
UNCERTAIN = frozenset(
    {
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._TRANSPORT,
        KafkaError._PURGE_INFLIGHT,
        KafkaError._FATAL,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    }
)


def kafka_error(error: KafkaError | KafkaException) -> KafkaError:
    """The KafkaError inside, whichever of the two was given."""
    if isinstance(error, KafkaException):
        inner = error.args[0]
        if isinstance(inner, KafkaError):
            return inner
        return KafkaError(KafkaError._FAIL, str(inner))
    return error


def is_fatal(error: KafkaError) -> bool:
    return bool(error.fatal()) or error.code() in FATAL


def reason(error: KafkaError) -> str:
    """The error as a reader of a log needs it: name and text."""
    return f"{error.name()}: {error.str()}"


def translate(
    error: KafkaError | KafkaException,
    topic: str,
    size: int | None = None,
    limit: int | None = None,
) -> exceptions.MessageDeliveryFailure:
    """The exception to raise when a record for `topic` failed."""
    error = kafka_error(error)
    text = f"Notification for topic {topic} was not delivered: "
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        text += _too_large(size, limit)
    else:
        text += reason(error)
    if error.code() in UNCERTAIN:
        text += " (it may have been delivered all the same)"
    failure = exceptions.MessageDeliveryFailure(text)
    failure.__cause__ = KafkaException(error)
    return failure


def _too_large(size: int | None, limit: int | None) -> str:
    if size is not None and limit is not None and size > limit:
        return (
            f"the record has {size} bytes and message.max.bytes is {limit}; "
            "raise it with kafka_driver_librdkafka, or send less"
        )
    record = "the record" if size is None else f"the record of {size} bytes"
    return (
        f"{record} is larger than the topic's max.message.bytes; raise that "
        "on the brokers, or send less"
    )
