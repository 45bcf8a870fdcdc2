# SPDX-License-Identifier: Apache-2.0
"""What oslo.messaging sees when it loads the driver."""

import logging
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg
from oslo_messaging.transport import DriverLoadFailure

from kafka_driver import driver, errors
from kafka_driver.listener import KafkaListener

Transport = Callable[..., Any]


@pytest.mark.parametrize(
    "scheme", ["kafka-driver", "KAFKA-driver", "kafka-driver+x"]
)
def test_the_scheme_finds_the_driver(
    transport: Transport, scheme: str
) -> None:
    found = transport(f"{scheme}://127.0.0.1:9/")
    assert isinstance(found._driver, driver.KafkaDriver)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("kafka-driver://", "names no host"),
        ("kafka-driver://h/a/b", "virtual host"),
        ("kafka-driver://u:12/geheim@h:9092/", "'/' is written %2F"),
        ("kafka-driver://u:12/geheim=x?y@h:9092/", "'/' is written %2F"),
        ("kafka-driver://u:12?geheim=x@h:9092/", "'?' is written %3F"),
        ("kafka-driver://u:12?geheim=x&y@h:9092/", "'?' is written %3F"),
        ("kafka-driver://u:geheim@h", "security_protocol=SASL_SSL"),
        ("kafka-driver://h?nonsense=1", "no option of section"),
        ("kafka-driver://h?kafka_driver_mode=x", "kafka_driver_mode"),
        ("kafka-driver://h?producer_batch_size=0", "producer_batch_size"),
        (
            "kafka-driver://h?kafka_driver_dead_letter_topic=a%20b",
            "kafka_driver_dead_letter_topic 'a b' is no legal",
        ),
        ("kafka-driver://h?max_poll_records=many", "max_poll_records"),
        (
            "kafka-driver://h?enable_auto_commit=true"
            "&kafka_driver_commit=after_dispatch",
            "turn enable_auto_commit off, or write",
        ),
        (
            "kafka-driver://h?security_protocol=SSL&ssl_cafile=/nope",
            "ssl_cafile",
        ),
    ],
)
def test_bad_settings_are_a_load_failure_that_names_them(
    conf: cfg.ConfigOpts, url: str, words: str
) -> None:
    with pytest.raises(DriverLoadFailure) as caught:
        oslo_messaging.get_notification_transport(conf, url)
    assert words in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_warnings_are_logged_at_load(
    transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    transport("kafka-driver://127.0.0.1:9", enable_auto_commit=True)
    (record,) = [r for r in caplog.records if "enable_auto" in r.getMessage()]
    assert record.levelno == logging.WARNING


@pytest.mark.parametrize("commit", ["before_dispatch", "after_dispatch"])
def test_requeue_is_a_feature_only_when_committing_after_dispatch(
    transport: Transport, commit: str
) -> None:
    found = transport("kafka-driver://127.0.0.1:9", kafka_driver_commit=commit)
    found._require_driver_features(requeue=False)
    if commit == "after_dispatch":
        found._require_driver_features(requeue=True)
    else:
        with pytest.raises(NotImplementedError, match="after_dispatch"):
            found._require_driver_features(requeue=True)


def test_dead_letters_may_not_go_where_the_listener_reads(
    transport: Transport,
) -> None:
    made = transport(
        "kafka-driver://127.0.0.1:9/vh",
        kafka_driver_dead_letter_topic="notifications.info.vh",
    )
    with pytest.raises(
        errors.ConfigurationError,
        match=r"kafka_driver_dead_letter_topic notifications\.info\.vh is a",
    ):
        made._driver.listen_for_notifications(
            [(oslo_messaging.Target(topic="notifications"), "info")],
            None,
            1,
            None,
        )
    assert made._driver.listeners == []


def test_listeners_begun_at_the_same_time_are_all_closed(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = transport("kafka-driver://127.0.0.1:9")._driver
    target = oslo_messaging.Target(topic="notifications")

    def listen() -> None:
        driver.listen_for_notifications([(target, "info")], None, 1, None)

    def listen_meanwhile(_listener: KafkaListener) -> bool:
        monkeypatch.undo()
        listen()
        return False

    listen()
    monkeypatch.setattr(KafkaListener, "is_closed", listen_meanwhile)
    listen()
    listeners = list(driver.listeners)
    driver.cleanup()

    assert [one.is_closed() for one in listeners] == [True] * 3


def test_both_drivers_live_in_one_process(conf: cfg.ConfigOpts) -> None:
    ours = oslo_messaging.get_notification_transport(
        conf, "kafka-driver://127.0.0.1:9"
    )
    theirs = oslo_messaging.get_notification_transport(
        conf, "kafka://127.0.0.1:9"
    )
    again = oslo_messaging.get_notification_transport(
        conf, "kafka-driver://127.0.0.1:9"
    )
    for transport in (ours, theirs, again):
        transport.cleanup()


def test_secrets_do_not_appear_when_options_are_logged(
    conf: cfg.ConfigOpts,
    transport: Transport,
    caplog: pytest.LogCaptureFixture,
) -> None:
    transport("kafka-driver://127.0.0.1:9")
    secrets = {
        "kafka_driver_ssl_key_password": "geheim",
        "kafka_driver_oauth_client_secret": "geheim",
        "kafka_driver_librdkafka": ["debug = geheim"],
    }
    for name, value in secrets.items():
        conf.set_override(name, value, group="oslo_messaging_kafka")
    caplog.set_level(logging.DEBUG)
    conf.log_opt_values(logging.getLogger("test"), logging.DEBUG)
    assert "kafka_driver_ssl_key_password" in caplog.text
    assert "geheim" not in caplog.text


def test_missing_client_library_is_one_sentence() -> None:
    program = (
        "import sys\n"
        "sys.modules['confluent_kafka'] = None\n"
        "from kafka_driver import entry\n"
        "try:\n"
        "    entry.load_driver(None, None)\n"
        "except RuntimeError as exc:\n"
        "    print(exc)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "install confluent-kafka" in done.stdout
