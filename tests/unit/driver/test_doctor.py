# SPDX-License-Identifier: Apache-2.0
"""What doctor says, as far as no broker is needed."""

import contextlib
import errno
import json
import os
import socket
import ssl
import struct
import threading
import time
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from admin_answers import Admin
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from oslo_config import cfg

from kafka_driver import options
from kafka_driver.cli import main, quoting
from kafka_driver.cli.doctor import (
    client,
    examine,
    findings,
    group,
    listener,
    missing_topics,
    network,
    round_trip,
    rpc,
    settings,
    tls,
    topic_state,
    wire,
)
from kafka_driver.cli.doctor.network import Place
from kafka_driver.cli.doctor.topic_state import Partition, Topic

PLACE = Place("broker", 9093)
NOW = ssl.cert_time_to_seconds("Jun 15 12:00:00 2026 GMT")


def doctor(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit code, and the findings by check."""
    code = main.main(["doctor", "--json", "--timeout=1", *arguments])
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(capsys.readouterr().out)["checks"]:
        found.setdefault(one["check"], []).append(one)
    return code, found


def config(tmp_path: Path, text: str) -> str:
    path = tmp_path / "service.conf"
    path.write_text(text)
    return f"--config-file={path}"


# -- URLs ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "kafka-driver://h",
        "kafka-driver://h:9092,h2:9092/vhost",
        "kafka-driver://u:p@h:1,u:p@h2:2/?a=b",
        "kafka-driver://[::1]:9092/",
        "kafka-driver://:@h/",
        "rabbit://:p@h/",
        "kafka-driver://u:p%2F%40:@@h/",
        "kafka-driver://h/?kafka_driver_oauth_scope=a@b",
        "kafka://u:p@h:1/?consumer_group=a@b&kafka_driver_oauth_scope=a@b",
        "rabbit://u:p@h/?any_option=a@b",
    ],
)
def test_a_url_that_works_is_left_alone(url: str) -> None:
    assert quoting.problem(url) is None


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("kafka-driver://u:se/cret@h:9092/", "write %2F for '/'"),
        ("kafka-driver://u:12/34@h:9092/", "write %2F for '/'"),
        ("kafka-driver://u:se#cret@h", "write %23 for '#'"),
        ("kafka-driver://u:se?cret@h", "write %3F for '?'"),
        ("kafka-driver://u:se,cret@h", "write %2C for ','"),
        ("kafka-driver://u:se,cret@h,u:se,cret@h2:1", "write %2C for ','"),
        ("kafka-driver://u:se[cret@h", "write %5B for '['"),
        (
            "kafka-driver://user:9092/?s3cret=pw@host",
            "write %2F for '/', %3F for '?'",
        ),
        (
            "kafka://user:9092?consumer_group=a&s3cret=pw@host",
            "write %3F for '?'",
        ),
        ("kafka-driver://user:9092/s3cret=pw@host", "write %2F for '/'"),
        (
            "kafka-driver://u:se/c#ret@h",
            "write %23 for '#', %2F for '/'",
        ),
    ],
)
def test_what_is_to_be_quoted_is_named_without_the_password(
    url: str, fix: str
) -> None:
    problem = quoting.problem(url)
    assert problem is not None
    assert problem[1] == fix
    assert "cret" not in " ".join(problem)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("h:9092", "a scheme"),
        ("kafka_driver://h:9092", "a scheme"),
        ("kafka-driver://h:x/", "a port"),
        ("kafka-driver://h:0/", "a port"),
        ("kafka-driver://h:70000/", "a port"),
        ("kafka-driver://h :9092/", "a host"),
        ("kafka-driver://h\udcff/", "no UTF-8"),
        ("kafka-driver://u:p\udcff@h/", "no UTF-8"),
        ("kafka-driver://h/?consumer_group=\udcff", "no UTF-8"),
        ("kafka-driver://h:9092;h2:9092/", "';'"),
        ("kafka-driver://::1/", "without brackets"),
        ("kafka-driver://[::1/", "not closed"),
        ("kafka-driver://[]:9092/", "[] in the transport URL is no IPv6"),
        ("kafka-driver://h,[zz]/", "[zz] in the transport URL is no IPv6"),
        ("kafka-driver://:secret@h/", "a password and no user"),
        ("kafka-driver://u:p@h,:secret@h2/", "a password and no user"),
    ],
)
def test_what_no_url_may_have_is_named(url: str, words: str) -> None:
    problem = quoting.problem(url)
    assert problem is not None
    assert words in problem[0]


def test_every_spelling_of_a_password_is_a_secret() -> None:
    secrets = quoting.secrets("kafka-driver://u:pass%2Fword@h,u:pass%2Fword@g")
    assert {"pass%2Fword", "pass/word"} <= secrets
    assert quoting.secrets("kafka-driver://u:pa/ssw@h") >= {"pa/ssw"}
    assert "pass%FF" in quoting.secrets("kafka-driver://u:pass\udcff@h")
    assert findings.without({"pass", "password"}, "a password") == "a ***"


# -- the configuration --------------------------------------------------------

KNOWN = {"noop", "log", "messaging", "messagingv2", "routing", "test"}


@pytest.mark.parametrize(
    ("names", "level", "words"),
    [
        ([], "failed", "no notification driver is set"),
        (["noop"], "failed", "nothing is sent"),
        (["log"], "failed", "nothing is sent"),
        (["messaging"], "ok", "are sent"),
        (["log", "messagingv2"], "ok", "are sent"),
        (["messagingv2", "messaging"], "warning", "is sent twice"),
        (["routing"], "warning", "routing"),
        (["messagingv3"], "failed", "no notification driver 'messagingv3'"),
    ],
)
def test_what_the_notification_driver_does_is_told(
    names: list[str], level: str, words: str
) -> None:
    found = settings.judge_drivers(names, KNOWN)
    assert found.level == level
    assert words in found.text
    assert bool(found.fix) == (level != "ok")


@pytest.mark.parametrize(
    ("text", "check", "words"),
    [
        ("[DEFAULT]\ntransport_url = rabbit://h\n", "scheme", "rabbit"),
        (
            "[oslo_messaging_notifications]\ntransport_url = fake://\n",
            "scheme",
            "fake",
        ),
        (
            "[oslo_messaging_notifications]\ntransport_url = nosuch://h\n",
            "scheme",
            "has no driver for nosuch",
        ),
        (
            "[DEFAULT]\ntransport_url = kafka-driver://u:pa$secret@h\n",
            "url",
            "'$'",
        ),
        ("[DEFAULT]\ntransport_url = kafka-driver://\n", "options", "no host"),
        (
            "[DEFAULT]\ntransport_url = kafka-driver://u:secret@h\n",
            "options",
            "has credentials",
        ),
        (
            "[DEFAULT]\ntransport_url = kafka-driver://h/a b\n",
            "options",
            "virtual host",
        ),
        (
            "[DEFAULT]\ntransport_url = kafka-driver://h\n"
            "[oslo_messaging_kafka]\nkafka_driver_send_wait = secret\n",
            "options",
            "kafka_driver_send_wait",
        ),
        (
            "[DEFAULT]\ntransport_url = kafka-driver://h\n"
            "[oslo_messaging_notifications]\ntopics = a b\n",
            "options",
            "no legal Kafka topic",
        ),
        (
            "[DEFAULT]\ntransport_url = kafka-driver://h\n"
            "[oslo_messaging_notifications]\ntopics =\n",
            "options",
            "topics of section [oslo_messaging_notifications] is empty",
        ),
        (
            "[DEFAULT]\ntransport_url = kafka-driver://h\n"
            "[oslo_messaging_notifications]\nretry = secret line\n",
            "options",
            "retry of section [oslo_messaging_notifications] cannot be read",
        ),
        ("secret line\n", "configuration", "service.conf:1"),
    ],
)
def test_what_is_wrong_with_the_configuration_is_named(
    text: str,
    check: str,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found = doctor(capsys, config(tmp_path, text))
    assert code == 1
    (one,) = found[check]
    assert one["level"] == "failed"
    assert words in one["text"]
    assert one["fix"]
    assert "pa$secret" not in str(found)
    assert "secret line" not in str(found)


def test_a_url_that_nobody_set_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = doctor(capsys, config(tmp_path, "[DEFAULT]\n"))
    assert code == 1
    assert "no transport_url is set" in found["scheme"][0]["text"]


def test_options_that_nobody_reads_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _code, found = doctor(
        capsys,
        config(
            tmp_path,
            "[DEFAULT]\ntransport_url = rabbit://h\nanything = 1\n"
            "[oslo_messaging_notifications]\ntransport_urls = a\n"
            "[oslo_messaging_kafka]\nkafka_driver_comit = b\nconsumer-group"
            " = right\nqwertyuiop = c\n",
        ),
    )
    seen = {one["text"].split()[0]: one for one in found["options"]}
    assert seen.keys() == {
        "transport_urls",
        "kafka_driver_comit",
        "qwertyuiop",
    }
    assert {one["level"] for one in seen.values()} == {"warning"}
    assert seen["transport_urls"]["fix"].startswith("write transport_url,")
    assert seen["kafka_driver_comit"]["fix"].startswith(
        "write kafka_driver_commit,"
    )
    assert seen["qwertyuiop"]["fix"].startswith("correct its spelling")


@pytest.mark.parametrize(
    ("topics", "words", "fix", "asked_for"),
    [
        ("a,b,a", "has 'a' 2 times", "write it once", "a.info"),
        ("a,,b", "has an empty name", "take out the comma", ".info"),
    ],
)
def test_topics_that_a_service_sends_to_by_mistake_are_told(
    *,
    topics: str,
    words: str,
    fix: str,
    asked_for: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def brokers(_conf: Any, _request: Any, bus: examine.Bus) -> list[Any]:
        asked.extend(bus.names)
        return []

    monkeypatch.setattr(examine, "_brokers", brokers)
    code, found = doctor(
        capsys,
        config(
            tmp_path,
            "[DEFAULT]\ntransport_url = kafka-driver://h\n"
            "[oslo_messaging_notifications]\ndriver = messagingv2\n"
            f"topics = {topics}\n",
        ),
    )
    assert code == 0
    (one,) = found["options"]
    assert one["level"] == "warning"
    assert words in one["text"]
    assert one["fix"].startswith(fix)
    assert asked_for in asked
    assert len(asked) == len(set(asked)) == 7 * len(set(topics.split(",")))


def test_tail_is_not_left_without_topics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(
        tmp_path,
        "[DEFAULT]\ntransport_url = kafka-driver://h\n"
        "[oslo_messaging_notifications]\ntopics =\n",
    )
    assert main.main(["tail", path, "--no-follow", "--timeout=1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "kafka-driver: option topics of section "
        "[oslo_messaging_notifications] is empty, so nothing is sent: write "
        "topics = notifications"
    )


def test_the_environment_is_read_as_a_service_reads_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "OS_OSLO_MESSAGING_NOTIFICATIONS__"
    monkeypatch.setenv(f"{group}TRANSPORT_URL", "kafka-driver://[::1]:9/")
    monkeypatch.setenv(f"{group}DRIVER", "messagingv2")
    code, found = doctor(capsys)
    assert code == 1
    assert f"{group}TRANSPORT_URL" in found["configuration"][0]["text"]
    # A list of letters is what a service gets.
    assert "into its letters" in found["driver"][0]["text"]
    assert found["tcp"][0]["level"] == "failed"


def test_no_secret_is_shown_wherever_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = cfg.ConfigOpts()
    path = tmp_path / "service.conf"
    path.write_text(
        "[DEFAULT]\ntransport_url = rabbit://u:first-one@h/\n"
        "[oslo_messaging_notifications]\n"
        "transport_url = kafka-driver://u:second-one@h/\n"
        "[oslo_messaging_kafka]\nssl_client_key_password = third-one\n"
        "kafka_driver_oauth_client_secret = fourth-one\n"
        "kafka_driver_librdkafka = a = fifth-one\n"
    )
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    secrets = settings.secrets(conf, None)
    given = {"first-one", "second-one", "third-one", "fourth-one"}
    assert given <= secrets
    assert "a = fifth-one" in secrets


def test_rpc_over_kafka_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _code, found = doctor(
        capsys,
        config(tmp_path, "[DEFAULT]\ntransport_url = kafka-driver://[::1]:9"),
    )
    assert [one["level"] for one in found["rpc"]] == ["warning"]
    assert "Kafka carries no RPC" in found["rpc"][0]["text"]


def test_drop_in_directories_are_read_as_a_service_reads_them(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    drop_ins = tmp_path / ".service" / "service.conf.d"
    drop_ins.mkdir(parents=True)
    (drop_ins / "10-bus.conf").write_text(
        "[oslo_messaging_notifications]\ndriver = noop\n"
    )
    _code, found = doctor(
        capsys, config(tmp_path, "[DEFAULT]\ntransport_url = rabbit://h\n")
    )
    assert "10-bus.conf" in found["configuration"][0]["text"]
    assert found["driver"][0]["text"].startswith("noop")


def test_a_file_in_a_closed_directory_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # root, who runs tests, may read everything.
    def is_dir(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", is_dir)
    code, found = doctor(capsys, "--config-file=/locked/service.conf")
    assert code == 1
    (one,) = found["configuration"]
    assert one["level"] == "failed"
    assert one["text"] == "/locked/service.conf may not be read by this user"
    assert "service's user" in one["fix"]


def test_a_path_that_none_can_be_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found = doctor(capsys, f"--config-file=/{'a' * 5000}")
    assert code == 1
    (one,) = found["configuration"]
    assert "File name too long" in one["text"]
    assert one["fix"] == "correct the path"


@pytest.mark.parametrize("given", [True, False])
def test_a_directory_that_cannot_be_listed_is_told(
    given: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    locked = tmp_path / ".service" / "service.conf.d"
    locked.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, _: path != str(locked))
    arguments = [f"--config-dir={locked}"] if given else []
    code, found = doctor(
        capsys,
        config(tmp_path, "[DEFAULT]\ntransport_url = rabbit://h\n"),
        *arguments,
    )
    assert code == 1
    (one,) = found["configuration"]
    assert one["text"] == f"{locked} may not be read by this user"


def test_a_url_alone_says_what_was_not_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, found = doctor(capsys, "--url=kafka-driver://127.0.0.1:9/")
    assert code == 1
    assert found["driver"][0]["level"] == "skipped"
    assert found["tcp"][0]["level"] == "failed"
    assert "refused" in found["tcp"][0]["text"]
    assert found["brokers"][0]["level"] == "skipped"


def test_an_unknown_name_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    _code, found = doctor(capsys, "--url=kafka-driver://nowhere.invalid/")
    assert found["names"][0]["level"] == "failed"
    assert "nowhere.invalid" in found["names"][0]["text"]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--url="],
        ["--url=kafka-driver://h", "--timeout=0"],
        ["--url=kafka-driver://h", "--timeout=nan"],
        ["--url=kafka-driver://h", "--timeout=0.009"],
        ["--url=kafka-driver://h", "--timeout=300.1"],
        ["--url=kafka-driver://h", "--group="],
        ["--url=kafka-driver://h", "--group=\udcff"],
    ],
)
def test_a_wrong_command_line_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["doctor", *arguments])
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (last,) = captured.err.splitlines()[-1:]
    assert last.startswith("kafka-driver doctor: error: ")


@pytest.mark.parametrize("seconds", ["0.01", "300"])
def test_a_timeout_that_is_accepted_is_one_of_the_client_library(
    seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def seen(_conf: Any, request: examine.Request) -> list[Any]:
        asked.append(request.timeout)
        return []

    monkeypatch.setattr(examine, "examine", seen)
    url = "kafka-driver://h"
    assert main.main(["doctor", f"--url={url}", f"--timeout={seconds}"]) == 0
    AdminClient({"socket.timeout.ms": round(asked[0] * 1000)})


# -- what is shown ------------------------------------------------------------


def test_a_line_has_level_check_text_and_fix() -> None:
    line = findings.as_line(findings.failed("tcp", "two\nlines", "do it"))
    assert line == "failed   tcp            two lines; do it"
    assert findings.as_line(findings.skipped("a", "b")).endswith("because b")


def test_json_has_every_finding_and_the_numbers() -> None:
    found = [findings.ok("a", "b"), findings.warning("c", "d", "e")]
    told = json.loads(findings.as_json(found))
    assert told["checks"][1] == {
        "check": "c",
        "level": "warning",
        "text": "d",
        "fix": "e",
    }
    assert told["counts"] == {"ok": 1, "warning": 1, "failed": 0, "skipped": 0}


@pytest.mark.parametrize(
    ("password", "spelled"),
    [("failed", "failed"), ("check", "check"), ('p"ä\\ss', "p%22ä%5Css")],
)
def test_only_what_was_seen_is_blotted_out(
    password: str,
    spelled: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def seen(*_: Any) -> Any:
        yield findings.failed("login", f"<{password}>", f"change {password}")

    monkeypatch.setattr(examine, "examine", seen)
    url = f"kafka-driver://u:{spelled}@h/"
    path = config(tmp_path, f"[DEFAULT]\ntransport_url = {url}\n")
    code, found = doctor(capsys, path)
    assert code == 1
    assert found == {
        "login": [
            {
                "check": "login",
                "level": "failed",
                "text": "<***>",
                "fix": "change ***",
            }
        ]
    }
    main.main(["doctor", path])
    line, end = capsys.readouterr().out.splitlines()
    assert line.split() == ["failed", "login", "<***>;", "change", "***"]
    assert end == "0 ok, 0 warning, 1 failed, 0 skipped"


def test_a_secret_of_few_letters_blots_out_no_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _code, found = doctor(
        capsys,
        config(
            tmp_path,
            "[DEFAULT]\ntransport_url = rabbit://h\n"
            "[oslo_messaging_kafka]\nkafka_driver_ssl_key_password = e\n",
        ),
    )
    assert "***" not in str(found)


def test_a_failure_is_a_warning_while_another_host_will_do() -> None:
    found = [findings.failed("tcp", "a", "b"), findings.ok("tcp", "c")]
    assert network.softened(found, False) == found
    levels = [one.level for one in network.softened(found, True)]
    assert levels == ["warning", "ok"]


# -- TLS ----------------------------------------------------------------------


def certificate(begin: str, end: str) -> dict[str, Any]:
    return {"notBefore": f"{begin} GMT", "notAfter": f"{end} GMT"}


@pytest.mark.parametrize(
    ("begin", "end", "level", "words"),
    [
        ("Jan  1 00:00:00 2026", "Jan  1 00:00:00 2028", "ok", "2028-01-01"),
        ("Jan  1 00:00:00 2026", "Jul  1 00:00:00 2026", "warning", "15 days"),
        ("Jan  1 00:00:00 2026", "Jun  1 00:00:00 2026", "failed", "expired"),
        ("Jul  1 00:00:00 2026", "Jul  1 00:00:00 2027", "failed", "from"),
    ],
)
def test_the_dates_of_a_certificate_are_judged(
    begin: str, end: str, level: str, words: str
) -> None:
    found = tls.dates("x", certificate(begin, end), NOW)
    assert found.level == level
    assert words in found.text


def not_verified(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code = code
    error.verify_message = "the message"
    return error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (10, "expired on 2026-06-01"),
        (62, "is for other, not for broker"),
        (20, "CA that is not trusted"),
        (26, "the message"),
    ],
)
def test_why_a_certificate_is_refused_is_told(code: int, words: str) -> None:
    found = {
        **certificate("Jan  1 00:00:00 2026", "Jun  1 00:00:00 2026"),
        "subjectAltName": (("DNS", "other"),),
    }
    told = tls.trouble(PLACE, not_verified(code), found, NOW)
    assert words in told.text
    assert told.fix


# -- the protocol -------------------------------------------------------------


def test_a_directory_of_certificates_is_taken_as_the_client_takes_it(
    conf: cfg.ConfigOpts, tmp_path: Path
) -> None:
    url = oslo_messaging.TransportURL.parse(
        conf, f"kafka-driver://h/?ssl_cafile={tmp_path}"
    )
    made = tls.context(options.register(conf, url))
    assert made.verify_mode is ssl.CERT_REQUIRED


class Wire:
    """A socket that answers with fixed bytes."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def gettimeout(self) -> float:
        return 5.0

    def settimeout(self, _seconds: float) -> None:
        pass

    def sendall(self, _data: bytes) -> None:
        pass

    def recv(self, size: int) -> bytes:
        part, self._answer = self._answer[:size], self._answer[size:]
        return part


def framed(body: bytes) -> Any:
    return Wire(struct.pack(">ii", len(body) + 4, 1) + body)


def test_the_answers_of_a_broker_are_read() -> None:
    rows = struct.pack(">hi", 0, 2) + struct.pack(">hhhhhh", 2, 1, 9, 3, 0, 9)
    assert wire.api_versions(framed(rows)) == {2: (1, 9), 3: (0, 9)}
    names = struct.pack(">hi", 33, 1) + struct.pack(">h", 5) + b"PLAIN"
    assert wire.sasl_handshake(framed(names), "X") == (33, ["PLAIN"])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        struct.pack(">ii", 4, 2),
        struct.pack(">ii", 6, 1) + b"\0\0",
    ],
)
def test_what_is_no_kafka_is_told_from_it(answer: bytes) -> None:
    connection: Any = Wire(answer)
    with pytest.raises(wire.NoKafka):
        wire.api_versions(connection)


