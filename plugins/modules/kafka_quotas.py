#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: have quotas of users as they are declared."""

DOCUMENTATION = r"""
module: kafka_quotas
short_description: Have quotas of users as they are declared
version_added: "0.1.0"
description:
  - Sets the limits that are declared, and takes those away that are declared
    as null. Others are left as they are.
  - Kafka's own tool is asked once for all users, and once more for each user
    whose limits change, because no client library can do it.
extends_documentation_fragment: [kafka_bus.openstack.kafka_tool]
options:
  bootstrap_servers:
    description: Brokers, C(HOST:PORT) with commas between.
    type: str
    required: true
  quotas:
    description:
      - Users, as C({name{:} {limit{:} number}}). Limits are
        C(producer_byte_rate) and C(consumer_byte_rate) in bytes a second on
        each broker, C(request_percentage), C(controller_mutation_rate).
    type: dict
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Let nova send ten megabytes a second
  kafka_bus.openstack.kafka_quotas:
    bootstrap_servers: kafka1.example.org:9092
    command_config_file: /etc/kafka/admin.properties
    quotas:
      nova: {producer_byte_rate: 10000000}
    home: /opt/kafka/current
    java_home: /usr/lib/jvm/default-java
"""

RETURN = r"""
changed_users:
  description: Users whose limits were changed now.
  returned: success
  type: list
  elements: str
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_quota,
    kafka_tool,
)

TOOL = "kafka-configs"


def parse(text):
    """{user: {limit: number}} from what --describe prints."""
    found = {}
    pattern = r"Quota configs for user-principal '(.*)' are (.*)$"
    for user, limits in re.findall(pattern, text, re.MULTILINE):
        pairs = re.findall(r"(\w+)=([0-9.Ee+-]+)", limits)
        found[user] = {name: float(value) for name, value in pairs}
    return found


def plan(there, wanted):
    """{user: ({limit: number} to set, [limits] to take away)}."""
    changes = {}
    for user in sorted(wanted):
        have = there.get(user, {})
        limits = wanted[user]
        new = {
            name: limits[name]
            for name in sorted(limits)
            if limits[name] is not None
            and have.get(name) != float(limits[name])
        }
        gone = [
            name
            for name in sorted(limits)
            if limits[name] is None and name in have
        ]
        if new or gone:
            changes[user] = (new, gone)
    return changes


def problems(wanted):
    for user, limits in wanted.items():
        if not isinstance(limits, dict):
            yield (
                f"The quotas of {user} are no dictionary: write "
                "{limit: number}, with null as the number to take one away."
            )
            continue
        for name, value in limits.items():
            if name not in kafka_quota.LIMITS:
                yield (
                    f"The quotas of {user} have {name}: write one of "
                    f"{', '.join(kafka_quota.LIMITS)}."
                )
            elif value is not None and not kafka_quota.is_limit(value):
                yield (
                    f"The quotas of {user} have {name} {value!r}: write a "
                    "number, or null for none."
                )


def alter(module, user, new, gone):
    words = ["--alter", "--entity-type", "users", "--entity-name", user]
    if new:
        pairs = ",".join(f"{name}={value}" for name, value in new.items())
        words += ["--add-config", pairs]
    if gone:
        words += ["--delete-config", ",".join(gone)]
    kafka_tool.run(module, TOOL, *words)


def lines(quotas, users):
    return "".join(
        f"{user}: {name}={quotas[user][name]:g}\n"
        for user in users
        for name in sorted(quotas.get(user, {}))
    )


def after(there, changes):
    """The quotas as they will be."""
    result = {user: dict(limits) for user, limits in there.items()}
    for user, (new, gone) in changes.items():
        limits = result.setdefault(user, {})
        limits.update({name: float(value) for name, value in new.items()})
        for name in gone:
            del limits[name]
    return result


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_tool.ARGUMENTS,
            "bootstrap_servers": {"type": "str", "required": True},
            "quotas": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    wanted = module.params["quotas"]
    wrong = list(problems(wanted))
    if wrong:
        module.fail_json(msg=" ".join(wrong))
    try:
        there = parse(
            kafka_tool.run(
                module, TOOL, "--describe", "--entity-type", "users"
            )
        )
        changes = plan(there, wanted)
        if not module.check_mode:
            for user, (new, gone) in changes.items():
                alter(module, user, new, gone)
    except kafka_tool.ToolError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(
        changed=bool(changes),
        changed_users=list(changes),
        diff={
            "before": lines(there, changes),
            "after": lines(after(there, changes), changes),
        },
    )


if __name__ == "__main__":
    main()
