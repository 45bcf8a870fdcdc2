# SPDX-License-Identifier: Apache-2.0
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mock_cluster import MockCluster

from kafka_driver import envelope
from kafka_driver.cli import main, urls


def nested(levels: float) -> str:
    return "[" * int(levels) + "]" * int(levels)


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """The one that standard error has, and standard output nothing."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("kafka-driver: ")
    assert captured.err.count("\n") == 1
    assert "secr" not in captured.err
    return captured.err


def test_send_tells_what_it_sent(
    cluster: MockCluster,
    read: Callable[..., list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main.main(
        [
            "send",
            "--url",
            cluster.url,
            "--event-type",
            "a.b",
            "--publisher",
            "p",
            "--payload",
            "[1]",
        ]
    )
    assert code == 0
    (record,) = read(cluster.bootstrap, "notifications.info", 1)
    ctxt, message = envelope.decode(record.value())
    out = capsys.readouterr().out
    assert out == f"sent {message['message_id']} to notifications.info\n"
    assert ctxt == {}
    assert message["priority"] == "INFO"
    assert message["event_type"] == "a.b"
    assert message["publisher_id"] == "p"
    assert message["payload"] == [1]
    assert json.dumps(message)


def test_send_names_the_topic_that_the_virtual_host_makes(
    cluster: MockCluster,
    read: Callable[..., list[Any]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster.create_topic("vtop.info.vh")
    url = f"--url={cluster.url}vh"
    assert main.main(["send", url, "--topic=vtop"]) == 0
    assert capsys.readouterr().out.endswith(" to vtop.info.vh\n")
    assert read(cluster.bootstrap, "vtop.info.vh", 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "kafka-driver://"], "names no host"),
        (["--url", "kafka-driver://h", "--topic", "a b"], "no legal"),
        (["--url", "kafka-driver://h?x=1"], "no option of section"),
        (["--url", "fake://"], "not for this driver"),
        (["--url", "fake://"], "--url is fake://"),
        (["--url", "nosuch://"], "nosuch"),
        (["--url", "nonsense"], "scheme"),
        (["--url", "kafka-driver://h:x/"], "no number from 1 to 65535"),
        (["--url", "kafka-driver://::1/"], "[ADDRESS]"),
        (["--url", "kafka-driver://u:secr/et@h/"], "%2F for '/'"),
        (["--config-file", "/nope"], "/nope"),
        (["--config-file", "/"], "is a directory"),
        (["--config-file", "/dev/null"], "no transport_url is set"),
        (["--config-dir", "/nope"], "no directory"),
        (["--url", "kafka-driver://127.0.0.1:9", "--timeout", "1"], "within"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["send", *arguments]) == 1
    assert words in sentence(capsys)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--payload", "{"], "--payload is not JSON"),
        (["--payload", '{"a": NaN}'], "NaN is"),
        (["--payload", "[-1e999]"], "-1e999 is"),
        (["--payload", nested(995)], "too deep"),
        (["--payload", nested(5e4)], "too deep"),
        (["--payload", '"\\ud800"'], "--payload has a byte that is no UTF-8"),
        (["--payload", '"\udcff"'], "--payload has a byte that is no UTF-8"),
        (["--event-type", "\udcff"], "--event-type has a byte"),
        (["--publisher", "\udcff"], "--publisher has a byte"),
        (["--topic", ""], "--topic is empty"),
        (["--timeout", "0"], "more than 0"),
        (["--timeout", "nan"], "more than 0"),
        (["--timeout", "inf"], "at most 86400"),
    ],
)
def test_an_option_that_cannot_be_used_ends_with_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["send", "--url=kafka-driver://h", *arguments]) == 2
    assert words in sentence(capsys)


@pytest.mark.parametrize(
    ("written", "code", "payload"),
    [('{"a": "\u20ac"}\n', 0, {"a": "\u20ac"}), ("", 2, None)],
)
def test_a_payload_is_read_from_standard_input(
    *,
    written: str,
    code: int,
    payload: Any,
    cluster: MockCluster,
    read: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(written))
    url = f"--url={cluster.url}"
    assert main.main(["send", url, "--payload", "-"]) == code
    for record in read(cluster.bootstrap, "notifications.info", code == 0):
        assert envelope.decode(record.value())[1]["payload"] == payload


@pytest.mark.parametrize(
    ("url", "option", "said"),
    [
        (
            "kafka-driver://app@h/",
            "security_protocol = SASL_SSL",
            "the transport URL has a user and no password: write "
            "kafka-driver://USER:PASSWORD@HOST:9092/",
        ),
        (
            "kafka-driver://h/",
            "kafka_max_fetch_bytes = many",
            "option kafka_max_fetch_bytes of section [oslo_messaging_kafka] "
            "cannot be used (invalid literal for int() with base 10: 'many')"
            ": correct its value, or leave it out",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(
    url: str,
    option: str,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "service.conf"
    path.write_text(
        f"[DEFAULT]\ntransport_url = {url}\n[oslo_messaging_kafka]\n{option}"
    )
    assert main.main(["send", "--config-file", str(path)]) == 1
    assert capsys.readouterr().err == f"kafka-driver: {said}\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            b"a = secret\n[DEFAULT]\n",
            ":2 is the end of settings that stand above every section: write "
            "[DEFAULT], or another section, above them",
        ),
        (
            b"[DEFAULT]\n  a = secret\n",
            ":2 begins with a blank and continues no value: write it from the "
            "first column on",
        ),
        (
            b"\xef\xbb\xbf[DEFAULT]\na = secret\n",
            ":1 begins with a byte order mark: save it without one",
        ),
        (
            b"[DEFAULT\na = secret\n",
            ":1 is a section that is not closed: write [NAME]",
        ),
        (b"[]\n", ":1 is a section without a name: write [NAME]"),
        (b"[DEFAULT]\n= secret\n", ":2 has no name: write name = value"),
        (
            b"[DEFAULT]\nsecret\n",
            ":2 is no line of a configuration file: write name = value",
        ),
        (
            b"[DEFAULT]\na = secret \xff\n",
            " is no UTF-8 text: save it as such",
        ),
    ],
)
def test_a_file_that_cannot_be_parsed_is_one_sentence_of_what_to_write(
    written: bytes,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, bad = tmp_path / "good.conf", tmp_path / "a bad: one.conf"
    good.write_text("[DEFAULT]\n")
    bad.write_bytes(written)
    arguments = [f"--config-file={path}" for path in (good, bad)]
    assert main.main(["send", *arguments]) == 1
    assert capsys.readouterr().err == f"kafka-driver: {bad}{said}\n"


def test_a_drop_in_directory_alone_is_enough(
    cluster: MockCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bus.conf").write_text(
        f"[oslo_messaging_notifications]\ntransport_url = {cluster.url}\n"
    )
    assert main.main(["send", "--config-dir", str(tmp_path)]) == 0
    assert "to notifications.info" in capsys.readouterr().out


@pytest.mark.parametrize("name", urls.VARIABLES)
def test_the_environment_alone_is_enough(
    name: str,
    cluster: MockCluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(name, cluster.url)
    assert main.main(["send"]) == 0
    assert "to notifications.info" in capsys.readouterr().out


def test_configuration_file_is_read(
    cluster: MockCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "service.conf"
    path.write_text(
        f"[oslo_messaging_notifications]\ntransport_url = {cluster.url}\n"
    )
    assert main.main(["send", "--config-file", str(path)]) == 0
    assert "to notifications.info" in capsys.readouterr().out


def test_what_is_sent_goes_where_the_service_sends(
    cluster: MockCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that tail with the same file shows it."""
    cluster.create_topic("versioned.info")
    path = tmp_path / "service.conf"
    path.write_text(
        "[oslo_messaging_notifications]\n"
        f"transport_url = {cluster.url}\ntopics = versioned,notifications\n"
    )
    arguments = ["send", "--config-file", str(path)]
    assert main.main(arguments) == 0
    assert capsys.readouterr().out.endswith(" to versioned.info\n")
    assert main.main([*arguments, "--topic=notifications"]) == 0
    assert capsys.readouterr().out.endswith(" to notifications.info\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --config-file, --config-dir or --url, or"),
        (["--config-file="], "--config-file is empty: write the path of"),
        (["--config-dir="], "--config-dir is empty: write the path of"),
    ],
)
def test_no_source_shows_the_usage(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["send", *arguments])
    assert caught.value.code == 2
    assert f"error: {said}" in capsys.readouterr().err
