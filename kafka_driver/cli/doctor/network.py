# SPDX-License-Identifier: Apache-2.0
"""Names and connections."""

import dataclasses
import socket

from kafka_driver.cli.doctor import findings
from kafka_driver.cli.doctor.findings import Finding

NAMES = "names"
TCP = "tcp"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a broker listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def resolve(places: list[Place]) -> tuple[list[Place], list[Finding]]:
    """The places whose names are known, and what was found."""
    known, found = [], []
    for host in dict.fromkeys(place.host for place in places):
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            why = getattr(exc, "strerror", None) or "no legal name"
            found.append(
                findings.failed(
                    NAMES,
                    f"{host} cannot be resolved ({why})",
                    "correct the host in the transport URL, or add it to "
                    "the DNS or to /etc/hosts",
                )
            )
            continue
        addresses = sorted({str(row[4][0]) for row in rows})
        known += [place for place in places if place.host == host]
        if addresses != [host]:
            text = f"{host} is {', '.join(addresses)}"
            found.append(findings.ok(NAMES, text))
    if known and not found:
        found = [findings.ok(NAMES, "the transport URL has addresses")]
    return known, softened(found, bool(known))


def connect(
    places: list[Place], timeout: float
) -> tuple[list[Place], list[Finding]]:
    """The places that accept connections, and what was found."""
    open_ones, found = [], []
    for place in places:
        why = refusal(place, timeout)
        if why is None:
            open_ones.append(place)
            found.append(findings.ok(TCP, f"{place} accepts connections"))
        else:
            found.append(
                findings.failed(
                    TCP,
                    f"{place} cannot be reached ({why})",
                    "start Kafka there, open the firewall, or correct host "
                    "and port in the transport URL",
                )
            )
    return open_ones, softened(found, bool(open_ones))


def refusal(place: Place, timeout: float) -> str | None:
    """Why nothing can be connected to; None when it can."""
    try:
        socket.create_connection((place.host, place.port), timeout).close()
    except (OSError, UnicodeError) as exc:
        return str(getattr(exc, "strerror", None) or exc)
    return None


def softened(found: list[Finding], enough: bool) -> list[Finding]:
    """Failures are warnings as long as another host of the URL will do."""
    if not enough:
        return found
    return [
        findings.warning(one.check, one.text, one.fix)
        if one.level == findings.FAILED
        else one
        for one in found
    ]