def test_an_answer_that_drips_is_not_waited_for() -> None:
    near, far = socket.socketpair()

    def drip() -> None:
        with contextlib.suppress(OSError):
            far.sendall(struct.pack(">i", 1000))
            for _ in range(60):
                time.sleep(0.05)
                far.sendall(b"\0")
        far.close()

    dripping = threading.Thread(target=drip)
    dripping.start()
    near.settimeout(0.3)
    begin = time.monotonic()
    with near, pytest.raises(TimeoutError):
        wire.api_versions(near)
    assert time.monotonic() - begin < 2
    dripping.join()


@pytest.mark.parametrize(
    ("versions", "age", "capped"),
    [
        ({0: (3, 13), 2: (1, 11), 45: (0, 1)}, "4.0 or newer", True),
        ({0: (0, 10), 2: (0, 8), 45: (0, 0)}, "3.7 to 3.9", True),
        ({0: (0, 9), 2: (0, 8), 45: (0, 0)}, "2.4 to 3.6", False),
        ({0: (0, 7), 2: (0, 3)}, "older than 2.4", False),
    ],
)
def test_the_age_of_a_broker_is_told(
    versions: wire.Versions, age: str, capped: bool
) -> None:
    assert wire.age(versions) == age
    assert wire.caps_minimum(versions) is capped


