# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S106 - no secrets, examples
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from oslo_config import cfg
from oslo_messaging import TransportURL

from kafka_driver import client_config, errors, options

Make = Callable[..., tuple[Any, Any]]


@pytest.fixture
def make(conf: cfg.ConfigOpts) -> Make:
    """make(url, option=value...): the URL and the options."""

    def build(url: str, **overrides: Any) -> tuple[Any, Any]:
        parsed = TransportURL.parse(conf, url)
        options.register(conf, parsed)
        for name, value in overrides.items():
            conf.set_override(name, value, group=options.GROUP)
        return parsed, options.register(conf, parsed)

    return build


@pytest.fixture
def pem(tmp_path: Path) -> str:
    path = tmp_path / "some.pem"
    path.write_text("-")
    return str(path)


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka-driver://a", "a:9092"),
        ("kafka-driver://a:1,b:2/vh", "a:1,b:2"),
        ("kafka-driver://[::1]:9", "[::1]:9"),
        ("kafka-driver://[::1]", "[::1]:9092"),
    ],
)
def test_bootstrap_servers_with_default_port(
    make: Make, url: str, servers: str
) -> None:
    assert client_config.bootstrap_servers(make(url)[0]) == servers


@pytest.mark.parametrize("url", ["kafka-driver://", "kafka-driver:///vh"])
def test_no_host_is_an_error_that_says_what_to_write(
    make: Make, url: str
) -> None:
    with pytest.raises(
        errors.ConfigurationError, match="write kafka-driver://HOST:9092/"
    ):
        client_config.check(*make(url))


def test_sending_is_idempotent_and_waits_for_all_in_sync_replicas(
    make: Make,
) -> None:
    found = client_config.producer(*make("kafka-driver://a"), 0)
    assert found["acks"] == "all"
    assert found["enable.idempotence"] is True
    assert found["message.timeout.ms"] == 0
    assert found["allow.auto.create.topics"] is False
    assert found["topic.metadata.propagation.max.ms"] == 5000
    assert found["partitioner"] == "murmur2_random"


def test_upstream_options_reach_the_producer(make: Make) -> None:
    url, opts = make(
        "kafka-driver://a",
        producer_batch_timeout=0.25,
        producer_batch_size=7,
        compression_codec="zstd",
    )
    found = client_config.producer(url, opts, 12.5)
    assert found["linger.ms"] == 250
    assert found["batch.num.messages"] == 7
    assert found["compression.codec"] == "zstd"
    assert found["message.timeout.ms"] == 12500


def test_records_gather_no_longer_than_half_of_their_time(
    make: Make,
) -> None:
    url, opts = make("kafka-driver://a", producer_batch_timeout=10)
    assert client_config.producer(url, opts, 5)["linger.ms"] == 2500
    assert client_config.producer(url, opts, 60)["linger.ms"] == 10000
    assert client_config.producer(url, opts, 0)["linger.ms"] == 10000


def test_records_gather_for_moments_when_nobody_says_how_long(
    make: Make,
) -> None:
    found = client_config.producer(*make("kafka-driver://a"), 0)
    assert 0 < found["linger.ms"] <= 3


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_unused_credentials_are_refused_with_both_ways_out(
    make: Make, protocol: str
) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        client_config.check(
            *make("kafka-driver://u:geheim@a", security_protocol=protocol)
        )
    text = str(caught.value)
    assert "security_protocol=SASL_SSL" in text
    assert "without user and password" in text
    assert "geheim" not in text


def test_sasl_without_credentials_says_where_to_write_them(
    make: Make,
) -> None:
    with pytest.raises(errors.ConfigurationError, match="USER:PASSWORD@HOST"):
        client_config.check(
            *make("kafka-driver://a", security_protocol="SASL_SSL")
        )


def test_different_credentials_at_hosts_are_refused(make: Make) -> None:
    with pytest.raises(errors.ConfigurationError, match="different cred"):
        client_config.check(
            *make("kafka-driver://u:p@a,v:p@b", security_protocol="SASL_SSL")
        )


