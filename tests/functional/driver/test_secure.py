# SPDX-License-Identifier: Apache-2.0
"""Sending and receiving with TLS, SASL and ACLs on a real broker."""

import base64
import http.server
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import oslo_messaging
import pytest
import sending
from bus.kafka import KafkaBroker
from confluent_kafka.admin import AclOperation, NewTopic, ResourceType
from oslo_config import cfg
from receiving import Reading, committed, listen, wait_until
from secure_broker import (
    KEY_PASSWORD,
    MECHANISM,
    PASSWORD,
    SCRAM_WORKS,
    USER,
    SecureBroker,
)

from kafka_driver.cli import main

LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"


@pytest.fixture(scope="module")
def secure(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureBroker]:
    broker = SecureBroker(kafka_broker.home, tmp_path_factory.mktemp("secure"))
    broker.start()
    everything = (
        AclOperation.CREATE,
        AclOperation.DESCRIBE,
        AclOperation.READ,
        AclOperation.WRITE,
    )
    for user in (USER, "CN=client"):
        broker.allow(
            "group-", user, AclOperation.READ, kind=ResourceType.GROUP
        )
    broker.allow("all-", USER, *everything)
    broker.allow("all-", "CN=client", *everything)
    broker.allow("write-", USER, AclOperation.DESCRIBE, AclOperation.WRITE)
    broker.allow("describe-", USER, AclOperation.DESCRIBE)
    yield broker
    broker.stop()


def make(tmp_path: Path, url: str, **options: Any) -> Any:
    """A transport whose options stand in a file, as secrets must."""
    path = tmp_path / "service.conf"
    lines = [f"{name} = {value}\n" for name, value in options.items()]
    path.write_text("[oslo_messaging_kafka]\n" + "".join(lines))
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    return oslo_messaging.get_notification_transport(conf, url)


def send(transport: Any, topic: str, seconds: float = 10) -> None:
    try:
        transport._driver.send_confirmed(
            oslo_messaging.Target(topic=topic), {}, {"payload": 1}, seconds
        )
    finally:
        transport.cleanup()


def create(secure: SecureBroker, topic: str) -> None:
    admin = secure.admin()
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)


def arrived(secure: SecureBroker, topic: str) -> int:
    return len(sending.read(secure.client, topic, 2, 2))


@pytest.mark.parametrize("listener", ["sasl_ssl", "sasl_plaintext"])
@pytest.mark.parametrize(
    "mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
)
def test_sasl(
    secure: SecureBroker, tmp_path: Path, listener: str, mechanism: str
) -> None:
    if mechanism.startswith("SCRAM") and not SCRAM_WORKS:
        pytest.skip("this client library cannot log in by SCRAM")
    topic = f"all-{sending.new_topic()}"
    transport = make(
        tmp_path,
        secure.url(listener, LOGIN),
        security_protocol=listener.upper(),
        sasl_mechanism=mechanism,
        ssl_cafile=secure.directory / "ca.pem",
    )
    send(transport, topic)
    assert arrived(secure, topic) == 1


@pytest.mark.parametrize(
    "key",
    [
        {"ssl_client_key_file": "client.key"},
        {
            "ssl_client_key_file": "client-locked.key",
            "kafka_driver_ssl_key_password": KEY_PASSWORD,
        },
    ],
    ids=["open key", "locked key"],
)
def test_mutual_tls(
    secure: SecureBroker, tmp_path: Path, key: dict[str, str]
) -> None:
    topic = f"all-{sending.new_topic()}"
    files = {
        "ssl_cafile": "ca.pem",
        "ssl_client_cert_file": "client.crt",
        "ssl_client_key_file": key["ssl_client_key_file"],
    }
    paths = {name: secure.directory / file for name, file in files.items()}
    transport = make(
        tmp_path,
        secure.url("ssl"),
        security_protocol="SSL",
        **{**key, **paths},
    )
    send(transport, topic)
    assert arrived(secure, topic) == 1


