# SPDX-License-Identifier: Apache-2.0
"""Doctor with real brokers: each trouble is a real one."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import oslo_messaging
import pytest
import sending
from bus.kafka import KafkaBroker
from bus.rabbit import RabbitBroker
from confluent_kafka.admin import AclOperation, AdminClient, NewTopic
from receiving import Reading, create, listen, put, wait_until
from secure_broker import MECHANISM, PASSWORD, USER, SecureBroker

LOGIN = f"{USER}:{quote(PASSWORD, safe='')}@"
Run = Callable[..., "Report"]


class Report:
    """What doctor found, by check."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        assert "Traceback" not in done.stderr, done.stderr
        self.code = done.returncode
        self.text = done.stdout
        self.checks: dict[str, list[dict[str, str]]] = {}
        for one in json.loads(done.stdout)["checks"]:
            self.checks.setdefault(one["check"], []).append(one)

    def levels(self, check: str) -> list[str]:
        return [one["level"] for one in self.checks[check]]

    def failure(self, check: str) -> str:
        (one,) = [
            one for one in self.checks[check] if one["level"] == "failed"
        ]
        assert self.code == 1
        assert one["fix"]
        return one["text"]


@pytest.fixture
def doctor(tmp_path: Path) -> Run:
    """doctor(url, *arguments, option=value...): with a service's file."""

    def run(url: str, *arguments: str, **options: Any) -> Report:
        path = tmp_path / "service.conf"
        extra = options.pop("notifications", "")
        rpc = options.pop("rpc", "fake://")
        lines = [f"{name} = {value}" for name, value in options.items()]
        path.write_text(
            f"[DEFAULT]\ntransport_url = {rpc}\n"
            "[oslo_messaging_notifications]\ndriver = messagingv2\n"
            f"transport_url = {url}\n{extra}\n"
            "[oslo_messaging_kafka]\n" + "\n".join(lines) + "\n"
        )
        return Report(
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "kafka_driver.cli.main",
                    "doctor",
                    f"--config-file={path}",
                    "--json",
                    "--timeout=10",
                    *arguments,
                ],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        )

    return run


@pytest.fixture(scope="module")
def secure(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureBroker]:
    broker = SecureBroker(kafka_broker.home, tmp_path_factory.mktemp("secure"))
    broker.start()
    broker.allow("read-", USER, AclOperation.READ)
    broker.allow("all-", USER, AclOperation.ALL, AclOperation.DESCRIBE_CONFIGS)
    yield broker
    broker.stop()


def tls_options(secure: SecureBroker, **more: Any) -> dict[str, Any]:
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": secure.directory / "ca.pem",
        **more,
    }


# -- a broker that works ------------------------------------------------------


def test_a_bus_that_works_gets_nothing_but_ok(
    kafka_broker: KafkaBroker, rabbit: RabbitBroker, doctor: Run
) -> None:
    topic = sending.new_topic()
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    before = set(admin.list_topics(timeout=10).topics)

    report = doctor(
        kafka_broker.url,
        "--rpc",
        "--send",
        notifications=f"topics = {topic}",
        rpc=rabbit.url,
    )

    assert report.code == 0, report.text
    assert report.levels("round trip") == ["ok"]
    assert report.levels("rpc") == ["ok"]
    assert "answered a call" in report.checks["rpc"][0]["text"]
    assert report.levels("version") == ["ok"]
    # Its own topic is away again; those of the service are not made.
    wait_until(
        lambda: (
            set(admin.list_topics(timeout=10).topics) - before
            <= {"__consumer_offsets"}
        )
    )


