# SPDX-License-Identifier: Apache-2.0
"""(transport URL, options) -> settings of the client library. Pure."""

import ipaddress
import os
import re
import socket
import sys
from typing import Any

import confluent_kafka
from confluent_kafka import Consumer, KafkaException, Producer
from oslo_utils import netutils

from kafka_driver import errors, topics

DEFAULT_PORT = 9092
#: Where nothing else is asked for. A request for each record costs far more
#: than this moment, and no sender waits for it: of buffered records none is
#: awaited, and confirmed ones are flushed.
LINGER_MS = 3
#: Seconds after which a dead letter counts as failed, and is sent again.
_LETTER_TIME = 30.0
#: Bytes that the client library takes for one record.
_LARGEST = 1000000000
#: A broker that stands still keeps its connections: records are sent to the
#: partition's next leader only when their request has taken so long. The
#: library's minute is longer than others need to take over.
REQUEST_MS = 10000
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")

#: Before this the client library spoke a draft of the protocol.
_CONSUMER_PROTOCOL = 0x020C0000
#: Before 2.6.1 librdkafka repeats its nonce, which brokers refuse since 4.0
#: (https://github.com/confluentinc/librdkafka/pull/4895).
_SCRAM_OF_KAFKA_4 = 0x02060100

#: Names what the client library is to stumble over, and tells its refusal of
#: that from others. No client is built with it, so no thread starts.
_PROBE = "kafka.driver.probe"

#: Properties that belong to the driver: its promises rest on them, or an
#: option exists for them.
OWNED = frozenset(
    """
    acks allow.auto.create.topics auto.commit.enable auto.commit.interval.ms
    auto.offset.reset batch.num.messages bootstrap.servers client.id
    compression.codec compression.type default.topic.config
    delivery.report.only.error delivery.timeout.ms enable.auto.commit
    enable.auto.offset.store enable.gapless.guarantee enable.idempotence
    enable.partition.eof fetch.message.max.bytes group.id group.instance.id
    group.protocol linger.ms max.in.flight
    max.in.flight.requests.per.connection max.partition.fetch.bytes
    message.send.max.retries message.timeout.ms metadata.broker.list
    partition.assignment.strategy partitioner queue.buffering.max.kbytes
    queue.buffering.max.messages queue.buffering.max.ms
    queued.max.messages.kbytes request.required.acks retries
    sasl.mechanism sasl.mechanisms sasl.oauthbearer.client.id
    sasl.oauthbearer.client.secret sasl.oauthbearer.method
    sasl.oauthbearer.scope sasl.oauthbearer.token.endpoint.url sasl.password
    sasl.username security.protocol ssl.ca.location ssl.certificate.location
    ssl.key.location ssl.key.password statistics.interval.ms
    topic.metadata.propagation.max.ms transactional.id
    """.split()  # noqa: SIM905 - a list of words reads better
)

#: Properties that run code of others or turn verification off.
FORBIDDEN = frozenset(
    """
    enable.sasl.oauthbearer.unsecure.jwt enable.ssl.certificate.verification
    interceptors opaque plugin.library.paths sasl.kerberos.kinit.cmd
    ssl.endpoint.identification.algorithm ssl.engine.id ssl.engine.location
    ssl.providers
    """.split()  # noqa: SIM905 - a list of words reads better
)

#: Properties that the driver reads as well. The client library takes numbers
#: of other bases, and what follows a number for nothing.
_NUMBERS = frozenset({"max.poll.interval.ms", "message.max.bytes"})


def bootstrap_servers(url: Any) -> str:
    """host:port, comma-separated, of every host in the transport URL."""
    servers = [
        f"{netutils.escape_ipv6(host.hostname)}:{host.port or DEFAULT_PORT}"
        for host in url.hosts
        if host.hostname
    ]
    if not servers:
        raise errors.ConfigurationError(
            "the transport URL names no host: write "
            f"{url.transport}://HOST:{DEFAULT_PORT}/"
        )
    return ",".join(servers)


def credentials(url: Any) -> tuple[str, str] | None:
    """User and password of the transport URL, None when it has none."""
    found = {
        (host.username, host.password or "")
        for host in url.hosts
        if host.username
    }
    if len(found) > 1:
        raise errors.ConfigurationError(
            "the transport URL's hosts have different credentials: Kafka "
            "clients use one user for all brokers; write the same user and "
            "password at each host"
        )
    return found.pop() if found else None


