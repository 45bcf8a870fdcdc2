#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: create the topics that are missing."""

DOCUMENTATION = r"""
module: kafka_topics
short_description: Create the topics that are missing
version_added: "0.1.0"
description:
  - Creates topics. Never changes or deletes one; a topic that has another
    number of partitions than asked for is left, and named in a warning.
requirements: [confluent-kafka]
options:
  bootstrap_servers:
    description: Brokers, C(HOST:PORT) with commas between.
    type: str
    required: true
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
        description: Number of partitions.
        type: int
        default: 1
      replication_factor:
        description: Copies of each partition.
        type: int
        default: 1
      config:
        description: Settings of the topic, such as C(retention.ms).
        type: dict
        default: {}
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
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
created:
  description: Topics that were created now.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
)

SECONDS = 30


def partitions_of(admin):
    metadata = admin.list_topics(timeout=SECONDS)
    return {
        name: len(topic.partitions) for name, topic in metadata.topics.items()
    }


def other_partitions(topics, existing):
    """A sentence for each topic that is not as it was asked for."""
    return [
        f"Topic {topic['name']} has {existing[topic['name']]} partitions, "
        f"not {topic['partitions']}: it is left as it is."
        for topic in topics
        if existing.get(topic["name"], topic["partitions"])
        != topic["partitions"]
    ]


def create(admin, topics):
    futures = admin.create_topics(
        [
            kafka_client.NewTopic(
                topic["name"],
                num_partitions=topic["partitions"],
                replication_factor=topic["replication_factor"],
                config={
                    key: str(value) for key, value in topic["config"].items()
                },
            )
            for topic in topics
        ],
        operation_timeout=SECONDS,
        request_timeout=SECONDS,
    )
    for name, future in futures.items():
        try:
            future.result()
        except kafka_client.KafkaException as error:
            raise kafka_client.ClientError(
                f"Topic {name} of kafka_topics could not be created: "
                f"{kafka_client.sentence(error)}"
            ) from error


def names(topics):
    return "".join(f"{name}\n" for name in sorted(topics))


def main():
    module = AnsibleModule(
        argument_spec={
            "bootstrap_servers": {"type": "str", "required": True},
            "topics": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "partitions": {"type": "int", "default": 1},
                    "replication_factor": {"type": "int", "default": 1},
                    "config": {"type": "dict", "default": {}},
                },
            },
        },
        supports_check_mode=True,
    )
    options = module.params
    admin = kafka_client.admin(module, options["bootstrap_servers"])
    try:
        existing = partitions_of(admin)
        missing = [
            topic
            for topic in options["topics"]
            if topic["name"] not in existing
        ]
        if missing and not module.check_mode:
            create(admin, missing)
    except kafka_client.ClientError as error:
        module.fail_json(msg=str(error))
    except kafka_client.KafkaException as error:
        module.fail_json(
            msg=f"The broker at {options['bootstrap_servers']} does not "
            f"answer: {kafka_client.sentence(error)}."
        )
    for warning in other_partitions(options["topics"], existing):
        module.warn(warning)
    created = [topic["name"] for topic in missing]
    module.exit_json(
        changed=bool(created),
        created=created,
        diff={
            "before": names(existing),
            "after": names([*existing, *created]),
        },
    )


if __name__ == "__main__":
    main()
