#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: have the copies of partitions where they belong."""

DOCUMENTATION = r"""
module: kafka_copies
short_description: Have the copies of partitions where they belong
version_added: "0.1.0"
description:
  - Moves what a broker that leaves holds to the others, and gives topics the
    copies that they lack. Each new copy goes to the broker that holds fewest.
  - Waits a while for the data to be there. Call it again while C(left) is not
    0; what is under way goes on.
  - Refuses where there are fewer brokers than copies, and where a partition
    has its only copy on a broker that does not answer.
  - Never takes a copy away from a broker that stays.
extends_documentation_fragment:
  - kafka_bus.openstack.kafka_client
  - kafka_bus.openstack.kafka_tool
options:
  brokers:
    description: Ids of the brokers that shall hold copies.
    type: list
    elements: int
    required: true
  leaving:
    description: Id of a broker that shall hold none.
    type: int
  copies:
    description: Topics, and how many copies each shall have at least.
    type: dict
    default: {}
  wait:
    description: Seconds to wait in one call.
    type: int
    default: 20
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Begin to move what broker 4 has
  kafka_bus.openstack.kafka_copies:
    bootstrap_servers: kafka1.example.org:9092
    client_config_file: /opt/kafka/admin-venv/client.json
    command_config_file: /etc/kafka/admin.properties
    brokers: [1, 2, 3]
    leaving: 4
    home: /opt/kafka/current
    java_home: /usr/lib/jvm/default-java
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
misplaced:
  description: Partitions that were not where they belong.
  returned: success
  type: int
left:
  description: Those of them that are not yet where they belong.
  returned: success
  type: int
"""

import json
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
    kafka_health,
    kafka_state,
    kafka_tool,
)

TOOL = "kafka-reassign-partitions"


def misplaced(partitions, leaving, copies):
    """Partitions that have a copy too many, or too few."""
    return [
        part
        for part in partitions
        if leaving in part["replicas"]
        or len(part["replicas"]) < copies.get(part["topic"], 0)
    ]


def problem(partitions, brokers, leaving, copies):
    """Why it cannot be done; empty if it can."""
    wrong = misplaced(partitions, leaving, copies)
    lost = [p for p in wrong if p["replicas"] == [leaving] and p["leader"] < 0]
    if lost:
        return (
            f"{kafka_health.named(lost)} has its only copy on node {leaving}, "
            "which does not answer: start it, or delete the topic"
        )
    wide = [p for p in wrong if wanted(p, copies) > len(brokers)]
    if wide:
        return (
            f"{kafka_health.named(wide)} has to have "
            f"{wanted(wide[0], copies)} copies, and there would be "
            f"{len(brokers)} brokers: add a broker first, or give the topic "
            "fewer copies"
        )
    return ""


def wanted(part, copies):
    return max(len(part["replicas"]), copies.get(part["topic"], 0))


def plan(partitions, brokers, leaving, copies):
    """The moves, as kafka-reassign-partitions takes them.

    A copy that moves keeps its place in the list, whose first one is the
    preferred leader.
    """
    held = dict.fromkeys(brokers, 0)
    for part in partitions:
        for replica in part["replicas"]:
            if replica in held:
                held[replica] += 1
    moves = []
    for part in misplaced(partitions, leaving, copies):
        replicas = part["replicas"] + [None] * (
            wanted(part, copies) - len(part["replicas"])
        )
        for place, replica in enumerate(replicas):
            if replica is None or replica == leaving:
                free = [b for b in brokers if b not in replicas]
                new = min(free, key=lambda broker: (held[broker], broker))
                held[new] += 1
                replicas[place] = new
        moves.append(
            {
                "topic": part["topic"],
                "partition": part["partition"],
                "replicas": replicas,
            }
        )
    return {"version": 1, "partitions": moves}


def parse_moving(text):
    """{(topic, partition)} under way, from what --list prints."""
    found = set()
    for line in text.splitlines():
        name, colon, _rest = line.partition(": ")
        topic, dash, number = name.rpartition("-")
        if colon and dash and number.isdigit():
            found.add((topic, int(number)))
    return found


def move(module, partitions):
    """Ask for the moves that nobody has asked for yet."""
    moving = parse_moving(kafka_tool.run(module, TOOL, "--list"))
    options = module.params
    new = plan(
        [
            part
            for part in partitions
            if (part["topic"], part["partition"]) not in moving
        ],
        options["brokers"],
        options["leaving"],
        options["copies"],
    )
    if not new["partitions"]:
        return
    with tempfile.NamedTemporaryFile("w", prefix="kafka-copies-") as file:
        json.dump(new, file)
        file.flush()
        kafka_tool.run(
            module,
            TOOL,
            *("--reassignment-json-file", file.name, "--execute"),
        )


def work(module, admin):
    """Move; how many partitions were misplaced, and how many are left."""
    options = module.params
    copies = {name: int(count) for name, count in options["copies"].items()}
    options["copies"] = copies
    end = time.monotonic() + options["wait"]
    partitions = kafka_state.read_partitions(admin)
    found = misplaced(partitions, options["leaving"], copies)
    why_not = problem(
        partitions, options["brokers"], options["leaving"], copies
    )
    if why_not:
        raise kafka_client.ClientError(why_not)
    left = found
    if found and not module.check_mode:
        move(module, partitions)
        while left and time.monotonic() < end:
            time.sleep(0.5)
            left = misplaced(
                kafka_state.read_partitions(admin), options["leaving"], copies
            )
    return len(found), len(left)


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_client.ARGUMENTS,
            **kafka_tool.ARGUMENTS,
            "brokers": {"type": "list", "elements": "int", "required": True},
            "leaving": {"type": "int"},
            "copies": {"type": "dict", "default": {}},
            "wait": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    admin = kafka_client.admin(module)
    try:
        found, left = work(module, admin)
    except kafka_client.KafkaException as error:
        module.fail_json(msg=f"{kafka_client.sentence(error)}.")
    except (kafka_client.ClientError, kafka_tool.ToolError) as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=found > 0, misplaced=found, left=left)


if __name__ == "__main__":
    main()