def mechanism(options: Any) -> str:
    """The SASL mechanism, from whichever spelling is set."""
    name: str = options.kafka_driver_sasl_mechanisms or options.sasl_mechanism
    if name.upper() not in MECHANISMS:
        raise errors.ConfigurationError(
            f"sasl_mechanism {name!r} is not supported: write one of "
            + ", ".join(MECHANISMS)
        )
    return name.upper()


def base(url: Any, options: Any) -> dict[str, Any]:
    """Settings that producers, consumers and admin clients share."""
    protocol = options.security_protocol
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap_servers(url),
        "security.protocol": protocol,
        "statistics.interval.ms": round(
            options.kafka_driver_statistics_interval * 1000
        ),
        # The library's 10 s would add to every outage of a broker.
        "reconnect.backoff.max.ms": 2000,
        # Quiet connections get closed by brokers; that is no error.
        "log.connection.close": False,
    }
    if "SASL" in protocol:
        settings |= _sasl(url, options)
    elif credentials(url) is not None:
        raise errors.ConfigurationError(
            "the transport URL has credentials, which security_protocol="
            f"{protocol} does not use: set security_protocol=SASL_SSL in "
            "section [oslo_messaging_kafka], or write the URL without user "
            "and password"
        )
    if "SSL" in protocol.split("_")[-1]:
        settings |= _ssl(options)
    return settings | extra_properties(options)


def producer(url: Any, options: Any, message_timeout: float) -> dict[str, Any]:
    """Settings of a producer.

    :param message_timeout: seconds after which a record that could not be
        delivered fails; 0 is never
    """
    return {
        # Defaults that the user's own properties may override.
        "socket.keepalive.enable": True,
        "socket.timeout.ms": REQUEST_MS,
        **base(url, options),
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": round(message_timeout * 1000),
        "linger.ms": _linger(options, message_timeout),
        "batch.num.messages": options.producer_batch_size,
        "compression.codec": options.compression_codec,
        "queue.buffering.max.messages": (
            options.kafka_driver_queue_max_messages
        ),
        "queue.buffering.max.kbytes": options.kafka_driver_queue_max_kbytes,
        # The Java clients' choice: a key finds the same partition.
        "partitioner": "murmur2_random",
        # The driver creates topics itself, with the partitions asked for.
        "allow.auto.create.topics": False,
        "topic.metadata.propagation.max.ms": 5000,
    }


def dead_letters(url: Any, options: Any) -> dict[str, Any]:
    """Settings of a producer of dead letters, for which partitions wait."""
    return {
        **producer(url, options, _LETTER_TIME),
        # However long senders may wait.
        "linger.ms": LINGER_MS,
        # Others send what this service may not: only the brokers judge it.
        "message.max.bytes": _LARGEST,
        "queue.buffering.max.kbytes": _LARGEST // 1024,
    }