@pytest.mark.parametrize(
    ("protocol", "versions", "level"),
    [
        ("classic", {2: (0, 8)}, "ok"),
        ("consumer", {2: (1, 11), 68: (0, 1)}, "ok"),
        ("consumer", {2: (0, 8)}, "warning"),
        ("consumer", {2: (0, 8), 68: (0, 0)}, "warning"),
    ],
)
def test_brokers_have_to_know_the_protocol_of_groups(
    protocol: str, versions: wire.Versions, level: str
) -> None:
    found = listener.version(PLACE, versions, protocol)
    assert found.level == level
    assert "runs Kafka" in found.text


@pytest.mark.parametrize(
    ("wanted", "code", "level"),
    [
        (None, wire.ILLEGAL_STATE, "ok"),
        (None, wire.NONE, "failed"),
        (None, wire.UNSUPPORTED_MECHANISM, "failed"),
        ("PLAIN", wire.NONE, "ok"),
        ("PLAIN", wire.ILLEGAL_STATE, "failed"),
        ("PLAIN", wire.UNSUPPORTED_MECHANISM, "failed"),
    ],
)
def test_listener_and_options_have_to_agree_about_sasl(
    wanted: str | None, code: int, level: str
) -> None:
    protocol = "PLAINTEXT" if wanted is None else "SASL_PLAINTEXT"
    found = listener.sasl(PLACE, protocol, wanted, code, ["X"])
    assert found.level == level