@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl_settings(make: Make, name: str) -> None:
    url, opts = make(
        "kafka-driver://u:p%40@a:1,u:p%40@b:2",
        security_protocol="SASL_SSL",
        sasl_mechanism=name,
    )
    found = client_config.base(url, opts)
    assert found["security.protocol"] == "SASL_SSL"
    assert found["sasl.mechanism"] == name
    assert (found["sasl.username"], found["sasl.password"]) == ("u", "p@")


def test_unsupported_mechanism_is_refused_with_the_choices(
    make: Make,
) -> None:
    with pytest.raises(errors.ConfigurationError, match="SCRAM-SHA-512"):
        client_config.check(
            *make(
                "kafka-driver://u:p@a",
                security_protocol="SASL_SSL",
                sasl_mechanism="GSSAPI",
            )
        )


def test_guides_spelling_of_the_mechanism_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "service.conf"
    path.write_text(
        "[oslo_messaging_kafka]\nsecurity_protocol=SASL_SSL\n"
        "sasl_mechanisms=SCRAM-SHA-512\n"
    )
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    url = TransportURL.parse(conf, "kafka-driver://u:p@a")
    assert client_config.mechanism(options.register(conf, url)) == (
        "SCRAM-SHA-512"
    )


def test_oauthbearer_uses_the_token_endpoint(make: Make) -> None:
    url, opts = make(
        "kafka-driver://a",
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        kafka_driver_oauth_token_url="https://id/token",
        kafka_driver_oauth_client_id="me",
        kafka_driver_oauth_client_secret="s",
        kafka_driver_oauth_scope="kafka",
    )
    found = client_config.base(url, opts)
    assert found["sasl.oauthbearer.method"] == "oidc"
    assert found["sasl.oauthbearer.token.endpoint.url"] == "https://id/token"
    assert found["sasl.oauthbearer.client.id"] == "me"
    assert found["sasl.oauthbearer.client.secret"] == "s"
    assert found["sasl.oauthbearer.scope"] == "kafka"


def test_oauthbearer_without_endpoint_names_the_option(make: Make) -> None:
    with pytest.raises(
        errors.ConfigurationError, match="kafka_driver_oauth_token_url"
    ):
        client_config.check(
            *make(
                "kafka-driver://a",
                security_protocol="SASL_SSL",
                sasl_mechanism="OAUTHBEARER",
            )
        )


def test_tls_verifies_certificate_and_host_name(make: Make) -> None:
    found = client_config.base(
        *make("kafka-driver://a", security_protocol="SSL")
    )
    assert found["enable.ssl.certificate.verification"] is True
    assert found["ssl.endpoint.identification.algorithm"] == "https"
    assert found["ssl.ca.location"] == "probe"


def test_hostname_check_off_warns(make: Make) -> None:
    url, opts = make(
        "kafka-driver://a",
        security_protocol="SSL",
        kafka_driver_ssl_verify_hostname=False,
    )
    found = client_config.base(url, opts)
    assert found["ssl.endpoint.identification.algorithm"] == "none"
    assert found["enable.ssl.certificate.verification"] is True
    assert (
        "kafka_driver_ssl_verify_hostname is off"
        in (client_config.warnings(url, opts)[0])
    )


def test_secret_key_password_wins(make: Make, pem: str) -> None:
    files = {
        "security_protocol": "SSL",
        "ssl_client_cert_file": pem,
        "ssl_client_key_file": pem,
        "ssl_client_key_password": "upstream",
    }
    found = client_config.base(*make("kafka-driver://a", **files))
    assert found["ssl.key.password"] == "upstream"
    found = client_config.base(
        *make(
            "kafka-driver://a", kafka_driver_ssl_key_password="ours", **files
        )
    )
    assert found["ssl.key.password"] == "ours"


