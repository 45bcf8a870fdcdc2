# SPDX-License-Identifier: Apache-2.0
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mock_cluster import MockCluster

from kafka_driver import envelope
from kafka_driver.cli import main


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "kafka-driver://"], "names no host"),
        (["--url", "kafka-driver://h", "--payload", "{"], "is not JSON"),
        (["--url", "kafka-driver://h", "--timeout", "0"], "more than 0"),
        (["--url", "kafka-driver://h", "--topic", "a b"], "no legal"),
        (["--url", "kafka-driver://h?x=1"], "'x'"),
        (["--url", "fake://"], "not for this driver"),
        (["--url", "nosuch://"], "nosuch"),
        (["--url", "nonsense"], "scheme"),
        (["--config-file", "/nope"], "/nope"),
        (["--url", "kafka-driver://127.0.0.1:9", "--timeout", "1"], "within"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["send", *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("kafka-driver: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1


def test_configuration_file_is_read(
    cluster: MockCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "service.conf"
    path.write_text(
        f"[oslo_messaging_notifications]\ntransport_url = {cluster.url}\n"
    )
    assert main.main(["send", "--config-file", str(path)]) == 0
    assert "to notifications.info" in capsys.readouterr().out


def test_no_source_shows_the_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["send"])
    assert caught.value.code == 2
    assert "--config-file" in capsys.readouterr().err