# -- topics -------------------------------------------------------------------


def topic(
    replicas: int = 3,
    in_sync: int = 3,
    least: int | None = 2,
    leader: int = 1,
    may: tuple[str, ...] = ("READ", "WRITE"),
) -> Topic:
    return Topic(
        "t",
        partitions=(Partition(0, leader, replicas, in_sync),),
        may=frozenset(may),
        min_insync=least,
    )


@pytest.mark.parametrize(
    ("state", "brokers", "level", "words"),
    [
        (topic(), 3, "ok", "in sync"),
        (topic(1, 1, 1), 1, "ok", "in sync"),
        (topic(1, 1, 1), 3, "warning", "one replica"),
        (topic(1, 1, 2), 1, "failed", "every confirmed send is refused"),
        (topic(3, 1, 2), 1, "failed", "fewer in-sync"),
        (topic(3, 2, 2), 2, "warning", "not in sync"),
        (topic(2, 2, 2), 2, "warning", "one broker away stops"),
        (topic(leader=-1), 3, "failed", "no leader"),
        (topic(least=None), 3, "skipped", "DESCRIBE_CONFIGS"),
    ],
)
def test_replication_is_judged(
    state: Topic, brokers: int, level: str, words: str
) -> None:
    found = topic_state.replication([state], brokers, capped=False)
    assert level in [one.level for one in found]
    (one,) = [one for one in found if one.level == level]
    assert words in one.text


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (topic(1, 1, 2), {"warning": "is 2, of which these brokers"}),
        (topic(2, 2, 3), {"warning": "is 3, of which these brokers"}),
        (topic(2, 1, 3), {"warning": "make 2", "failed": "(2), so confirmed"}),
        (topic(3, 1, 2), {"failed": "fewer in-sync"}),
    ],
)
def test_brokers_that_cap_the_minimum_refuse_only_below_it(
    state: Topic, told: dict[str, str]
) -> None:
    found = topic_state.replication([state], 2, capped=True)
    assert {one.level for one in found} == told.keys()
    for level, words in told.items():
        assert words in "".join(
            one.text for one in found if one.level == level
        )


