# SPDX-License-Identifier: Apache-2.0
"""A password may be encrypted in the midst of a file (!vault)."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    argument_problems,
    rabbitmq,
    transport_url,
)

ROLES = Path(__file__).resolve().parents[3] / "roles"


class Encrypted:
    """What ansible-core before 2.19 hands to filters."""

    __ENCRYPTED__ = True

    def __str__(self):
        return "hush/hush"

    def encode(self, encoding=None, errors=None):
        return str(self).encode(encoding, errors)


def options(role):
    text = (ROLES / role / "meta/argument_specs.yml").read_text()
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]


def hidden(known):
    """Options of one text for which Ansible would hide the value."""
    for name, option in known.items():
        if option.get("no_log") and option["type"] == "str":
            yield name
        yield from hidden(option.get("options", {}))


@pytest.mark.parametrize("role", ["kafka", "oslo_messaging", "rabbitmq"])
def test_ansible_can_check_an_encrypted_password(role):
    """Before 2.19 it fails on one in an option that has no_log."""
    assert list(hidden(options(role))) == []


@pytest.mark.parametrize(
    ("role", "values"),
    [
        ("kafka", {"kafka_admin_password": Encrypted()}),
        (
            "kafka",
            {"kafka_users": [{"name": "nova", "password": Encrypted()}]},
        ),
        ("oslo_messaging", {"oslo_messaging_rpc_password": Encrypted()}),
        ("rabbitmq", {"rabbitmq_password": Encrypted()}),
    ],
)
def test_an_encrypted_password_is_text(role, values):
    assert argument_problems.argument_problems(values, options(role)) == []


def test_a_url_has_what_was_encrypted():
    url = transport_url.transport_url(
        ["h"], "rabbit", 5672, user="nova", password=Encrypted()
    )
    assert url == "rabbit://nova:hush%2Fhush@h:5672/"


def test_rabbitmq_gets_what_was_encrypted():
    missing = rabbitmq.rabbitmq_missing({}, "nova", Encrypted(), "/")
    given = {"users": missing["users"]}
    again = rabbitmq.rabbitmq_missing(given, "nova", "hush/hush", "/")
    assert "users" not in again
