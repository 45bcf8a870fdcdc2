# SPDX-License-Identifier: Apache-2.0
"""What must be refused is refused, with passwords and with certificates."""

import subprocess
from typing import Any

import pytest

from .clusters import Cluster
from .plays import make_certificates

PASSWORDS = Cluster("security", ("passwords",))
CERTIFICATES = Cluster("security", ("certificates",))
USERS = ("notifier", "listener", "nobody")
WRONG = "another-password"
OTHER_CA = "/etc/ssl/certs/ca-certificates.crt"


def by_certificate(user: str | None, ca: str = "/etc/kafka/tls/ca.pem") -> str:
    """Return a service's settings with a user's certificate, or none."""
    settings = CERTIFICATES.settings(None, protocol="SSL", ca=ca)
    if user:
        settings += (
            f"ssl_client_cert_file = /root/{user}.pem\n"
            f"ssl_client_key_file = /root/{user}.key\n"
        )
    return settings


@pytest.fixture(scope="module", autouse=True)
def certificates() -> None:
    """Give the users certificates of the broker's authority."""
    folder = CERTIFICATES.inventory / "group_vars" / "kafka" / "pki"
    make_certificates(folder, certificates=[{"name": user} for user in USERS])
    for user in USERS:
        for kind in ("pem", "key"):
            file = folder / f"{user}.{kind}"
            subprocess.run(
                ["docker", "cp", str(file), f"certificates:/root/{file.name}"],
                check=True,
            )


def settings(bus: Cluster, user: str) -> str:
    if bus is PASSWORDS:
        return bus.settings(user)
    return by_certificate(user)


def read(bus: Cluster) -> str:
    """Return what is there, as the listener reads it."""
    seen = bus.tail(settings(bus, "listener"))
    assert seen.rc == 0, seen.stderr
    all_of_it: str = seen.stdout
    return all_of_it


BOTH = pytest.mark.parametrize(
    "bus",
    [
        pytest.param(PASSWORDS, id="passwords"),
        pytest.param(CERTIFICATES, id="certificates"),
    ],
)


@BOTH
def test_who_may_sends_and_who_may_reads(bus: Cluster) -> None:
    sent = bus.send(settings(bus, "notifier"), "security.crosses")
    assert sent.rc == 0, sent.stderr
    assert "security.crosses" in read(bus)


@BOTH
def test_a_notifier_cannot_read(bus: Cluster) -> None:
    assert bus.send(settings(bus, "notifier"), "security.secret").rc == 0
    refused = bus.tail(settings(bus, "notifier"))
    assert refused.rc == 1
    assert "may not be read" in refused.stderr
    assert "security.secret" not in refused.stdout


@BOTH
@pytest.mark.parametrize("user", ["listener", "nobody"])
def test_who_is_no_notifier_cannot_write(bus: Cluster, user: str) -> None:
    refused = bus.send(settings(bus, user), f"security.{user}")
    assert refused.rc != 0
    assert "AUTHORIZATION_FAILED" in refused.stderr
    assert f"security.{user}" not in read(bus)


@pytest.mark.parametrize(
    ("bus", "config"),
    [
        pytest.param(
            PASSWORDS,
            PASSWORDS.settings("notifier", password=WRONG),
            id="wrong password",
        ),
        pytest.param(
            PASSWORDS,
            PASSWORDS.settings(None, protocol="SSL"),
            id="no password",
        ),
        pytest.param(
            PASSWORDS,
            PASSWORDS.settings("notifier", protocol="SASL_PLAINTEXT"),
            id="plaintext on a TLS port",
        ),
        pytest.param(
            PASSWORDS,
            PASSWORDS.settings("notifier", ca=OTHER_CA),
            id="certificate of an authority that is not trusted",
        ),
        pytest.param(CERTIFICATES, by_certificate(None), id="no certificate"),
        pytest.param(
            CERTIFICATES,
            by_certificate("notifier", OTHER_CA),
            id="broker of an authority that is not trusted",
        ),
    ],
)
def test_is_refused(bus: Cluster, config: str) -> None:
    refused = bus.command(config, "send", "--timeout", "10")
    assert refused.rc not in (0, 124), refused.stdout
    said = refused.stdout + refused.stderr
    assert "Traceback" not in said
    assert PASSWORDS.passwords["notifier"] not in said
    # Nothing of it has arrived.
    assert "kafka_driver.test" not in read(bus)


def test_another_listener_asks_for_passwords_without_encryption() -> None:
    config = PASSWORDS.settings("notifier", protocol="SASL_PLAINTEXT")
    inside = config.replace("@passwords:9092", "@127.0.0.1:9094")
    sent = PASSWORDS.send(inside, "security.inside")
    assert sent.rc == 0, sent.stderr
    assert "security.inside" in read(PASSWORDS)
    wrong = PASSWORDS.settings(
        "notifier",
        password=WRONG,
        protocol="SASL_PLAINTEXT",
    ).replace("@passwords:9092", "@127.0.0.1:9094")
    assert PASSWORDS.send(wrong, "security.outside").rc != 0


def test_the_firewall_lets_clients_in_and_nobody_else() -> None:
    """From the other machine; a closed port does not answer at all."""
    there = PASSWORDS.machine().check_output("hostname -I").split()[0]
    other = CERTIFICATES.machine()
    connect = (
        "timeout 5 python3 -c 'import socket, sys; "
        "socket.create_connection((sys.argv[1], int(sys.argv[2])))' %s %s"
    )
    assert other.run(connect, there, "9092").rc == 0
    assert other.run(connect, there, "9999").rc == 124


def test_no_password_crosses_the_network_readable(host: Any) -> None:
    config = host.check_output("cat /etc/kafka/server.properties")
    listeners = [
        line for line in config.splitlines() if line.startswith("listeners=")
    ]
    for listener in listeners[0].partition("=")[2].split(","):
        assert "127.0.0.1" in listener or "SSL" in listener