class TokenEndpoint(http.server.BaseHTTPRequestHandler):
    """Gives a token to the client whose secret is right."""

    def do_POST(self) -> None:
        basic = base64.b64encode(b"the-client:the-secret").decode()
        right = self.headers["Authorization"] == f"Basic {basic}"
        now = int(time.time())
        claims = {"sub": USER, "iat": now, "exp": now + 600}
        parts = [json.dumps(part).encode() for part in (NO_SIGNATURE, claims)]
        token = ".".join(
            [
                *(
                    base64.urlsafe_b64encode(part).rstrip(b"=").decode()
                    for part in parts
                ),
                "",
            ]
        )
        answer = {"access_token": token} if right else {"error": "no"}
        body = json.dumps(answer).encode()
        self.send_response(200 if right else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing on stderr."""


NO_SIGNATURE = {"alg": "none"}


@pytest.mark.parametrize("secret", ["the-secret", "another"])
def test_oauthbearer_with_a_token_endpoint(
    secure: SecureBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    secret: str,
) -> None:
    topic = f"all-{sending.new_topic()}"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), TokenEndpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    transport = make(
        tmp_path,
        secure.url("sasl_ssl"),
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        ssl_cafile=secure.directory / "ca.pem",
        kafka_driver_oauth_token_url=(
            f"http://127.0.0.1:{server.server_port}/token"
        ),
        kafka_driver_oauth_client_id="the-client",
        kafka_driver_oauth_client_secret=secret,
    )
    if secret == "the-secret":  # noqa: S105 - an example
        send(transport, topic)
        assert arrived(secure, topic) == 1
    else:
        assert "another" not in refused(caplog, transport)
    server.shutdown()
    server.server_close()


def refused(
    caplog: pytest.LogCaptureFixture, transport: Any, seconds: float = 4
) -> str:
    """What a send that cannot get through says and logs."""
    caplog.set_level(logging.INFO)
    with pytest.raises(oslo_messaging.MessageDeliveryFailure) as caught:
        send(transport, "all-refused", seconds)
    text = str(caught.value) + caplog.text
    assert PASSWORD not in text
    return text


def test_wrong_password_is_told(
    secure: SecureBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport = make(
        tmp_path,
        secure.url("sasl_ssl", f"{USER}:wrong-one@"),
        security_protocol="SASL_SSL",
        sasl_mechanism=MECHANISM,
        ssl_cafile=secure.directory / "ca.pem",
    )
    text = refused(caplog, transport)
    assert "_AUTHENTICATION" in text
    assert "wrong-one" not in text
    errors = [
        record
        for record in caplog.records
        if record.getMessage().startswith("Sending: _AUTHENTICATION")
    ]
    assert len(errors) == 1


def test_missing_client_certificate_is_told(
    secure: SecureBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport = make(
        tmp_path,
        secure.url("ssl"),
        security_protocol="SSL",
        ssl_cafile=secure.directory / "ca.pem",
    )
    assert "alert bad certificate" in refused(caplog, transport)


@pytest.mark.parametrize(
    "ca", ["other-ca.pem", None], ids=["another CA", "the system's CAs"]
)
def test_certificate_of_an_unknown_ca_is_refused(
    secure: SecureBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    ca: str | None,
) -> None:
    transport = make(
        tmp_path,
        secure.url("sasl_ssl", LOGIN),
        security_protocol="SASL_SSL",
        sasl_mechanism=MECHANISM,
        **({"ssl_cafile": secure.directory / ca} if ca else {}),
    )
    assert "certificate verify failed" in refused(caplog, transport)


@pytest.mark.parametrize("verify", [True, False])
def test_host_name_is_checked_unless_turned_off(
    secure: SecureBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    verify: bool,
) -> None:
    topic = f"all-{sending.new_topic()}"
    transport = make(
        tmp_path,
        secure.url("sasl_ssl", LOGIN).replace("localhost", "127.0.0.1"),
        security_protocol="SASL_SSL",
        sasl_mechanism=MECHANISM,
        ssl_cafile=secure.directory / "ca.pem",
        kafka_driver_ssl_verify_hostname=verify,
    )
    if verify:
        assert "certificate verify failed" in refused(caplog, transport)
    else:
        send(transport, topic)
        assert arrived(secure, topic) == 1
        assert "kafka_driver_ssl_verify_hostname is off" in caplog.text


def login(
    secure: SecureBroker, tmp_path: Path, login: str = LOGIN, **options: Any
) -> Any:
    return make(
        tmp_path,
        secure.url("sasl_ssl", login),
        security_protocol="SASL_SSL",
        sasl_mechanism=MECHANISM,
        ssl_cafile=secure.directory / "ca.pem",
        **options,
    )


def mutual_tls(secure: SecureBroker, tmp_path: Path, **options: Any) -> Any:
    return make(
        tmp_path,
        secure.url("ssl"),
        security_protocol="SSL",
        ssl_cafile=secure.directory / "ca.pem",
        ssl_client_cert_file=secure.directory / "client.crt",
        ssl_client_key_file=secure.directory / "client.key",
        **options,
    )


def test_no_right_to_write_raises_at_once(
    secure: SecureBroker, tmp_path: Path
) -> None:
    topic = f"describe-{sending.new_topic()}"
    create(secure, topic)
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure,
        match="TOPIC_AUTHORIZATION_FAILED",
    ):
        send(login(secure, tmp_path), topic, seconds=60)
    assert arrived(secure, topic) == 0


def test_no_right_to_see_the_topic_raises_at_once(
    secure: SecureBroker, tmp_path: Path
) -> None:
    topic = f"hidden-{sending.new_topic()}"
    create(secure, topic)
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure,
        match="TOPIC_AUTHORIZATION_FAILED",
    ):
        send(login(secure, tmp_path), topic, seconds=60)


def test_no_right_to_create_is_no_hindrance_for_a_topic_that_is_there(
    secure: SecureBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"write-{sending.new_topic()}"
    create(secure, topic)
    send(login(secure, tmp_path), topic)
    assert arrived(secure, topic) == 1
    assert "No right" not in caplog.text


def test_no_right_to_create_a_missing_topic_is_one_warning(
    secure: SecureBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    topic = f"write-{sending.new_topic()}"
    with pytest.raises(
        oslo_messaging.MessageDeliveryFailure, match="UNKNOWN_TOPIC"
    ):
        send(login(secure, tmp_path), topic, seconds=30)
    told = [
        record
        for record in caplog.records
        if f"No right to create the topic {topic}" in record.getMessage()
    ]
    assert len(told) == 1
    assert told[0].levelno == logging.WARNING


# Receiving


@pytest.mark.parametrize("connect", [login, mutual_tls])
@pytest.mark.parametrize("mode", ["before_dispatch", "after_dispatch"])
def test_a_listener_reads_and_commits(
    secure: SecureBroker,
    tmp_path: Path,
    connect: Callable[..., Any],
    mode: str,
) -> None:
    topic = f"all-{sending.new_topic()}"
    group = f"group-{topic}"
    transport = connect(
        secure, tmp_path, consumer_group=group, kafka_driver_commit=mode
    )
    for number in range(5):
        sending.notifier(transport, topic).info({}, "event", number)

    reading = Reading(listen(transport, topic))
    wait_until(lambda: sorted(reading.payloads) == list(range(5)))
    reading.stop()
    transport.cleanup()

    bootstrap = secure.client["bootstrap.servers"]
    assert committed(bootstrap, group, f"{topic}.info") == 5


def errors_of_a_listener(
    caplog: pytest.LogCaptureFixture, transport: Any, topic: str, text: str
) -> list[str]:
    """Its errors of a kind, some time after the first of them."""
    listen(transport, topic)
    started = time.monotonic()
    wait_until(lambda: text in caplog.text)
    # Not the 60 s after which it would be worth another line.
    assert time.monotonic() - started < 20
    time.sleep(3)
    transport.cleanup()
    assert PASSWORD not in caplog.text
    return [
        one.getMessage()
        for one in caplog.records
        if one.levelno == logging.ERROR and text in one.getMessage()
    ]


def test_a_listener_with_a_wrong_password_says_so_once(
    secure: SecureBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transport = login(secure, tmp_path, f"{USER}:wrong-one@")
    found = errors_of_a_listener(caplog, transport, "all-x", "_AUTHENTICATION")
    assert len(found) == 1
    assert "wrong-one" not in caplog.text


@pytest.mark.parametrize(
    "names",
    [("write-", "group-a"), ("hidden-", "group-b"), ("all-", "another")],
    ids=["topic", "hidden topic", "group"],
)
def test_a_listener_that_may_not_read_says_so_once(
    secure: SecureBroker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    names: tuple[str, str],
) -> None:
    prefix, group = names
    kind = "GROUP" if prefix == "all-" else "TOPIC"
    text = f"{kind}_AUTHORIZATION_FAILED"
    topic = f"{prefix}{sending.new_topic()}"
    create(secure, f"{topic}.info")
    transport = login(secure, tmp_path, consumer_group=group)
    assert len(errors_of_a_listener(caplog, transport, topic, text)) == 1


@pytest.mark.parametrize(
    ("prefix", "said"),
    [("write-", "may not be read"), ("hidden-", "may not see")],
)
def test_tail_says_that_it_may_not_read(
    secure: SecureBroker,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    prefix: str,
    said: str,
) -> None:
    topic = f"{prefix}{sending.new_topic()}"
    create(secure, f"{topic}.info")
    path = tmp_path / "service.conf"
    path.write_text(
        f"[DEFAULT]\ntransport_url = {secure.url('sasl_ssl', LOGIN)}\n"
        "[oslo_messaging_kafka]\nsecurity_protocol = SASL_SSL\n"
        f"ssl_cafile = {secure.directory / 'ca.pem'}\n"
    )
    code = main.main(
        [
            *("tail", "--config-file", str(path), "--topic", topic),
            *("--since", "beginning", "--no-follow", "--priority", "info"),
        ]
    )
    assert code == 1
    assert said in capsys.readouterr().err
