#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: have topics as they are declared."""

DOCUMENTATION = r"""
module: kafka_topics
short_description: Have topics as they are declared
version_added: "0.1.0"
description:
  - Creates topics that are missing, adds partitions, and sets the settings
    that are declared. Settings that are not declared are left as they are.
  - Never takes partitions away, never moves copies, and deletes only what is
    declared as C(state=absent). What it cannot do is named in a warning.
extends_documentation_fragment: [kafka_bus.openstack.kafka_client]
options:
  topics:
    description: The topics.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      partitions:
        description:
          - Number of partitions. Adding some moves the keys of messages to
            other partitions.
          - Without it a new topic gets one, and one that is there keeps what
            it has.
        type: int
      replication_factor:
        description:
          - Copies of each partition. V(-1) takes the broker's own default.
        type: int
        default: -1
      config:
        description: Settings of the topic, such as C(retention.ms).
        type: dict
        default: {}
      state:
        description: Whether it shall be there. V(absent) deletes its data.
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
- name: Have the topic of ordinary notifications
  kafka_bus.openstack.kafka_topics:
    bootstrap_servers: 127.0.0.1:9092
    topics:
      - name: notifications.info
        partitions: 3
        config:
          retention.ms: 86400000
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
created:
  description: Topics that were created now.
  returned: success
  type: list
  elements: str
grown:
  description: Topics that got partitions now.
  returned: success
  type: list
  elements: str
configured:
  description: Topics whose settings were changed now.
  returned: success
  type: list
  elements: str
deleted:
  description: Topics that were deleted now.
  returned: success
  type: list
  elements: str
"""

import re
from decimal import Decimal

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
)

SECONDS = 30
NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([Ee][+-]?[0-9]+)?")


def text(value):
    """A setting's value as Kafka writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def plain(value):
    """A setting's value without what spellings of it differ in.

    The broker keeps what it understood: 0.5 of 0.50, true of True.
    """
    parts = [part.strip() for part in (value or "").split(",")]
    if len(parts) > 1:
        return [plain(part) for part in parts]
    if NUMBER.fullmatch(parts[0]):
        return Decimal(parts[0])
    lower = parts[0].lower()
    return lower if lower in ("true", "false") else parts[0]


def new_partitions(topic):
    """How many a topic is made with."""
    return 1 if topic["partitions"] is None else topic["partitions"]


def wanted_config(topic):
    return {key: text(value) for key, value in topic["config"].items()}


# -- what is there ----


def read_topics(admin):
    """{name: {"partitions": n, "copies": [..]}} of every topic."""
    metadata = admin.list_topics(timeout=SECONDS)
    return {
        name: {
            "partitions": len(topic.partitions),
            "copies": sorted(
                {len(part.replicas) for part in topic.partitions.values()}
            ),
        }
        for name, topic in metadata.topics.items()
    }


# -- what must be done ----


def plan(topics, existing, configs):
    """Decide, from what is there: a dict of lists, and the warnings."""
    todo = {"create": [], "grow": [], "configure": [], "delete": []}
    warnings = []
    for topic in topics:
        name = topic["name"]
        there = existing.get(name)
        if topic["state"] == "absent":
            todo["delete"] += [name] if there else []
            continue
        if there is None:
            todo["create"].append(topic)
            continue
        wanted = topic["partitions"]
        if wanted is not None and wanted > there["partitions"]:
            todo["grow"].append(topic)
        elif wanted is not None and wanted < there["partitions"]:
            warnings.append(
                f"Topic {name} has {there['partitions']} partitions, not "
                f"{wanted}: Kafka cannot take partitions away, "
                "it is left as it is."
            )
        copies = topic["replication_factor"]
        if copies > 0 and there["copies"] != [copies]:
            warnings.append(
                f"Topic {name} has {max(there['copies'])} copies, not "
                f"{copies}: they are left as they are."
            )
        changes = {
            key: value
            for key, value in wanted_config(topic).items()
            if plain(configs.get(name, {}).get(key)) != plain(value)
        }
        if changes:
            todo["configure"].append((name, changes))
    return todo, warnings


def difference(todo, existing, configs):
    """The lines before and after, for Ansible's diff."""
    before, after = [], []
    for topic in todo["create"]:
        after.append(f"{topic['name']}: {new_partitions(topic)} partitions")
        after += [
            f"{topic['name']}: {key}={value}"
            for key, value in sorted(wanted_config(topic).items())
        ]
    for topic in todo["grow"]:
        name = topic["name"]
        before.append(f"{name}: {existing[name]['partitions']} partitions")
        after.append(f"{name}: {topic['partitions']} partitions")
    for name, changes in todo["configure"]:
        for key, value in sorted(changes.items()):
            before.append(f"{name}: {key}={configs[name].get(key)}")
            after.append(f"{name}: {key}={value}")
    before += [f"{name}: present" for name in todo["delete"]]
    return {
        "before": "".join(line + "\n" for line in sorted(before)),
        "after": "".join(line + "\n" for line in sorted(after)),
    }


