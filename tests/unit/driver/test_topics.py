# SPDX-License-Identifier: Apache-2.0
import pytest

from kafka_driver import errors, topics


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("notifications.info",), "notifications.info"),
        (("notifications", "info"), "notifications.info"),
        (("notifications.info", None, "vh"), "notifications.info.vh"),
        (("notifications", "info", "vh"), "notifications.info.vh"),
        (("notifications", "", ""), "notifications"),
    ],
)
def test_topic_name_joins_what_is_there(
    parts: tuple[str, ...], name: str
) -> None:
    assert topics.name(*parts) == name


def test_sender_and_reader_agree_on_the_topic_with_a_vhost() -> None:
    sent = topics.name("notifications.info", None, "vh")
    assert sent == topics.name("notifications", "info", "vh")


@pytest.mark.parametrize("topic", ["a b", "ä", "a/b", ".", "..", "x" * 250])
def test_illegal_topic_is_refused_with_the_rule(topic: str) -> None:
    with pytest.raises(errors.IllegalTopic, match="at most 249 letters"):
        topics.name(topic)


@pytest.mark.parametrize("vhost", [None, "", "/"])
def test_slash_and_nothing_are_no_vhost(vhost: str | None) -> None:
    assert topics.check_vhost(vhost) == ""


@pytest.mark.parametrize("vhost", ["a/b", "/a", "a b", ".", "%2F"])
def test_illegal_vhost_is_refused_by_name(vhost: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="virtual host"):
        topics.check_vhost(vhost)


def test_legal_vhost_is_kept() -> None:
    assert topics.check_vhost("nova_1.a-B") == "nova_1.a-B"
