# SPDX-License-Identifier: Apache-2.0
"""The rabbitmq role tells a node what it lacks, and nothing else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from running import load

plugin = load("plugins/filter/rabbitmq.py")
NEW = "another one"


def node(**changes: Any) -> dict[str, Any]:
    definitions: dict[str, Any] = {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": "openstack",
                "password_hash": plugin.password_hash("secret"),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["monitoring"],
            }
        ],
        "permissions": [
            {
                "user": "openstack",
                "vhost": "/",
                "configure": ".*",
                "write": ".*",
                "read": ".*",
            }
        ],
    }
    return {**definitions, **changes}


def missing(definitions: dict[str, Any], **changes: str) -> dict[str, Any]:
    given = {
        "user": "openstack",
        "password": "secret",
        "vhost": "/",
        **changes,
    }
    result: dict[str, Any] = plugin.rabbitmq_missing(definitions, **given)
    return result


def test_a_password_is_hashed_as_rabbitmq_documents_it() -> None:
    # The worked example of RabbitMQ's guide to passwords.
    salt = bytes.fromhex("908DC60A")
    assert (
        plugin.password_hash("test12", salt)
        == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"
    )


def test_each_hash_has_a_salt_of_its_own() -> None:
    assert plugin.password_hash("a") != plugin.password_hash("a")


def test_a_complete_node_lacks_nothing() -> None:
    assert missing(node()) == {}


def test_another_password_is_set_and_the_tags_are_kept() -> None:
    (user,) = missing(node(), password=NEW)["users"]
    assert user["tags"] == ["monitoring"]
    salt = base64.b64decode(user["password_hash"])[:4]
    assert plugin.password_hash(NEW, salt) == user["password_hash"]


def test_a_fresh_node_gets_user_vhost_and_permissions() -> None:
    assert set(missing({}, vhost="nova")) == {"vhosts", "users", "permissions"}


def test_other_users_and_vhosts_are_never_named() -> None:
    other = {"name": "other", "password_hash": "", "tags": []}
    lacking = missing(node(users=[other], vhosts=[{"name": "b"}]))
    assert [user["name"] for user in lacking["users"]] == ["openstack"]
    assert lacking["vhosts"] == [{"name": "/"}]


def test_narrower_permissions_are_widened() -> None:
    narrow = {**node()["permissions"][0], "write": "^$"}
    assert set(missing(node(permissions=[narrow]))) == {"permissions"}


def test_a_user_without_a_password_gets_one() -> None:
    locked = {"name": "openstack", "password_hash": "", "tags": []}
    assert set(missing(node(users=[locked]))) == {"users"}


def test_the_password_stands_nowhere_in_what_is_imported() -> None:
    assert NEW not in str(missing({}, password=NEW))


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"a": "hush\nlisteners.tcp.b = 1"}, "a of rabbitmq_properties has"),
        ({"a": "hush\x00"}, "write it on one line"),
        ({"a": ["hush"]}, "no single value"),
        ({"a": None}, "no single value"),
        # Half of a password would be read.
        ({"a": "hush#hush"}, "single quotes around it"),
        ({"a": "hush "}, "single quotes around it"),
        ({"a": ""}, "single quotes around it"),
        ({"a": "'hush' hush"}, "single quotes around it"),
        ({"a = 1\nb": "hush"}, "the key 'a = 1"),
        ({"": "hush"}, "the key ''"),
        ({1: "hush"}, "the key 1"),
    ],
    ids=str,
)
def test_what_cannot_be_one_line_of_rabbitmq_conf_is_told(
    properties: dict[Any, Any], words: str
) -> None:
    (problem,) = plugin.rabbitmq_property_problems(properties)
    assert words in problem
    assert "hush" not in problem
    assert "\n" not in problem


def test_what_rabbitmq_knows_is_no_problem() -> None:
    properties = {
        "vm_memory_high_watermark.relative": 0.2,
        "log.console": True,
        "auth_ldap.group_lookup_base": "dc=a, b",
        "log.exchange.$name-x": 1,
        "ssl_options.password": "'a#b '",
        "default_vhost": "/",
        "cluster_name": "it's ours",
    }
    assert plugin.rabbitmq_property_problems(properties) == []
