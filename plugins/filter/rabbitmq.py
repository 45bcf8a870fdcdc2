# SPDX-License-Identifier: Apache-2.0
"""What a RabbitMQ node must be told so that a user can work in a vhost.

The node's definitions hold salted hashes, so a password is compared and set
without ever standing on a command line.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Any

from ansible.errors import AnsibleFilterError

_SHA256 = "rabbit_password_hashing_sha256"
_HASHES = {
    _SHA256: hashlib.sha256,
    "rabbit_password_hashing_sha512": hashlib.sha512,
}
_SALT_LENGTH = 4
_KEY = re.compile(r"[a-zA-Z0-9_.$-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What RabbitMQ reads as it stands: elsewhere a # begins a comment, and spaces
# around a value are none of it.
_VALUE = re.compile(r"'[^']*'|[^'#\s]([^#]*[^#\s])?")


def password_hash(
    password: str, salt: bytes | None = None, algorithm: str = _SHA256
) -> str:
    """Hash a password as RabbitMQ stores it: salt, then digest, in base64."""
    if salt is None:
        salt = os.urandom(_SALT_LENGTH)
    # Before ansible-core 2.19 what is encrypted in the midst of a file
    # (!vault) is no str.
    secret = str(password).encode()
    digest = _HASHES[algorithm](salt + secret).digest()
    return base64.b64encode(salt + digest).decode()


def _password_is(user: dict[str, Any], password: str) -> bool:
    algorithm = user.get("hashing_algorithm", _SHA256)
    if algorithm not in _HASHES or not user.get("password_hash"):
        return False
    salt = base64.b64decode(user["password_hash"])[:_SALT_LENGTH]
    return password_hash(password, salt, algorithm) == user["password_hash"]


def rabbitmq_missing(
    definitions: dict[str, Any], user: str, password: str, vhost: str
) -> dict[str, Any]:
    """Return the definitions to import; empty when nothing is missing.

    ``definitions`` is what ``rabbitmqctl export_definitions`` printed.
    """
    if not isinstance(definitions, dict):
        raise AnsibleFilterError(
            "rabbitmq_missing takes the node's definitions as a dictionary."
        )
    missing: dict[str, Any] = {}

    vhosts = [entry["name"] for entry in definitions.get("vhosts", [])]
    if vhost not in vhosts:
        missing["vhosts"] = [{"name": vhost}]

    known = [u for u in definitions.get("users", []) if u["name"] == user]
    if not known or not _password_is(known[0], password):
        missing["users"] = [
            {
                "name": user,
                "password_hash": password_hash(password),
                "hashing_algorithm": _SHA256,
                "tags": known[0].get("tags", []) if known else [],
            }
        ]

    wanted = {
        "user": user,
        "vhost": vhost,
        "configure": ".*",
        "write": ".*",
        "read": ".*",
    }
    if wanted not in definitions.get("permissions", []):
        missing["permissions"] = [wanted]
    return missing


def rabbitmq_property_problems(properties: dict[Any, Any]) -> list[str]:
    """Say what cannot be a line of rabbitmq.conf; values may be secrets."""
    problems = []
    for key, value in properties.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            problems.append(
                f"rabbitmq_properties has the key {key!r}: write letters, "
                "digits and the signs _ . $ - alone."
            )
        elif not isinstance(value, str | int | float):
            problems.append(
                f"{key} of rabbitmq_properties is no single value: write "
                "text, a number, true or false."
            )
        elif _CONTROL.search(str(value)):
            problems.append(
                f"{key} of rabbitmq_properties has a line end or another "
                "control character: write it on one line."
            )
        elif not _VALUE.fullmatch(str(value)):
            problems.append(
                f"{key} of rabbitmq_properties is empty, has a #, or has a "
                "space or a single quote at its begin or end, which RabbitMQ "
                "takes for no part of a value: write another, or, for "
                "RabbitMQ 4.0 and newer, single quotes around it, within "
                "those of YAML, like \"'a#b'\"."
            )
    return problems


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {
            "rabbitmq_missing": rabbitmq_missing,
            "rabbitmq_property_problems": rabbitmq_property_problems,
        }