def _linger(options: Any, message_timeout: float) -> int:
    """Milliseconds for which the client library lets records gather.

    The library refuses what leaves no time for sending them.
    """
    linger = round(options.producer_batch_timeout * 1000) or LINGER_MS
    if not message_timeout:
        return linger
    return min(linger, round(message_timeout * 1000) // 2)


def consumer(
    url: Any, options: Any, group_id: str, auto_offset_reset: str
) -> dict[str, Any]:
    """Settings of a consumer. The driver commits offsets by itself."""
    settings = {
        # An empty fetch queue is refilled at once, not after a second.
        "fetch.queue.backoff.ms": 10,
        "socket.keepalive.enable": True,
        **base(url, options),
        "group.id": group_id,
        "auto.offset.reset": auto_offset_reset,
        "enable.auto.commit": options.enable_auto_commit,
        "enable.auto.offset.store": False,
        "enable.partition.eof": False,
        "max.partition.fetch.bytes": options.kafka_max_fetch_bytes,
        "queued.max.messages.kbytes": options.kafka_driver_fetch_queue_kbytes,
        "allow.auto.create.topics": False,
        # A topic or partition added later is seen within this time.
        "topic.metadata.refresh.interval.ms": 10000,
        "group.protocol": options.kafka_driver_group_protocol,
    }
    if options.kafka_driver_group_protocol == "classic":
        # A cooperative member beside an in-tree one is refused by the group.
        settings["partition.assignment.strategy"] = "range,roundrobin"
    return settings


def admin(url: Any, options: Any) -> dict[str, Any]:
    """Settings of the client that creates topics.

    It logs nothing: the client that it works for meets the same brokers.
    """
    return base(url, options) | {
        "statistics.interval.ms": 0,
        "log_level": 0,
        # Looking for a topic must not create it.
        "allow.auto.create.topics": False,
    }


def client_id() -> str:
    """program-host-pid: which process a broker's log speaks of."""
    program = os.path.basename(sys.argv[0] if sys.argv else "") or "python"
    return f"{program}-{socket.gethostname()}-{os.getpid()}"


def warnings(url: Any, options: Any) -> list[str]:
    """What is allowed and should be known to the operator."""
    found = []
    protocol = options.security_protocol
    if protocol.endswith("SSL") and (
        not options.kafka_driver_ssl_verify_hostname
    ):
        found.append(
            "kafka_driver_ssl_verify_hostname is off: a broker's "
            "certificate is accepted for any host name"
        )
    if (
        protocol == "SASL_PLAINTEXT"
        and mechanism(options) == "PLAIN"
        and not all(_is_loopback(host.hostname) for host in url.hosts)
    ):
        found.append(
            "SASL mechanism PLAIN over SASL_PLAINTEXT sends the password "
            "readable over the network: use security_protocol=SASL_SSL"
        )
    if (
        protocol.startswith("SASL")
        and mechanism(options).startswith("SCRAM")
        and confluent_kafka.libversion()[1] < _SCRAM_OF_KAFKA_4
    ):
        found.append(
            f"librdkafka {confluent_kafka.libversion()[0]} cannot log in to "
            "Kafka 4.0 or newer by SCRAM: install confluent-kafka 2.6.1 or "
            "newer"
        )
    if options.enable_auto_commit:
        found.append(
            "enable_auto_commit commits records some seconds after they "
            "were read, whatever became of them: a crash may lose or repeat "
            "notifications"
        )
    return found


def extra_properties(options: Any) -> dict[str, str]:
    """The user's own properties of the client library.

    Values do not appear in errors: they may be secrets.
    """
    properties = {}
    for number, line in enumerate(options.kafka_driver_librdkafka, 1):
        name, sign, value = line.partition("=")
        name = name.strip()
        if not sign or not name:
            raise errors.ConfigurationError(
                f"kafka_driver_librdkafka, entry {number}: write name = value"
            )
        if name in OWNED:
            raise errors.ConfigurationError(
                f"kafka_driver_librdkafka may not set {name}: the driver "
                "sets it itself; use the option of section "
                "[oslo_messaging_kafka] where there is one"
            )
        if name in FORBIDDEN or name.endswith("_cb"):
            raise errors.ConfigurationError(
                f"kafka_driver_librdkafka may not set {name}: it runs code "
                "or weakens verification; leave it out"
            )
        properties[name] = value.strip()
    return properties


def _sasl(url: Any, options: Any) -> dict[str, Any]:
    name = mechanism(options)
    if name == "OAUTHBEARER":
        return {"sasl.mechanism": name, **_oauth(options)}
    user = credentials(url)
    if user is None:
        raise errors.ConfigurationError(
            f"security_protocol={options.security_protocol} needs "
            "credentials: write user and password in the transport URL, "
            f"{url.transport}://USER:PASSWORD@HOST:{DEFAULT_PORT}/"
        )
    if not user[1]:
        raise errors.ConfigurationError(
            "the transport URL has a user and no password: write "
            f"{url.transport}://USER:PASSWORD@HOST:{DEFAULT_PORT}/"
        )
    return {
        "sasl.mechanism": name,
        "sasl.username": user[0],
        "sasl.password": user[1],
    }


def _oauth(options: Any) -> dict[str, Any]:
    needed = {
        "kafka_driver_oauth_token_url": "sasl.oauthbearer.token.endpoint.url",
        "kafka_driver_oauth_client_id": "sasl.oauthbearer.client.id",
        "kafka_driver_oauth_client_secret": "sasl.oauthbearer.client.secret",
    }
    settings = {"sasl.oauthbearer.method": "oidc"}
    for option, name in needed.items():
        value = getattr(options, option)
        if not value:
            raise errors.ConfigurationError(
                f"sasl_mechanism=OAUTHBEARER needs {option}: set it in "
                "section [oslo_messaging_kafka]"
            )
        settings[name] = value
    if options.kafka_driver_oauth_scope:
        settings["sasl.oauthbearer.scope"] = options.kafka_driver_oauth_scope
    return settings


def _ssl(options: Any) -> dict[str, Any]:
    verify = options.kafka_driver_ssl_verify_hostname
    settings: dict[str, Any] = {
        "enable.ssl.certificate.verification": True,
        "ssl.endpoint.identification.algorithm": (
            "https" if verify else "none"
        ),
        # "probe" looks for the system's certificates.
        "ssl.ca.location": options.ssl_cafile or "probe",
    }
    certificate = options.ssl_client_cert_file
    key = options.ssl_client_key_file
    if bool(certificate) != bool(key):
        missing = (
            "ssl_client_key_file" if certificate else ("ssl_client_cert_file")
        )
        raise errors.ConfigurationError(
            "a client certificate needs both ssl_client_cert_file and "
            f"ssl_client_key_file: set {missing} too"
        )
    if certificate:
        settings["ssl.certificate.location"] = certificate
        settings["ssl.key.location"] = key
        password = (
            options.kafka_driver_ssl_key_password
            or options.ssl_client_key_password
        )
        if password:
            settings["ssl.key.password"] = password
    for option in (
        "ssl_cafile",
        "ssl_client_cert_file",
        "ssl_client_key_file",
    ):
        path = getattr(options, option)
        if path and not os.access(path, os.R_OK):
            raise errors.ConfigurationError(
                f"{option}: {path} cannot be read by this process: write "
                "the path of a readable PEM file"
            )
    return settings


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def check(url: Any, options: Any) -> None:
    """Find what is wrong with the settings, before there is any client.

    :raises ConfigurationError: naming the setting
    """
    clients = {
        Producer: producer(url, options, 0),
        Consumer: consumer(url, options, options.consumer_group, "earliest"),
    }
    if not options.consumer_group:
        # The client library would end the process.
        raise errors.ConfigurationError(
            "consumer_group is empty: write the name of the listeners' "
            "group, or leave the option out"
        )
    topics.check_dead_letters(options.kafka_driver_dead_letter_topic)
    if options.enable_auto_commit and (
        options.kafka_driver_commit == "after_dispatch"
    ):
        raise errors.ConfigurationError(
            "enable_auto_commit commits whatever became of a notification, "
            "which kafka_driver_commit=after_dispatch is to prevent: turn "
            "enable_auto_commit off, or write "
            "kafka_driver_commit=before_dispatch"
        )
    if options.kafka_driver_group_protocol == "consumer" and (
        confluent_kafka.libversion()[1] < _CONSUMER_PROTOCOL
    ):
        raise errors.ConfigurationError(
            "kafka_driver_group_protocol=consumer needs confluent-kafka 2.12 "
            f"or later (librdkafka {confluent_kafka.libversion()[0]} is "
            "here): install that, or write kafka_driver_group_protocol=classic"
        )
    for name, value in extra_properties(options).items():
        _check_property(name, value)
    for client, settings in clients.items():
        _check_together(client, settings)


def _check_property(name: str, value: str) -> None:
    """Let the client library judge one property.

    It sets one after the other: which of the two is refused tells.
    """
    if name in _NUMBERS and not re.fullmatch("[1-9][0-9]*", value):
        raise errors.ConfigurationError(
            f"kafka_driver_librdkafka: the value of {name} is no whole "
            "number: write digits alone, the first of them not 0, or leave "
            "the entry out"
        )
    if _refusal(Producer, {name: value, _PROBE: ""}):
        raise errors.ConfigurationError(
            f"kafka_driver_librdkafka: the client library does not accept "
            f"{name} with this value: correct the entry or leave it out"
        )


def _check_together(client: Any, settings: dict[str, Any]) -> None:
    """Let the client library judge whether the settings go together.

    It looks for the mechanism when it is content with all else.
    """
    probe = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": _PROBE}
    refusal = _refusal(client, {**settings, **probe})
    if refusal:
        raise errors.ConfigurationError(
            "the client library does not accept the settings of section "
            "[oslo_messaging_kafka], kafka_driver_librdkafka among them "
            f"({refusal}): correct those, or leave them out"
        )


def _refusal(client: Any, settings: dict[str, Any]) -> str:
    """What the client library says against settings, apart from the probe."""
    try:
        client(settings)
    except KafkaException as exc:
        reason = errors.kafka_error(exc).str()
        if _PROBE not in reason:
            return reason.strip()
    return ""
