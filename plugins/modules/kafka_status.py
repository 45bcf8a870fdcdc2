#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: say how a Kafka cluster is."""

DOCUMENTATION = r"""
module: kafka_status
short_description: Say how a Kafka cluster is
version_added: "0.1.0"
description:
  - Asks brokers, controllers and topics, changes nothing, and names what is
    wrong, with the command that shows more.
extends_documentation_fragment:
  - kafka_bus.openstack.kafka_client
  - kafka_bus.openstack.kafka_tool
options:
  brokers:
    description: Ids of all brokers of the cluster.
    type: list
    elements: int
    required: true
  controllers:
    description: Ids of all its controllers.
    type: list
    elements: int
    required: true
  copies:
    description: Topics, and how many copies each has to have.
    type: dict
    default: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: See how the cluster is
  kafka_bus.openstack.kafka_status:
    bootstrap_servers: kafka1.example.org:9092
    client_config_file: /opt/kafka/admin-venv/client.json
    command_config_file: /etc/kafka/admin.properties
    brokers: [1, 2, 3]
    controllers: [1, 2, 3]
    copies: {notifications.info: 3}
    home: /opt/kafka/current
    java_home: /usr/lib/jvm/default-java
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
problems:
  description: One sentence for each thing that is wrong.
  returned: success
  type: list
  elements: str
answering:
  description: Ids of the brokers that answer.
  returned: success
  type: list
  elements: int
leader:
  description: Id of the controller that leads; -1 for none.
  returned: success
  type: int
voters:
  description: Ids of the controllers that vote.
  returned: success
  type: list
  elements: int
topics:
  description: How many topics there are.
  returned: success
  type: int
partitions:
  description: How many partitions they have.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
    kafka_health,
    kafka_state,
    kafka_tool,
)


def read(module, admin):
    options = module.params
    state = kafka_state.read_state(
        admin, options["brokers"], options["controllers"]
    )
    state["quorum"] = kafka_state.read_quorum(module)
    return state


def report(state, copies):
    """What the module returns, from what was read."""
    voting = kafka_health.voters(state["quorum"])
    lacking = set(state["controllers"]) - {voter["id"] for voter in voting}
    problems = kafka_health.problems(state)
    problems += kafka_health.thin_problems(state["partitions"], copies)
    if lacking:
        problems.append(
            f"Controller {kafka_health.ids(lacking)} has no vote: start it, "
            "or run playbooks/add_node.yml."
        )
    leaders = [v["id"] for v in voting if v["status"] == "Leader"]
    return {
        "problems": problems,
        "answering": sorted(state["answering"]),
        "leader": leaders[0] if leaders else -1,
        "voters": sorted(voter["id"] for voter in voting),
        "topics": len({part["topic"] for part in state["partitions"]}),
        "partitions": len(state["partitions"]),
    }


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_client.ARGUMENTS,
            **kafka_tool.ARGUMENTS,
            "brokers": {"type": "list", "elements": "int", "required": True},
            "controllers": {
                "type": "list",
                "elements": "int",
                "required": True,
            },
            "copies": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    admin = kafka_client.admin(module)
    try:
        state = read(module, admin)
    except kafka_client.KafkaException as error:
        module.fail_json(
            msg=f"No broker answers at {module.params['bootstrap_servers']}: "
            f"{kafka_client.sentence(error)}."
        )
    except kafka_tool.ToolError as error:
        module.fail_json(msg=f"{error}.")
    copies = {
        name: int(count) for name, count in module.params["copies"].items()
    }
    module.exit_json(changed=False, **report(state, copies))


if __name__ == "__main__":
    main()