@pytest.mark.parametrize(
    "option", ["ssl_cafile", "ssl_client_cert_file", "ssl_client_key_file"]
)
def test_missing_pem_file_is_named(make: Make, pem: str, option: str) -> None:
    files = {"ssl_client_cert_file": pem, "ssl_client_key_file": pem}
    with pytest.raises(errors.ConfigurationError, match=f"{option}: /nope"):
        client_config.check(
            *make(
                "kafka-driver://a",
                security_protocol="SSL",
                **{**files, option: "/nope"},
            )
        )


def test_certificate_without_key_is_refused(make: Make, pem: str) -> None:
    with pytest.raises(
        errors.ConfigurationError, match="set ssl_client_key_file too"
    ):
        client_config.check(
            *make(
                "kafka-driver://a",
                security_protocol="SSL",
                ssl_client_cert_file=pem,
            )
        )


@pytest.mark.parametrize(
    ("host", "warned"),
    [("10.0.0.1", True), ("kafka.example", True), ("127.0.0.1", False)],
)
def test_readable_password_warns_off_loopback(
    make: Make, host: str, warned: bool
) -> None:
    url, opts = make(
        f"kafka-driver://u:p@{host}", security_protocol="SASL_PLAINTEXT"
    )
    found = client_config.warnings(url, opts)
    assert [bool("SASL_PLAINTEXT" in text) for text in found] == (
        [True] if warned else []
    )


@pytest.mark.parametrize(
    ("library", "mechanism", "warned"),
    [
        (0x020600FF, "SCRAM-SHA-512", True),
        (0x020600FF, "PLAIN", False),
        (0x020601FF, "SCRAM-SHA-512", False),
    ],
)
def test_a_client_library_that_kafka_4_refuses_by_scram_warns(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    library: int,
    mechanism: str,
    warned: bool,
) -> None:
    monkeypatch.setattr(
        confluent_kafka, "libversion", lambda: ("2.6", library)
    )
    url, opts = make(
        "kafka-driver://u:p@a",
        security_protocol="SASL_SSL",
        sasl_mechanism=mechanism,
    )
    found = client_config.warnings(url, opts)
    assert [bool("by SCRAM" in text) for text in found] == (
        [True] if warned else []
    )


def test_auto_commit_is_called_weaker(make: Make) -> None:
    url, opts = make("kafka-driver://a", enable_auto_commit=True)
    assert "enable_auto_commit" in client_config.warnings(url, opts)[0]


def test_extra_property_reaches_the_client(make: Make) -> None:
    found = client_config.producer(
        *make(
            "kafka-driver://a",
            kafka_driver_librdkafka=[
                "message.max.bytes = 2000000",
                "debug=security",
            ],
        ),
        0,
    )
    assert found["message.max.bytes"] == "2000000"
    assert found["debug"] == "security"


@pytest.mark.parametrize(
    "name",
    [
        "acks",
        "enable.idempotence",
        "group.id",
        "sasl.password",
        "plugin.library.paths",
        "interceptors",
        "sasl.kerberos.kinit.cmd",
        "enable.ssl.certificate.verification",
        "ssl.endpoint.identification.algorithm",
        "error_cb",
        "oauth_cb",
    ],
)
def test_owned_and_dangerous_properties_are_refused(
    make: Make, name: str
) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        client_config.check(
            *make("kafka-driver://a", kafka_driver_librdkafka=[f"{name}=geh"])
        )
    assert f"may not set {name}" in str(caught.value)
    assert "geh" not in str(caught.value)


def test_every_property_that_the_driver_sets_is_its_own(
    make: Make, pem: str
) -> None:
    url, opts = make(
        "kafka-driver://u:p@a",
        security_protocol="SASL_SSL",
        ssl_client_cert_file=pem,
        ssl_client_key_file=pem,
        kafka_driver_ssl_key_password="x",
    )
    tunable = {
        "socket.keepalive.enable",
        "socket.timeout.ms",
        "fetch.queue.backoff.ms",
        "reconnect.backoff.max.ms",
        "log.connection.close",
        "topic.metadata.refresh.interval.ms",
    }
    settings = {
        **client_config.producer(url, opts, 0),
        **client_config.consumer(url, opts, "g", "latest"),
    }
    known = client_config.OWNED | client_config.FORBIDDEN | tunable
    assert set(settings) - known == set()


