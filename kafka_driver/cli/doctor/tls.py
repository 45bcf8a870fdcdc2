# SPDX-License-Identifier: Apache-2.0
"""TLS with a broker: who answers, with which certificate, until when."""

import datetime
import os
import socket
import ssl
from typing import Any

from kafka_driver.cli.doctor import findings
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.cli.doctor.network import Place

TLS = "tls"
#: A certificate that ends within this is worth a warning.
SOON = datetime.timedelta(days=30)

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for.
_NO_TIME = ssl.VerifyFlags(0x200000)
# Its codes of what is wrong with a certificate.
_NOT_YET, _EXPIRED, _WRONG_NAME, _WRONG_ADDRESS = 9, 10, 62, 64
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21})


class Unusable(Exception):
    """A file of the settings cannot be used.

    :param fix: what to do
    """

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


def context(options: Any) -> ssl.SSLContext:
    """What the driver's options mean to TLS.

    :raises Unusable: when a file holds something else
    """
    path = options.ssl_cafile or None
    # The client library takes a directory, too.
    in_directory = path is not None and os.path.isdir(path)
    try:
        made = ssl.create_default_context(
            cafile=None if in_directory else path,
            capath=path if in_directory else None,
        )
    except (OSError, ValueError):
        raise Unusable(
            f"ssl_cafile {options.ssl_cafile} holds no certificate",
            "write the path of a PEM file with the CA's certificate",
        ) from None
    made.check_hostname = options.kafka_driver_ssl_verify_hostname
    # The client library has no such rules for a CA's extensions.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if options.ssl_client_cert_file:
        _load_own(made, options)
    return made


def own_certificates(made: ssl.SSLContext, now: float) -> list[Finding]:
    """The CAs that are trusted for brokers and are over, or soon."""
    found = []
    for certificate in made.get_ca_certs():
        assert isinstance(certificate, dict)
        one = dates(f"the CA {name(certificate)}", certificate, now)
        if one.level != findings.OK:
            found.append(one)
    return found


def handshake(
    place: Place, made: ssl.SSLContext, timeout: float
) -> ssl.SSLSocket:
    """A connection with TLS. OSError and ssl.SSLError come through."""
    raw = socket.create_connection((place.host, place.port), timeout)
    try:
        return made.wrap_socket(raw, server_hostname=place.host)
    except BaseException:
        raw.close()
        raise


def certificate(
    place: Place, options: Any, timeout: float
) -> dict[str, Any] | None:
    """The broker's certificate, whatever its dates and name are.

    None when its CA is unknown or there is no TLS at all.
    """
    try:
        made = context(options)
        made.check_hostname = False
        made.verify_flags |= _NO_TIME
        with handshake(place, made, timeout) as connection:
            return connection.getpeercert()
    except (OSError, ValueError, Unusable):
        return None


def dates(what: str, found: dict[str, Any], now: float) -> Finding:
    """Whether a certificate holds now, and for how long. Pure.

    :param found: as the ssl module shows a certificate
    :param now: seconds since the epoch
    """
    begin = ssl.cert_time_to_seconds(found["notBefore"])
    end = ssl.cert_time_to_seconds(found["notAfter"])
    last = _day(end)
    if now < begin:
        return findings.failed(
            TLS,
            f"the certificate of {what} holds from {_day(begin)} only",
            "set the clocks right, or issue it anew",
        )
    if now > end:
        return findings.failed(
            TLS,
            f"the certificate of {what} has expired on {last}",
            "renew it there",
        )
    days = int((end - now) // 86400)
    if days < SOON.days:
        return findings.warning(
            TLS,
            f"the certificate of {what} expires on {last}, in {days} days",
            "renew it there before that day",
        )
    return findings.ok(TLS, f"{what}: the certificate holds until {last}")


def name(found: dict[str, Any]) -> str:
    """The names that a certificate is for. Pure."""
    names = [value for _kind, value in found.get("subjectAltName", ())]
    if not names:
        names = [
            value
            for part in found.get("subject", ())
            for key, value in part
            if key == "commonName"
        ]
    return ", ".join(names) or "no name"


def no_tls(place: Place) -> Finding:
    return findings.failed(
        TLS,
        f"{place} does not speak TLS",
        "take the port of its TLS listener, or set security_protocol to "
        "PLAINTEXT or SASL_PLAINTEXT in section [oslo_messaging_kafka]",
    )


def trouble(
    place: Place, error: ssl.SSLError, found: dict[str, Any] | None, now: float
) -> Finding:
    """Why a handshake failed, and what to do. Pure.

    :param found: the broker's certificate, if it was to be had
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _not_verified(place, error, found, now)
    reason = (error.reason or str(error)).lower().replace("_", " ")
    if "wrong version number" in reason or "record layer" in reason:
        return no_tls(place)
    if "certificate required" in reason or "bad certificate" in reason:
        return findings.failed(
            TLS,
            f"{place} wants a certificate of this client ({reason})",
            "set ssl_client_cert_file and ssl_client_key_file in section "
            "[oslo_messaging_kafka] to one that the broker's CA signed",
        )
    if "alert" in reason and (
        "certificate" in reason or "unknown ca" in reason
    ):
        return findings.failed(
            TLS,
            f"{place} refuses this client's certificate ({reason})",
            "put one into ssl_client_cert_file that the broker's CA signed "
            "and that has not expired",
        )
    return findings.failed(
        TLS,
        f"the TLS handshake with {place} failed ({reason})",
        "compare the TLS versions and ciphers of the broker's listener",
    )


def _not_verified(
    place: Place,
    error: ssl.SSLCertVerificationError,
    found: dict[str, Any] | None,
    now: float,
) -> Finding:
    code = error.verify_code
    if code in (_EXPIRED, _NOT_YET):
        if found is not None:
            seen = dates(str(place), found, now)
            if seen.level == findings.FAILED:
                return seen
        word = "has expired" if code == _EXPIRED else "does not hold yet"
        return findings.failed(
            TLS,
            f"the certificate of {place}, or of its CA, {word}",
            "renew it there",
        )
    if code in (_WRONG_NAME, _WRONG_ADDRESS):
        names = "another name" if found is None else name(found)
        return findings.failed(
            TLS,
            f"the certificate of {place} is for {names}, not for {place.host}",
            "write a name that it is for into the transport URL, or issue "
            f"it for {place.host}",
        )
    if code in _UNKNOWN_CA:
        return findings.failed(
            TLS,
            f"the certificate of {place} is signed by a CA that is not "
            f"trusted here ({error.verify_message})",
            "set ssl_cafile in section [oslo_messaging_kafka] to the PEM "
            "file of that CA",
        )
    return findings.failed(
        TLS,
        f"the certificate of {place} is refused ({error.verify_message})",
        "issue it anew",
    )


def _load_own(made: ssl.SSLContext, options: Any) -> None:
    password = (
        options.kafka_driver_ssl_key_password
        or options.ssl_client_key_password
        or ""
    )
    try:
        # With no password at all OpenSSL would ask on the terminal.
        made.load_cert_chain(
            options.ssl_client_cert_file,
            options.ssl_client_key_file,
            lambda: password,
        )
    except (OSError, ValueError):
        raise Unusable(
            f"{options.ssl_client_cert_file} and "
            f"{options.ssl_client_key_file} cannot be used together",
            "see that both are PEM, that the key belongs to the "
            "certificate, and that kafka_driver_ssl_key_password opens it",
        ) from None


def _day(seconds: float) -> str:
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return when.strftime("%Y-%m-%d")
