# SPDX-License-Identifier: Apache-2.0
"""Topic creation against answers that brokers give."""

import logging
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from mock_cluster import MockCluster

from kafka_driver import admin, concurrency


class Metadata:
    """What list_topics() returns: one topic's error, some brokers."""

    def __init__(self, code: int | None, brokers: int) -> None:
        self.topics = {"t": self}
        self.error = None if code is None else KafkaError(code)
        self.brokers = dict.fromkeys(range(brokers))


class Client:
    """Stands for the client library; `script` holds its answers."""

    script: dict[str, list[Any]]
    created: list[tuple[str, int, int]]

    def __init__(self, settings: dict[str, Any]) -> None:
        assert settings == {"some": "settings"}

    def list_topics(self, topic: str = "", timeout: float = -1) -> Metadata:
        assert 0 < timeout <= 0.2
        found = self.script["list"].pop(0)
        if isinstance(found, KafkaException):
            raise found
        return Metadata(found, brokers=5)

    def describe_topics(
        self, topics: list[str], answer: admin.Answer, request_timeout: float
    ) -> None:
        assert topics == ["t"]
        self._reply(answer, self.script["describe"].pop(0))

    def create_topics(
        self, topics: list[Any], answer: admin.Answer, request_timeout: float
    ) -> None:
        self.created += [
            (one.topic, one.num_partitions, one.replication_factor)
            for one in topics
        ]
        self._reply(answer, self.script["create"].pop(0))

    def _reply(self, answer: admin.Answer, found: Any) -> None:
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    monkeypatch.setattr(admin, "_AdminClientImpl", Client)
    monkeypatch.setattr(admin, "_PAUSE", 0.0)
    Client.created = []
    return Client


def run(
    script: dict[str, list[Any]],
    create: bool = True,
    partitions: int = -1,
    replication: int = -1,
) -> int:
    """Ask until the topic is ready; how often that was."""
    Client.script = script
    log = concurrency.LogQueue("test")
    maker = admin.TopicMaker(
        {"some": "settings"}, create, partitions, replication, log
    )
    asked = 1
    while not maker.ready("t"):
        asked += 1
        assert asked < 20
    log.drain()
    assert not any(script.values()), "not everything was asked"
    return asked


def error(code: int) -> KafkaError:
    return KafkaError(code)


def failure(code: int) -> KafkaException:
    return KafkaException(KafkaError(code))


UNKNOWN = KafkaError.UNKNOWN_TOPIC_OR_PART


def test_topic_that_is_there_is_used_at_once(client: type[Client]) -> None:
    assert run({"list": [None]}) == 1
    assert client.created == []


def test_missing_topic_is_created_with_the_brokers_defaults(
    client: type[Client],
) -> None:
    run({"list": [UNKNOWN], "create": [{"t": None}]})
    assert client.created == [("t", -1, -1)]


def test_partitions_and_replication_are_passed_on(
    client: type[Client],
) -> None:
    run({"list": [UNKNOWN], "create": [{"t": None}]}, True, 6, 2)
    assert client.created == [("t", 6, 2)]


def test_somebody_else_was_faster(
    client: type[Client], caplog: pytest.LogCaptureFixture
) -> None:
    code = KafkaError.TOPIC_ALREADY_EXISTS
    run({"list": [UNKNOWN], "create": [{"t": error(code)}]})
    assert not caplog.records


@pytest.mark.parametrize(
    "code",
    [
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    ],
)
def test_no_right_to_create_warns_once_and_goes_on(
    client: type[Client], caplog: pytest.LogCaptureFixture, code: int
) -> None:
    run({"list": [UNKNOWN], "create": [{"t": error(code)}]})
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "No right to create the topic t" in record.getMessage()


def test_creation_turned_off_warns_and_goes_on(
    client: type[Client], caplog: pytest.LogCaptureFixture
) -> None:
    run({"list": [UNKNOWN]}, create=False)
    assert client.created == []
    assert "kafka_driver_create_topics is off" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        failure(KafkaError._UNSUPPORTED_FEATURE),
        {"t": error(KafkaError.UNSUPPORTED_VERSION)},
    ],
)
def test_old_broker_is_told_both_numbers(
    client: type[Client], answer: Any
) -> None:
    run({"list": [UNKNOWN, None], "create": [answer, {"t": None}]})
    assert client.created == [("t", -1, -1), ("t", 1, 3)]


def test_slow_network_is_asked_without_waiting(client: type[Client]) -> None:
    run({"list": [failure(KafkaError._TRANSPORT)], "describe": [[object()]]})


def test_slow_network_and_missing_topic(client: type[Client]) -> None:
    run(
        {
            "list": [failure(KafkaError._TRANSPORT)],
            "describe": [[error(UNKNOWN)]],
            "create": [{"t": None}],
        }
    )
    assert client.created == [("t", -1, -1)]


def test_no_answer_is_asked_for_again(client: type[Client]) -> None:
    run(
        {
            "list": [failure(KafkaError._TRANSPORT)] * 2 + [None],
            "describe": [failure(KafkaError._TIMED_OUT)] * 2,
        }
    )


def test_refused_creation_is_told_with_the_reason_and_given_up(
    client: type[Client], caplog: pytest.LogCaptureFixture
) -> None:
    code = KafkaError.POLICY_VIOLATION
    run({"list": [UNKNOWN], "create": [{"t": error(code)}]})
    assert "Topic t could not be created: POLICY_VIOLATION" in caplog.text


def test_too_few_brokers_for_now_is_tried_again(
    client: type[Client], caplog: pytest.LogCaptureFixture
) -> None:
    few = {"t": error(KafkaError.INVALID_REPLICATION_FACTOR)}
    run(
        {"list": [UNKNOWN] * 3, "create": [few, few, {"t": None}]},
        replication=3,
    )
    assert len(caplog.records) == 1


def test_why_a_topic_could_not_be_made_is_known_until_it_is_there(
    client: type[Client],
) -> None:
    few = {"t": error(KafkaError.INVALID_REPLICATION_FACTOR)}
    client.script = {
        "list": [UNKNOWN] * 2,
        "create": [few, {"t": None}],
    }
    log = concurrency.LogQueue("test")
    maker = admin.TopicMaker({"some": "settings"}, True, -1, 3, log)
    assert not maker.ready("t")
    assert maker.refusals == {}
    assert not maker.ready("t")
    assert maker.refusals == few
    while not maker.ready("t"):
        pass
    assert maker.refusals == {}


def test_no_right_to_look_lets_the_broker_answer_the_record(
    client: type[Client],
) -> None:
    run({"list": [KafkaError.TOPIC_AUTHORIZATION_FAILED]})
    assert client.created == []


def test_looking_for_a_topic_does_not_create_it(cluster: MockCluster) -> None:
    log = concurrency.LogQueue("test")
    maker = admin.TopicMaker(
        {
            "bootstrap.servers": cluster.bootstrap,
            "allow.auto.create.topics": False,
        },
        False,
        -1,
        -1,
        log,
    )
    deadline = time.monotonic() + 10
    while not maker.ready("missing") and time.monotonic() < deadline:
        time.sleep(0.05)
    consumer_view = admin._AdminClientImpl(
        {
            "bootstrap.servers": cluster.bootstrap,
            "allow.auto.create.topics": False,
        }
    )
    assert "missing" not in consumer_view.list_topics(timeout=5).topics