# -- doing it ----


def finish(futures, name_of, what):
    for key, future in futures.items():
        try:
            future.result()
        except kafka_client.KafkaException as error:
            raise kafka_client.ClientError(
                f"Topic {name_of(key)} of kafka_topics could not be {what}: "
                f"{kafka_client.sentence(error)}"
            ) from error


def apply(admin, todo):
    kafka = kafka_client.kafka_admin
    seconds = {"operation_timeout": SECONDS, "request_timeout": SECONDS}
    if todo["delete"]:
        finish(admin.delete_topics(todo["delete"], **seconds), str, "deleted")
    if todo["create"]:
        new = [
            kafka.NewTopic(
                topic["name"],
                num_partitions=new_partitions(topic),
                replication_factor=topic["replication_factor"],
                config=wanted_config(topic),
            )
            for topic in todo["create"]
        ]
        finish(admin.create_topics(new, **seconds), str, "created")
    if todo["grow"]:
        more = [
            kafka.NewPartitions(topic["name"], topic["partitions"])
            for topic in todo["grow"]
        ]
        finish(admin.create_partitions(more, **seconds), str, "made larger")
    if todo["configure"]:
        resource = kafka.ConfigResource
        entries = [
            resource(
                resource.Type.TOPIC,
                name,
                incremental_configs=[
                    kafka.ConfigEntry(
                        key,
                        value,
                        incremental_operation=(kafka.AlterConfigOpType.SET),
                    )
                    for key, value in changes.items()
                ],
            )
            for name, changes in todo["configure"]
        ]
        finish(
            admin.incremental_alter_configs(entries, request_timeout=SECONDS),
            lambda where: where.name,
            "configured",
        )


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_client.ARGUMENTS,
            "topics": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "partitions": {"type": "int"},
                    "replication_factor": {"type": "int", "default": -1},
                    "config": {"type": "dict", "default": {}},
                    "state": {
                        "type": "str",
                        "choices": ["present", "absent"],
                        "default": "present",
                    },
                },
            },
        },
        supports_check_mode=True,
    )
    options = module.params
    admin = kafka_client.admin(module)
    try:
        existing = read_topics(admin)
        configs = kafka_client.read_topic_settings(
            admin,
            [
                topic["name"]
                for topic in options["topics"]
                if topic["config"] and topic["name"] in existing
            ],
            SECONDS,
        )
        todo, warnings = plan(options["topics"], existing, configs)
        if not module.check_mode:
            apply(admin, todo)
    except kafka_client.ClientError as error:
        module.fail_json(msg=f"{error}.")
    except kafka_client.KafkaException as error:
        module.fail_json(
            msg=f"The broker at {options['bootstrap_servers']} does not "
            f"answer: {kafka_client.sentence(error)}."
        )
    for warning in warnings:
        module.warn(warning)
    module.exit_json(
        changed=any(todo.values()),
        created=[topic["name"] for topic in todo["create"]],
        grown=[topic["name"] for topic in todo["grow"]],
        configured=[name for name, _changes in todo["configure"]],
        deleted=todo["delete"],
        diff=difference(todo, existing, configs),
    )


if __name__ == "__main__":
    main()