@pytest.mark.parametrize(
    ("topics", "factor", "makes", "level", "words"),
    [
        ([Topic("m", "missing")], 2, True, "failed", "m does not exist and"),
        ([topic(), Topic("m", "missing")], 2, True, "failed", "cannot be"),
        ([Topic("m", "missing")], 2, False, "warning", "no topic can be"),
        ([topic()], 2, True, "warning", "no topic can be created"),
    ],
)
def test_more_replicas_than_brokers_fail_where_a_topic_is_to_be_made(
    topics: list[Topic], factor: int, makes: bool, level: str, words: str
) -> None:
    (found,) = missing_topics.new_replicas(topics, factor, 1, makes)
    assert found.level == level
    assert words in found.text
    assert missing_topics.new_replicas(topics, 1, 1, makes) == []


def test_missing_topics_fail_only_when_nobody_makes_them() -> None:
    missing = Topic("m", "missing")

    def levels(topics: list[Topic], created: bool) -> list[str]:
        return [
            one.level for one in topic_state.existence(topics, created, "why")
        ]

    assert levels([missing], True) == ["ok"]
    assert levels([missing], False) == ["failed"]
    assert levels([topic(), missing], False) == ["ok", "warning"]
    assert levels([Topic("f", "forbidden")], True) == ["failed"]
    assert levels([Topic("e", "_TRANSPORT")], True) == ["failed"]