@pytest.mark.parametrize("entry", ["debug", "=x", " = "])
def test_malformed_property_says_the_form(make: Make, entry: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="name = value"):
        client_config.check(
            *make("kafka-driver://a", kafka_driver_librdkafka=[entry])
        )


@pytest.mark.parametrize(
    "entry", ["no.such.property=geheim", "socket.timeout.ms=geheim"]
)
def test_property_that_the_library_refuses_is_found_at_load(
    make: Make, entry: str
) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        client_config.check(
            *make("kafka-driver://a", kafka_driver_librdkafka=[entry])
        )
    assert entry.split("=", maxsplit=1)[0] in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("name", ["message.max.bytes", "max.poll.interval.ms"])
@pytest.mark.parametrize(
    "value", ["0x200000", "04000000", "2000000 bytes", "2000000.5"]
)
def test_numbers_that_the_driver_reads_are_decimal_ones(
    make: Make, name: str, value: str
) -> None:
    # The client library takes all of these.
    with pytest.raises(
        errors.ConfigurationError, match=f"{name} is no whole number: write"
    ) as caught:
        client_config.check(
            *make(
                "kafka-driver://a",
                kafka_driver_librdkafka=[f"{name} = {value}"],
            )
        )
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("session.timeout.ms=400000", "max.poll.interval.ms"),
        ("receive.message.max.bytes=2000000", "fetch.max.bytes"),
    ],
)
def test_properties_that_do_not_go_together_are_found_at_load(
    make: Make, entry: str, words: str
) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        client_config.check(
            *make("kafka-driver://a", kafka_driver_librdkafka=[entry])
        )
    assert "kafka_driver_librdkafka" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "protocol",
    [
        "classic",
        pytest.param(
            "consumer",
            marks=pytest.mark.skipif(
                confluent_kafka.libversion()[1]
                < client_config._CONSUMER_PROTOCOL,
                reason="this client library does not speak it",
            ),
        ),
    ],
)
def test_checking_starts_no_thread(make: Make, protocol: str) -> None:
    given = make(
        "kafka-driver://u:p@a",
        security_protocol="SASL_SSL",
        kafka_driver_group_protocol=protocol,
    )
    before = os.listdir("/proc/self/task")
    client_config.check(*given)
    assert os.listdir("/proc/self/task") == before


def test_empty_consumer_group_is_refused_by_name(make: Make) -> None:
    with pytest.raises(errors.ConfigurationError, match="consumer_group"):
        client_config.check(*make("kafka-driver://a", consumer_group=""))


def test_client_id_names_program_host_and_process() -> None:
    found = client_config.client_id()
    assert found.endswith(f"-{socket.gethostname()}-{os.getpid()}")


def test_consumer_settings_keep_the_groups_protocol(make: Make) -> None:
    found = client_config.consumer(*make("kafka-driver://a"), "g", "earliest")
    assert found["group.id"] == "g"
    assert found["partition.assignment.strategy"] == "range,roundrobin"
    assert found["enable.auto.offset.store"] is False
    url, opts = make(
        "kafka-driver://a", kafka_driver_group_protocol="consumer"
    )
    found = client_config.consumer(url, opts, "g", "earliest")
    assert found["group.protocol"] == "consumer"
    assert "partition.assignment.strategy" not in found


def test_the_consumer_protocol_needs_a_library_that_speaks_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = make("kafka-driver://a", kafka_driver_group_protocol="consumer")
    library = client_config.confluent_kafka
    monkeypatch.setattr(library, "libversion", lambda: ("2.12.0", 0x020C00FF))
    client_config.check(*given)
    monkeypatch.setattr(library, "libversion", lambda: ("2.5.0", 0x020500FF))
    with pytest.raises(
        errors.ConfigurationError, match=r"librdkafka 2\.5\.0 is here"
    ):
        client_config.check(*given)
