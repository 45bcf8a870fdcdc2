# SPDX-License-Identifier: Apache-2.0
"""What a listener expects of its clients: TLS, SASL, and how old it is."""

import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from kafka_driver import client_config
from kafka_driver.cli.doctor import findings, tls, wire
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.cli.doctor.network import Place, softened

PROTOCOL = "protocol"
SASL = "sasl"
VERSION = "version"
_SECTION = "in section [oslo_messaging_kafka]"


def look(
    places: list[Place], options: Any, timeout: float
) -> tuple[list[wire.Versions], list[Finding]]:
    """Talk to each place as the options say.

    :returns: the requests of those that can be used, and what was found
    """
    usable: list[wire.Versions] = []
    found: list[Finding] = []
    make: ssl.SSLContext | None = None
    if options.security_protocol.endswith("SSL"):
        try:
            make = tls.context(options)
        except tls.Unusable as exc:
            return [], [findings.failed(tls.TLS, str(exc), exc.fix)]
        if options.ssl_cafile:
            found += tls.own_certificates(make, time.time())
    for place in places:
        told: list[wire.Versions] = []
        seen = _one(place, options, make, timeout, told=told)
        if not findings.has_failed(seen):
            usable += told
        found += seen
    return usable, softened(found, bool(usable))


def _one(
    place: Place,
    options: Any,
    make: ssl.SSLContext | None,
    timeout: float,
    *,
    told: list[wire.Versions],
) -> list[Finding]:
    """What the place wants; `told` gets the requests that it knows."""
    if make is None:
        return _ask(
            place,
            options,
            lambda: socket.create_connection(
                (place.host, place.port), timeout
            ),
            told,
        )
    context = make
    found = []
    try:
        with tls.handshake(place, context, timeout) as connection:
            certificate = connection.getpeercert()
        if certificate:
            found.append(tls.dates(str(place), certificate, time.time()))
    except ssl.SSLError as exc:
        if _speaks_plainly(place, timeout):
            return [tls.no_tls(place)]
        certificate = tls.certificate(place, options, timeout)
        return [tls.trouble(place, exc, certificate, time.time())]
    except (OSError, ValueError) as exc:
        if _speaks_plainly(place, timeout):
            return [tls.no_tls(place)]
        return [
            findings.failed(
                tls.TLS,
                f"the TLS handshake with {place} failed ({exc})",
                "see that a Kafka broker with TLS listens there",
            )
        ]
    return found + _ask(
        place, options, lambda: tls.handshake(place, context, timeout), told
    )


def _ask(
    place: Place,
    options: Any,
    connect: Callable[[], socket.socket],
    told: list[wire.Versions],
) -> list[Finding]:
    """The questions of Kafka's protocol, over a connection of this kind."""
    wanted = (
        client_config.mechanism(options)
        if "SASL" in options.security_protocol
        else None
    )
    try:
        with connect() as connection:
            versions = wire.api_versions(connection)
        with connect() as connection:
            # A listener without SASL is told by what it answers to this.
            code, names = wire.sasl_handshake(connection, wanted or "PLAIN")
    except ssl.SSLError as exc:
        # With TLS 1.3 a certificate is refused only behind the handshake.
        return [tls.trouble(place, exc, None, time.time())]
    except wire.NoKafka:
        return [_no_kafka(place, options)]
    except OSError as exc:
        return [_silent(place, options, exc)]
    told.append(versions)
    return [
        version(place, versions, options.kafka_driver_group_protocol),
        sasl(place, options.security_protocol, wanted, code, names),
    ]


def version(
    place: Place, versions: wire.Versions, group_protocol: str
) -> Finding:
    """How old a broker is, and whether that will do. Pure."""
    text = f"{place} runs Kafka {wire.age(versions)}"
    if group_protocol == "consumer" and not wire.has_new_groups(versions):
        return findings.warning(
            VERSION,
            f"{text}, which does not know the group protocol consumer: "
            "listeners get nothing",
            f"set kafka_driver_group_protocol=classic {_SECTION}",
        )
    return findings.ok(VERSION, text)


def sasl(
    place: Place,
    protocol: str,
    wanted: str | None,
    code: int,
    names: list[str],
) -> Finding:
    """Whether listener and options agree about SASL. Pure.

    :param wanted: the mechanism of the options, None without SASL
    :param code: how the listener answered to it
    :param names: the mechanisms that it has
    """
    offers = ", ".join(names) or "none"
    if wanted is None:
        if code == wire.ILLEGAL_STATE:
            return findings.ok(SASL, f"{place} wants no login")
        return findings.failed(
            SASL,
            f"{place} wants a login with one of {offers}",
            f"set security_protocol=SASL_{protocol} and sasl_mechanism "
            f"{_SECTION}, and write user and password into the transport "
            "URL",
        )
    if code == wire.NONE:
        return findings.ok(SASL, f"{place} takes {wanted}")
    if code == wire.ILLEGAL_STATE:
        plain = protocol.removeprefix("SASL_")
        return findings.failed(
            SASL,
            f"{place} knows no login",
            f"set security_protocol={plain} {_SECTION} and take user and "
            "password out of the transport URL, or take the port of its "
            "SASL listener",
        )
    return findings.failed(
        SASL,
        f"{place} does not take {wanted}, only {offers}",
        f"set sasl_mechanism to one of these {_SECTION}",
    )


def _silent(place: Place, options: Any, error: OSError) -> Finding:
    """Nothing came back: a TLS listener ends connections without a word."""
    text = f"{place} does not answer as Kafka does ({error})"
    if _speaks_tls(place):
        return _needs_tls(place, options)
    return findings.failed(
        PROTOCOL,
        text,
        "see that a Kafka broker runs there, and read its log",
    )


def _no_kafka(place: Place, options: Any) -> Finding:
    if _speaks_tls(place):
        return _needs_tls(place, options)
    return findings.failed(
        PROTOCOL,
        f"what answers at {place} is not Kafka",
        "correct host and port in the transport URL",
    )


def _needs_tls(place: Place, options: Any) -> Finding:
    wanted = options.security_protocol.replace("PLAINTEXT", "SSL")
    return findings.failed(
        PROTOCOL,
        f"{place} speaks TLS",
        f"set security_protocol={wanted} and ssl_cafile {_SECTION}",
    )


def _speaks_plainly(place: Place, timeout: float) -> bool:
    try:
        with socket.create_connection(
            (place.host, place.port), timeout
        ) as connection:
            wire.api_versions(connection)
    except (OSError, wire.NoKafka):
        return False
    return True


def _speaks_tls(place: Place) -> bool:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE  # nothing is sent over it
    try:
        tls.handshake(place, made, 3).close()
    except ssl.SSLError as exc:
        # An alert is an answer of TLS as well.
        return "ALERT" in (exc.reason or "")
    except (OSError, ValueError):
        return False
    return True
