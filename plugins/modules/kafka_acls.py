#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: have the access rules that are declared."""

DOCUMENTATION = r"""
module: kafka_acls
short_description: Have the access rules that are declared
version_added: "0.1.0"
description:
  - Adds rules that are missing and takes away those declared as
    C(state=absent). Rules that are not declared are left as they are.
extends_documentation_fragment: [kafka_bus.openstack.kafka_client]
options:
  acls:
    description: The rules. Each operation of one is a rule of Kafka's.
    type: list
    elements: dict
    required: true
    suboptions:
      principal:
        description: Whom it is about, such as C(User:nova).
        type: str
        required: true
      resource:
        description: What it is about.
        type: str
        choices: [topic, group, cluster, transactional_id]
        required: true
      name:
        description: >-
          Name of the resource, V(*) for every one, V(kafka-cluster) for the
          cluster.
        type: str
        required: true
      pattern:
        description: Whether O(acls[].name) is the name or its beginning.
        type: str
        choices: [literal, prefixed]
        default: literal
      operations:
        description: What may be done, such as V(READ) and V(WRITE).
        type: list
        elements: str
        required: true
      permission:
        description: Whether it may be done.
        type: str
        choices: [allow, deny]
        default: allow
      host:
        description: Address that the client comes from. V(*) for any.
        type: str
        default: "*"
      state:
        description: Whether the rule shall be there.
        type: str
        choices: [present, absent]
        default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Let a service write notifications
  kafka_bus.openstack.kafka_acls:
    bootstrap_servers: kafka1.example.org:9092
    client_config_file: /opt/kafka/admin-venv/client.json
    acls:
      - principal: User:nova
        resource: topic
        name: notifications.
        pattern: prefixed
        operations: [WRITE, DESCRIBE]
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
added:
  description: Rules that were added now, one operation each.
  returned: success
  type: list
  elements: str
removed:
  description: Rules that were taken away now.
  returned: success
  type: list
  elements: str
"""

from collections import namedtuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
)

SECONDS = 30

Rule = namedtuple(
    "Rule", "principal host operation permission resource pattern name"
)

RESOURCES = {
    "topic": "TOPIC",
    "group": "GROUP",
    "cluster": "BROKER",  # librdkafka's name of the cluster
    "transactional_id": "TRANSACTIONAL_ID",
}


def rules_of(acls, state):
    """The declared rules of a state, one for each operation."""
    return {
        Rule(
            acl["principal"],
            acl["host"],
            operation.upper(),
            acl["permission"].upper(),
            RESOURCES[acl["resource"]],
            acl["pattern"].upper(),
            acl["name"],
        )
        for acl in acls
        if acl["state"] == state
        for operation in acl["operations"]
    }


def describe(rule):
    """A rule in words."""
    return (
        f"{rule.permission} {rule.principal} from {rule.host} "
        f"{rule.operation} {rule.resource} {rule.pattern} {rule.name}"
    )


def lines(rules):
    return "".join(f"{line}\n" for line in sorted(map(describe, rules)))


def read_rules(admin):
    """Every rule that the cluster has."""
    kafka = kafka_client.kafka_admin
    everything = kafka.AclBindingFilter(
        kafka.ResourceType.ANY,
        None,
        kafka.ResourcePatternType.ANY,
        None,
        None,
        kafka.AclOperation.ANY,
        kafka.AclPermissionType.ANY,
    )
    found = admin.describe_acls(everything, request_timeout=SECONDS).result()
    return {
        Rule(
            acl.principal,
            acl.host,
            acl.operation.name,
            acl.permission_type.name,
            acl.restype.name,
            acl.resource_pattern_type.name,
            acl.name,
        )
        for acl in found
    }


def binding(rule, kind):
    kafka = kafka_client.kafka_admin
    return kind(
        kafka.ResourceType[rule.resource],
        rule.name,
        kafka.ResourcePatternType[rule.pattern],
        rule.principal,
        rule.host,
        kafka.AclOperation[rule.operation],
        kafka.AclPermissionType[rule.permission],
    )


def apply(admin, added, removed):
    kafka = kafka_client.kafka_admin
    futures = {}
    if added:
        futures.update(
            admin.create_acls(
                [binding(rule, kafka.AclBinding) for rule in sorted(added)],
                request_timeout=SECONDS,
            )
        )
    if removed:
        futures.update(
            admin.delete_acls(
                [
                    binding(rule, kafka.AclBindingFilter)
                    for rule in sorted(removed)
                ],
                request_timeout=SECONDS,
            )
        )
    for future in futures.values():
        future.result()


def unknown_operation(rules):
    """A sentence about the first operation that Kafka does not know."""
    known = set(kafka_client.kafka_admin.AclOperation.__members__)
    known -= {"UNKNOWN", "ANY"}
    for rule in sorted(rules):
        if rule.operation not in known:
            return (
                f"kafka_acls has the operation {rule.operation} for "
                f"{rule.principal}: write one of {', '.join(sorted(known))}."
            )
    return ""


def main():
    def choice(*names, **more):
        return {"type": "str", "choices": list(names), **more}

    module = AnsibleModule(
        argument_spec={
            **kafka_client.ARGUMENTS,
            "acls": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "principal": {"type": "str", "required": True},
                    "resource": choice(*RESOURCES, required=True),
                    "name": {"type": "str", "required": True},
                    "pattern": choice(
                        "literal", "prefixed", default="literal"
                    ),
                    "operations": {
                        "type": "list",
                        "elements": "str",
                        "required": True,
                    },
                    "permission": choice("allow", "deny", default="allow"),
                    "host": {"type": "str", "default": "*"},
                    "state": choice("present", "absent", default="present"),
                },
            },
        },
        supports_check_mode=True,
    )
    options = module.params
    admin = kafka_client.admin(module)
    wanted = rules_of(options["acls"], "present")
    unwanted = rules_of(options["acls"], "absent") - wanted
    problem = unknown_operation(wanted | unwanted)
    if problem:
        module.fail_json(msg=problem)
    try:
        existing = read_rules(admin)
        added, removed = wanted - existing, unwanted & existing
        if not module.check_mode:
            apply(admin, added, removed)
    except kafka_client.KafkaException as error:
        module.fail_json(
            msg="The access rules could not be read or changed at "
            f"{options['bootstrap_servers']}: "
            f"{kafka_client.sentence(error)}."
        )
    module.exit_json(
        changed=bool(added or removed),
        added=sorted(map(describe, added)),
        removed=sorted(map(describe, removed)),
        diff={"before": lines(removed), "after": lines(added)},
    )


if __name__ == "__main__":
    main()
