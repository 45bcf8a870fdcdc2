# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg
from oslo_messaging import TransportURL
from oslo_messaging._drivers.kafka_driver import kafka_options

from kafka_driver import errors, options


def register(conf: cfg.ConfigOpts, url: str) -> Any:
    return options.register(conf, TransportURL.parse(conf, url))


def test_upstream_options_are_the_installed_ones(
    conf: cfg.ConfigOpts,
) -> None:
    found = register(conf, "kafka-driver://a")
    for opt in kafka_options.KAFKA_OPTS:
        assert getattr(found, opt.dest) == opt.default


def test_in_tree_driver_can_register_before_and_after(
    conf: cfg.ConfigOpts,
) -> None:
    url = TransportURL.parse(conf, "kafka-driver://a")
    kafka_options.register_opts(conf, url)
    options.register(conf, url)
    kafka_options.register_opts(conf, url)


def test_own_options_carry_one_prefix() -> None:
    assert all(
        opt.dest.startswith(options.PREFIX)
        for _, opts in options.list_opts()
        for opt in opts
    )


def test_list_opts_lists_only_own_options() -> None:
    ((group, opts),) = options.list_opts()
    assert group == "oslo_messaging_kafka"
    upstream = {opt.dest for opt in kafka_options.KAFKA_OPTS}
    assert not upstream & {opt.dest for opt in opts}


def test_every_option_says_what_it_does() -> None:
    for opt in options.OPTS:
        assert opt.help
        assert opt.help.endswith(".")


def test_url_overrides_the_file(conf: cfg.ConfigOpts) -> None:
    found = register(conf, "kafka-driver://a?kafka_driver_send_wait=3.5")
    assert found.kafka_driver_send_wait == 3.5


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("no_such=1", "no option of section"),
        ("kafka_driver_mod=buffered", "write kafka_driver_mode, or leave"),
        ("kafka_driver_send_wait=abc", "kafka_driver_send_wait"),
        ("kafka_driver_mode=fast", "kafka_driver_mode"),
        ("kafka_driver_librdkafka=debug%3Dall", "may not be set in the"),
        ("kafka_driver_ssl_key_password=x", "may not be set in the"),
        ("kafka_driver_oauth_client_secret=x", "may not be set in the"),
        ("ssl_client_key_password=x", "may not be set in the"),
    ],
)
def test_bad_query_is_one_sentence_with_the_option(
    conf: cfg.ConfigOpts, query: str, words: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=words):
        register(conf, f"kafka-driver://a?{query}")


IMPOSSIBLE = [
    ("kafka_driver_statistics_interval", "nan"),
    ("kafka_driver_statistics_interval", "inf"),
    ("kafka_driver_send_wait", "soon"),
    ("kafka_driver_send_wait", "nan"),
    ("kafka_driver_send_wait", "1e300"),
    ("kafka_driver_try_timeout", "nan"),
    ("kafka_driver_try_timeout", "1e9"),
    ("kafka_driver_flush_timeout", "nan"),
    ("kafka_driver_flush_timeout", "inf"),
    ("kafka_driver_revoke_drain", "nan"),
    ("kafka_driver_topic_partitions", "0"),
    ("kafka_driver_topic_partitions", "100001"),
    ("kafka_driver_topic_replication", "0"),
    ("producer_batch_timeout", "nan"),
    ("producer_batch_timeout", "inf"),
    ("producer_batch_timeout", "-1"),
    ("producer_batch_timeout", "10000"),
    ("producer_batch_size", "0"),
    ("producer_batch_size", "1000001"),
    ("kafka_consumer_timeout", "nan"),
    ("kafka_consumer_timeout", "-1"),
    ("kafka_max_fetch_bytes", "0"),
    ("kafka_max_fetch_bytes", "2000000000"),
    ("max_poll_records", "0"),
    ("max_poll_records", "-1"),
    ("max_poll_records", "1000001"),
]


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_impossible_number_in_the_url_names_the_option(
    conf: cfg.ConfigOpts, name: str, value: str
) -> None:
    with pytest.raises(errors.ConfigurationError, match=f"option {name} of"):
        register(conf, f"kafka-driver://a?{name}={value}")


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE)
def test_impossible_number_in_a_file_names_the_option(
    tmp_path: Path, name: str, value: str
) -> None:
    path = tmp_path / "service.conf"
    path.write_text(f"[oslo_messaging_kafka]\n{name}={value}\n")
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    with pytest.raises(errors.ConfigurationError, match=f"option {name} of"):
        register(conf, "kafka-driver://a")


def test_refused_number_says_what_may_be_written(
    conf: cfg.ConfigOpts,
) -> None:
    with pytest.raises(errors.ConfigurationError, match="within 1 to 1000000"):
        register(conf, "kafka-driver://a?max_poll_records=0")


def test_limits_are_of_options_that_oslo_messaging_has() -> None:
    upstream = {opt.dest for opt in kafka_options.KAFKA_OPTS}
    assert set(options.LIMITS) <= upstream


def test_what_a_url_may_not_set_is_known_as_secret(
    conf: cfg.ConfigOpts,
) -> None:
    register(conf, "kafka-driver://a")
    for name in options.FILE_ONLY - {"kafka_driver_librdkafka"}:
        conf.set_override(name, name + "-1", group=options.GROUP)
    conf.set_override("kafka_driver_librdkafka", ["a=1"], options.GROUP)
    assert len(options.secrets(conf)) == len(options.FILE_ONLY)


@pytest.mark.parametrize(
    "name", sorted(options.FILE_ONLY & {opt.dest for opt in options.OPTS})
)
def test_secret_options_are_secret(name: str) -> None:
    (opt,) = [opt for opt in options.OPTS if opt.dest == name]
    assert opt.secret


def test_sample_configuration_is_generated() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "oslo_config.generator",
            "--namespace",
            "kafka_driver",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "[oslo_messaging_kafka]" in done.stdout
    assert "#kafka_driver_send_wait = 30.0" in done.stdout
    assert "consumer_group" not in done.stdout


def test_page_of_the_options_is_up_to_date() -> None:
    checkout = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, str(checkout / "tools/driver_options"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_wrong_option_does_not_write_the_page(tmp_path: Path) -> None:
    checkout = Path(__file__).resolve().parents[3]
    (tmp_path / "tools").mkdir()
    tool = tmp_path / "tools" / "driver_options"
    tool.write_text((checkout / "tools/driver_options").read_text())
    done = subprocess.run(
        [sys.executable, str(tool), "--chek"],
        env={"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "unrecognized arguments: --chek" in done.stderr