@pytest.mark.parametrize(
    ("answer", "topics", "level", "fix"),
    [
        (
            KafkaError.TOPIC_AUTHORIZATION_FAILED,
            [Topic("m", "missing")],
            "failed",
            "CREATE",
        ),
        (
            KafkaError.INVALID_REPLICATION_FACTOR,
            [Topic("m", "missing")],
            "failed",
            "default.replication.factor",
        ),
        (
            KafkaError.POLICY_VIOLATION,
            [topic(), Topic("m", "missing")],
            "warning",
            "create them",
        ),
    ],
)
def test_topics_that_brokers_would_not_make_are_told(
    answer: int, topics: list[Topic], level: str, fix: str
) -> None:
    admin = Admin(create_topics=KafkaException(KafkaError(answer)))
    cluster = client.Cluster(admin, None, 1.0)

    refused = missing_topics.refusals(cluster, ["m"], -1, -1)

    (found,) = missing_topics.unmakeable(topics, refused)
    assert found.level == level
    assert "m does not exist and cannot be made" in found.text
    assert fix in found.fix


@pytest.mark.parametrize(
    "answer",
    [
        None,
        KafkaException(KafkaError(KafkaError._TIMED_OUT)),
        KafkaException(KafkaError(KafkaError._UNSUPPORTED_FEATURE)),
        TimeoutError(),
    ],
)
def test_topics_that_brokers_do_not_refuse_are_made_at_first_use(
    answer: Exception | None,
) -> None:
    admin = Admin(create_topics=answer)
    cluster = client.Cluster(admin, None, 1.0)
    assert missing_topics.refusals(cluster, ["m"], -1, -1) == {}
    assert missing_topics.unmakeable([Topic("m", "missing")], {}) == []


