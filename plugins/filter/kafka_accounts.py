# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: accounts, and what they may do.

Each takes the dictionary that vars/main.yml of the role puts together, and
returns data; none reads or writes anything.
"""

from ..plugin_utils.kafka_identities import (
    controller_protocol,
    has_authorizer,
    has_sasl,
    kafka_admin_users,
    mechanism,
    needs_tls,
    present,
    principal,
)
from ..plugin_utils.truth import truth

NOTIFIER = ("WRITE", "DESCRIBE")
LISTENER = ("READ", "DESCRIBE")
#: What grants are for where a user does not say. An empty list says nothing.
TOPICS = ("notifications.",)
GROUPS = ("*",)


def kafka_has_identities(spec):
    return has_sasl(spec) or controller_protocol(spec).startswith("SASL")


def kafka_scram_users(spec):
    """The accounts that a new cluster is born with."""
    if not has_sasl(spec) or mechanism(spec) == "PLAIN":
        return []
    accounts = [(spec["admin_user"], spec["admin_password"])] + [
        (user["name"], user["password"]) for user in present(spec)
    ]
    return [
        {"name": name, "password": word, "mechanism": mechanism(spec)}
        for name, word in accounts
    ]


def kafka_accounts(users):
    """The accounts of kafka_users, as the module kafka_users takes them."""
    return [
        {
            key: user[key]
            for key in ("name", "password", "state")
            if key in user
        }
        for user in users
    ]


def kafka_quotas(spec):
    """The limits of users that have any, by the name that Kafka knows."""
    return {
        principal(spec, user["name"]).removeprefix("User:"): user["quotas"]
        for user in present(spec)
        if user.get("quotas")
    }


def _rules_of(who, user, old_broker):
    grants = user.get("grants") or []
    operations = []
    if "notifier" in grants:
        operations += NOTIFIER
        if truth(user.get("create_topics")):
            operations.append("CREATE")
        if old_broker:
            yield {
                "principal": who,
                "resource": "cluster",
                "name": "kafka-cluster",
                "pattern": "literal",
                "operations": ["IDEMPOTENT_WRITE"],
            }
    if "listener" in grants:
        operations += LISTENER
        for group in user.get("groups", GROUPS):
            yield {
                "principal": who,
                "resource": "group",
                "name": group,
                "pattern": "literal" if group == "*" else "prefixed",
                "operations": ["READ"],
            }
    if operations:
        for topic in user.get("topics", TOPICS):
            yield {
                "principal": who,
                "resource": "topic",
                "name": topic,
                "pattern": "literal" if topic == "*" else "prefixed",
                "operations": sorted(set(operations)),
            }


def kafka_rights(spec):
    """The access rules of the users' grants, and those written out."""
    if not has_authorizer(spec):
        return []
    rules = []
    for user in spec["users"]:
        who = principal(spec, user["name"])
        state = user.get("state") or "present"
        rules += [
            dict(rule, state=state)
            for rule in _rules_of(who, user, spec["old_broker"])
        ]
    return rules + spec["acls"]


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_accounts": kafka_accounts,
            "kafka_admin_users": kafka_admin_users,
            "kafka_has_identities": kafka_has_identities,
            "kafka_needs_tls": needs_tls,
            "kafka_quotas": kafka_quotas,
            "kafka_rights": kafka_rights,
            "kafka_scram_users": kafka_scram_users,
        }