def test_a_round_trip_goes_by_the_virtual_host(
    kafka_broker: KafkaBroker, doctor: Run
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    before = set(admin.list_topics(timeout=10).topics)

    report = doctor(f"kafka-driver://{kafka_broker.bootstrap}/vh", "--send")

    assert report.levels("round trip") == ["ok"], report.text
    wait_until(
        lambda: (
            set(admin.list_topics(timeout=10).topics) - before
            <= {"__consumer_offsets"}
        )
    )


def test_what_waits_for_a_group_is_counted(
    kafka_broker: KafkaBroker, doctor: Run
) -> None:
    topic = sending.new_topic()
    create(kafka_broker.bootstrap, f"{topic}.info")
    put(kafka_broker.bootstrap, f"{topic}.info", range(3))
    made = sending.transport(kafka_broker.url, consumer_group=topic)
    reading = Reading(listen(made, topic))
    wait_until(lambda: len(reading.payloads) == 3)
    reading.stop()
    made.cleanup()
    put(kafka_broker.bootstrap, f"{topic}.info", range(4))

    report = doctor(
        kafka_broker.url,
        f"--group={topic}",
        notifications=f"topics = {topic}",
    )

    assert report.levels("group") == ["warning"]
    assert "0 members, 4 notifications wait" in report.text


def test_a_minimum_above_the_replicas_is_no_failure_where_it_is_capped(
    kafka_broker: KafkaBroker, doctor: Run
) -> None:
    topic = sending.new_topic()
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap})
    settings = {"min.insync.replicas": "2"}
    admin.create_topics(
        [NewTopic(f"{topic}.info", 1, 1, config=settings)],
    )[f"{topic}.info"].result(20)

    report = doctor(kafka_broker.url, notifications=f"topics = {topic}")

    assert report.levels("replication") == ["warning"]
    assert (
        "min.insync.replicas is 2" in report.checks["replication"][0]["text"]
    )
    made = sending.transport(kafka_broker.url)
    made._driver.send_confirmed(
        oslo_messaging.Target(topic=f"{topic}.info"), {}, {}, 20
    )
    made.cleanup()


def test_topics_that_have_to_get_too_many_replicas_are_found(
    kafka_broker: KafkaBroker, doctor: Run
) -> None:
    report = doctor(
        kafka_broker.url,
        notifications=f"topics = {sending.new_topic()}",
        kafka_driver_topic_replication=3,
    )
    assert "cannot be made" in report.failure("topics")


def test_topics_that_nobody_makes_are_found(
    kafka_broker: KafkaBroker, doctor: Run
) -> None:
    report = doctor(
        kafka_broker.url,
        notifications=f"topics = {sending.new_topic()}",
        kafka_driver_create_topics=False,
    )
    assert "do not exist" in report.failure("topics")


def test_a_rabbit_that_refuses_the_password_is_found(
    kafka_broker: KafkaBroker, rabbit: RabbitBroker, doctor: Run
) -> None:
    wrong = rabbit.url.replace("guest:guest@", "guest:not-this-one@")

    report = doctor(kafka_broker.url, "--rpc", "--timeout=3", rpc=wrong)

    assert "was not answered" in report.failure("rpc")
    assert "not-this-one" not in report.text


def test_the_in_tree_scheme_is_examined_as_well(
    kafka_broker: KafkaBroker, doctor: Run
) -> None:
    report = doctor(f"kafka://{kafka_broker.bootstrap}/")
    assert report.levels("scheme") == ["warning"]
    assert report.levels("login") == ["ok"]


def test_output_that_nobody_reads_is_no_traceback(
    kafka_broker: KafkaBroker,
) -> None:
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "kafka_driver.cli.main", "doctor"),
            f"--url={kafka_broker.url}",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.wait(60) == 128 + signal.SIGPIPE
        assert running.stderr.read() == b""


# -- wrong places -------------------------------------------------------------