@pytest.mark.parametrize(
    ("may", "sends", "levels"),
    [
        (("READ", "WRITE"), True, ["ok"]),
        (("READ",), True, ["failed"]),
        (("READ",), False, ["warning"]),
        (("WRITE",), True, ["warning"]),
        ((), True, ["failed", "warning"]),
    ],
)
def test_rights_are_judged_by_what_the_service_does(
    may: tuple[str, ...], sends: bool, levels: list[str]
) -> None:
    found = topic_state.permissions([topic(may=may)], sends)
    assert [one.level for one in found] == levels


# -- groups and RPC -----------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "waiting", "may", "level"),
    [
        (1, {"t": 5}, True, "ok"),
        (0, {"t": 5}, True, "warning"),
        (0, {"t": 0}, True, "ok"),
        (0, {}, None, "ok"),
        (0, {}, False, "warning"),
    ],
)
def test_a_group_is_judged(
    members: int, waiting: dict[str, int], may: bool | None, level: str
) -> None:
    found = group.judge(group.Group("g", members, waiting, may))
    assert found.level == level


@pytest.mark.parametrize(
    ("code", "level"),
    [
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "warning"),
        (KafkaError.COORDINATOR_NOT_AVAILABLE, "failed"),
        (KafkaError._TIMED_OUT, "warning"),
        (KafkaError._TRANSPORT, "skipped"),
    ],
)
def test_why_nothing_is_told_about_a_group_is_told(
    code: int, level: str
) -> None:
    assert group.refused("g", KafkaError(code)).level == level


