# SPDX-License-Identifier: Apache-2.0
"""The client library's view: login, and what the brokers tell."""

import dataclasses
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from kafka_driver import client_config, errors
from kafka_driver.cli.doctor import findings, network
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.cli.doctor.network import Place

LOGIN = "login"
BROKERS = "brokers"
_SLICE = 0.5


@dataclasses.dataclass
class Cluster:
    """A connection to the brokers.

    :param metadata: of all topics that the user may see
    """

    admin: Any
    metadata: Any
    timeout: float

    def wait(self, future: Any) -> Any:
        """The result of a request. KafkaException comes through."""
        # The library gives up by itself, and its reason is better.
        return future.result(self.timeout + 3)


def connect(
    url: Any, options: Any, timeout: float
) -> tuple[Cluster | None, list[Finding]]:
    """Log in and ask for the metadata."""
    reported: list[KafkaError] = []
    settings = {
        **client_config.admin(url, options),
        "client.id": client_config.client_id(),
        "socket.timeout.ms": round(timeout * 1000),
        "error_cb": reported.append,
    }
    try:
        admin = AdminClient(settings)
    except KafkaException as exc:
        return None, [
            findings.failed(
                LOGIN,
                "the client library refuses the settings "
                f"({errors.reason(errors.kafka_error(exc))})",
                "correct section [oslo_messaging_kafka]",
            )
        ]
    until = time.monotonic() + timeout
    while True:
        try:
            metadata = admin.list_topics(timeout=_SLICE)
            break
        except KafkaException as exc:
            last = errors.kafka_error(exc)
        admin.poll(0)
        refused = [one for one in reported if _is_final(one)]
        if refused or time.monotonic() > until:
            # What is reported last is mostly that nobody is left.
            return None, [trouble([*refused, *reported, last][0], options)]
    user = client_config.credentials(url)
    text = f"logged in as {user[0]}" if user else "the brokers answer"
    cluster = Cluster(admin, metadata, timeout)
    return cluster, [findings.ok(LOGIN, text), *_advertised(cluster, url)]


def trouble(error: KafkaError, options: Any) -> Finding:
    """Why the brokers give no answer. Pure."""
    why = errors.reason(error)
    code = error.code()
    if code == KafkaError._AUTHENTICATION:
        if client_config.mechanism(options) == "OAUTHBEARER":
            return findings.failed(
                LOGIN,
                f"the login fails ({why})",
                "see that the token endpoint answers and what "
                "kafka_driver_oauth_client_id may do",
            )
        return findings.failed(
            LOGIN,
            f"user or password is refused ({why})",
            "correct both in the transport URL, percent-encoded, or set the "
            "user's password on the brokers",
        )
    if code == KafkaError._SSL:
        return findings.failed(
            LOGIN,
            f"TLS fails ({why})",
            "see that ssl_cafile and the client's certificate are right",
        )
    return findings.failed(
        LOGIN,
        f"the brokers do not answer the client library ({why})",
        "look at the brokers' logs",
    )


def _is_final(error: KafkaError) -> bool:
    return error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL)


def _advertised(cluster: Cluster, url: Any) -> list[Finding]:
    """Clients connect to the names that brokers give, not to the URL's."""
    known = set(client_config.bootstrap_servers(url).split(","))
    found = []
    brokers = cluster.metadata.brokers
    for number, broker in sorted(brokers.items()):
        place = Place(broker.host, broker.port)
        if str(place) in known:
            continue
        why = network.refusal(place, min(cluster.timeout, 3.0))
        if why is not None:
            found.append(
                findings.failed(
                    BROKERS,
                    f"broker {number} tells clients to use {place}, and that "
                    f"cannot be reached from here ({why})",
                    "set advertised.listeners of that broker to a name that "
                    "this machine resolves and reaches",
                )
            )
    if not found:
        names = ", ".join(str(number) for number in sorted(brokers))
        text = f"{len(brokers)} answering (node {names})"
        found.append(findings.ok(BROKERS, text))
    return found