def test_a_program_that_is_no_kafka_is_found(doctor: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        port = server.getsockname()[1]
        report = doctor(f"kafka-driver://127.0.0.1:{port}/")
        server.shutdown(socket.SHUT_RDWR)
    assert "is not Kafka" in report.failure("protocol")


def test_one_host_that_is_away_is_a_warning(
    kafka_broker: KafkaBroker, doctor: Run
) -> None:
    report = doctor(f"kafka-driver://{kafka_broker.bootstrap},127.0.0.1:9/")
    assert report.code == 0
    assert report.levels("tcp") == ["ok", "warning"]
    assert report.levels("login") == ["ok"]


# -- TLS and SASL -------------------------------------------------------------


def test_tls_sasl_and_rights_that_are_right(
    secure: SecureBroker, doctor: Run
) -> None:
    topic = f"all-{sending.new_topic()}"
    admin = secure.admin()
    admin.create_topics([NewTopic(f"{topic}.info", 1, 1)])[
        f"{topic}.info"
    ].result(10)

    report = doctor(
        secure.url("sasl_ssl", LOGIN),
        "--send",
        notifications=f"topics = {topic}",
        **tls_options(secure),
    )

    assert report.levels("login") == ["ok"]
    assert report.levels("replication") == ["ok"]
    assert report.levels("permissions") == ["ok"]
    # No right to create a topic outside of its prefix.
    assert report.levels("round trip") == ["skipped"]
    assert PASSWORD not in report.text
    assert quote(PASSWORD, safe="") not in report.text


def test_a_tls_listener_taken_for_a_plain_one_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(secure.url("sasl_ssl"))
    assert "speaks TLS" in report.failure("protocol")


def test_a_plain_listener_taken_for_a_tls_one_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(secure.url("sasl_plaintext", LOGIN), **tls_options(secure))
    assert "does not speak TLS" in report.failure("tls")


def test_a_login_that_is_missing_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(secure.url("sasl_plaintext"))
    assert "wants a login with one of" in report.failure("sasl")


def test_a_login_that_nobody_wants_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(
        f"kafka-driver://{LOGIN}127.0.0.1:{secure.ports['plain']}/",
        security_protocol="SASL_PLAINTEXT",
    )
    assert "knows no login" in report.failure("sasl")


@pytest.mark.parametrize("mechanism", sorted({"PLAIN", MECHANISM}))
def test_a_wrong_password_is_found_and_not_shown(
    secure: SecureBroker, doctor: Run, mechanism: str
) -> None:
    report = doctor(
        secure.url("sasl_ssl", f"{USER}:not-this-one@"),
        sasl_mechanism=mechanism,
        **tls_options(secure),
    )
    assert "user or password is refused" in report.failure("login")
    assert "not-this-one" not in report.text


def test_an_unknown_ca_is_found(secure: SecureBroker, doctor: Run) -> None:
    other = secure.directory / "other-ca.pem"
    report = doctor(
        secure.url("sasl_ssl", LOGIN), **tls_options(secure, ssl_cafile=other)
    )
    assert "CA that is not trusted" in report.failure("tls")


def test_a_name_that_the_certificate_is_not_for_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    url = secure.url("sasl_ssl", LOGIN).replace("localhost", "127.0.0.1")
    report = doctor(url, **tls_options(secure))
    assert "is for localhost, not for 127.0.0.1" in report.failure("tls")


def test_a_missing_client_certificate_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(
        secure.url("ssl"), **tls_options(secure, security_protocol="SSL")
    )
    assert "wants a certificate of this client" in report.failure("tls")


def test_a_client_certificate_is_used(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(
        secure.url("ssl"),
        **tls_options(
            secure,
            security_protocol="SSL",
            ssl_client_cert_file=secure.directory / "client.crt",
            ssl_client_key_file=secure.directory / "client.key",
        ),
    )
    assert report.levels("login") == ["ok"]


def test_a_key_of_another_certificate_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(
        secure.url("ssl"),
        **tls_options(
            secure,
            security_protocol="SSL",
            ssl_client_cert_file=secure.directory / "client.crt",
            ssl_client_key_file=secure.directory / "broker.key",
        ),
    )
    assert "cannot be used together" in report.failure("tls")


def test_an_expired_certificate_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(
        secure.url("expired"), **tls_options(secure, security_protocol="SSL")
    )
    assert "has expired on 2020-01-02" in report.failure("tls")


def test_a_certificate_that_expires_soon_is_a_warning(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(
        secure.url("soon"), **tls_options(secure, security_protocol="SSL")
    )
    (one,) = [one for one in report.checks["tls"] if one["level"] == "warning"]
    assert "in 4 days" in one["text"]


# -- rights -------------------------------------------------------------------


def test_a_right_to_write_that_is_missing_is_found(
    secure: SecureBroker, doctor: Run
) -> None:
    topic = f"read-{sending.new_topic()}"
    admin = secure.admin()
    admin.create_topics([NewTopic(f"{topic}.info", 1, 1)])[
        f"{topic}.info"
    ].result(10)

    report = doctor(
        secure.url("sasl_ssl", LOGIN),
        notifications=f"topics = {topic}",
        **tls_options(secure),
    )

    assert "may not send to" in report.failure("permissions")


def test_topics_that_the_user_may_not_make_are_found(
    secure: SecureBroker, doctor: Run
) -> None:
    prefix = f"write-{sending.new_topic()}"
    secure.allow(prefix, USER, AclOperation.WRITE, AclOperation.DESCRIBE)

    report = doctor(
        secure.url("sasl_ssl", LOGIN),
        notifications=f"topics = {prefix}",
        **tls_options(secure),
    )

    assert "cannot be made (TOPIC_AUTHORIZATION" in report.failure("topics")


def test_topics_that_the_user_may_not_see_are_found(
    secure: SecureBroker, doctor: Run
) -> None:
    report = doctor(
        secure.url("sasl_ssl", LOGIN),
        notifications=f"topics = hidden-{sending.new_topic()}",
        **tls_options(secure),
    )
    assert "may not see" in report.failure("permissions")
    assert report.levels("group") == ["warning"]