@pytest.mark.parametrize("name", ["", "a\udcff"])
def test_the_brokers_are_not_asked_about_what_is_no_group(name: str) -> None:
    nobody: Any = None
    (found,) = group.examine(nobody, name, [])
    assert found.level == "failed"
    assert found.text.isprintable()


def test_an_answer_over_rpc_is_judged() -> None:
    assert rpc.judge("rabbit", {"milliseconds": 1.5}).level == "ok"
    found = rpc.judge("rabbit", {"error": "why"})
    assert found.level == "failed"
    assert "why" in found.text


def test_a_call_runs_no_file_of_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conf: cfg.ConfigOpts
) -> None:
    (tmp_path / "json.py").write_text("open('run', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    url = oslo_messaging.TransportURL.parse(conf, "fake://")
    config: dict[str, list[str]] = {"files": [], "dirs": []}
    (found,) = rpc.call(url, "fake://", config, 10)
    assert not (tmp_path / "run").exists()
    assert found.level == "ok", found.text


# -- the round trip -----------------------------------------------------------


def travel(admin: Admin, conf: cfg.ConfigOpts) -> list[findings.Finding]:
    url = oslo_messaging.TransportURL.parse(conf, "kafka-driver://h")
    chosen = options.register(conf, url)
    cluster = client.Cluster(admin, None, 1.0)
    return round_trip.travel(cluster, conf, url, chosen)


def test_a_round_trip_that_is_interrupted_leaves_no_topic(
    conf: cfg.ConfigOpts,
) -> None:
    admin = Admin(create_topics=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        travel(admin, conf)
    assert admin.asked == ["create_topics", "delete_topics"]


@pytest.mark.parametrize(
    ("error", "levels"),
    [
        (None, ["ok"]),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, ["ok"]),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ["ok", "warning"]),
    ],
)
def test_a_topic_that_the_round_trip_leaves_is_told(
    error: int | None,
    levels: list[str],
    conf: cfg.ConfigOpts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        round_trip, "_over", lambda *_, **__: findings.ok("round trip", "")
    )
    refusal = None if error is None else KafkaException(KafkaError(error))
    found = travel(Admin(delete_topics=refusal), conf)
    assert [one.level for one in found] == levels
    assert all("kafka-driver-doctor-" in one.text for one in found[1:])
