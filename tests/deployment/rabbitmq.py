# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ that the rabbitmq role has set up, under systemd."""

import json
from typing import Any

import pytest

from .machine import listening, mode_of

UNIT = "rabbitmq-server"


def test_rabbitmq_runs_and_starts_at_boot(host: Any) -> None:
    service = host.service(UNIT)
    assert service.is_enabled
    assert service.is_running, host.check_output(
        "journalctl --no-pager --lines=50 --unit=%s", UNIT
    )


# The protocol, the distribution of Erlang, and its port mapper.
@pytest.mark.parametrize("port", [5672, 25672, 4369])
def test_rabbitmq_listens_on_loopback_only(host: Any, port: int) -> None:
    assert listening(host, port) == {"127.0.0.1"}


def test_only_the_bus_account_may_use_rabbitmq(host: Any) -> None:
    listed = host.check_output(
        "rabbitmqctl --quiet list_users --formatter json"
    )
    assert [entry["user"] for entry in json.loads(listed)] == ["openstack"]


def test_the_bus_account_may_use_its_virtual_host(host: Any) -> None:
    listed = host.check_output(
        "rabbitmqctl --quiet list_permissions --vhost / --formatter json"
    )
    assert json.loads(listed) == [
        {"user": "openstack", "configure": ".*", "write": ".*", "read": ".*"}
    ]


def test_the_cookie_of_erlang_is_secret(host: Any) -> None:
    found = mode_of(host, "/var/lib/rabbitmq/.erlang.cookie")
    assert found == ("rabbitmq", "rabbitmq", 0o400)
