#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: restart a Kafka node if that harms nobody."""

DOCUMENTATION = r"""
module: kafka_restart
short_description: Restart a Kafka node if that harms nobody
version_added: "0.1.0"
description:
  - Looks whether the cluster would be well without the node, restarts its
    service, and waits until the node is part of everything again. One call
    does all three, so that C(throttle=1) is enough to keep the others up.
  - Refuses, and says what is wrong, where the cluster would suffer.
  - A node that is a cluster of its own is restarted and waited for.
extends_documentation_fragment:
  - kafka_bus.openstack.kafka_client
  - kafka_bus.openstack.kafka_tool
options:
  node_id:
    description: The node's C(node.id).
    type: int
    required: true
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
  service:
    description: Name of the service.
    type: str
    required: true
  starter:
    description:
      - Command with the word C(compare), which ends with 0 if the process
        runs with what is configured now.
    type: path
    required: true
  force:
    description: Restart also where the configuration is what it was.
    type: bool
    default: false
  wait:
    description: >-
      Seconds to wait until it is back, and before that, though at most 30,
      until it may be restarted.
    type: int
    default: 120
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Restart a node whose configuration has changed
  kafka_bus.openstack.kafka_restart:
    bootstrap_servers: kafka1.example.org:9092,kafka2.example.org:9092
    client_config_file: /opt/kafka/admin-venv/client.json
    command_config_file: /etc/kafka/admin.properties
    node_id: 1
    brokers: [1, 2, 3]
    controllers: [1, 2, 3]
    service: kafka
    starter: /opt/kafka/kafka-service
    home: /opt/kafka/current
    java_home: /usr/lib/jvm/default-java
  throttle: 1
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
seconds:
  description: How long the node was away, until the cluster was well again.
  returned: when it was restarted
  type: float
single_copies:
  description: Partitions that had their only copy on the node.
  returned: success
  type: int
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
    kafka_health,
    kafka_state,
    kafka_tool,
)

#: Each restart has waited until all were well. What is wrong before the next
#: one was so before, and each node in turn would wait for it.
FIRST_WAIT = 30


def wait_until(module, admin, judge, seconds):
    """Ask until judge finds nothing; a ClientError with what it found."""
    end = time.monotonic() + seconds
    while True:
        try:
            state = kafka_state.read_state(
                admin, module.params["brokers"], module.params["controllers"]
            )
            found = judge(state)
            if not found:
                # Last, because it starts a JVM.
                state["asked"] = time.monotonic()
                state["quorum"] = kafka_state.read_quorum(module)
                found = judge(state)
        except kafka_client.KafkaException as error:
            state = None
            found = [
                f"No broker answers at {module.params['bootstrap_servers']}: "
                f"{kafka_client.sentence(error)}."
            ]
        except (kafka_client.ClientError, kafka_tool.ToolError) as error:
            state, found = None, [f"{error}."]
        if not found:
            return state
        if time.monotonic() >= end:
            raise kafka_client.ClientError(" ".join(found))
        time.sleep(1)


def restart(module):
    name = module.params["service"]
    if os.path.isdir("/run/systemd/system"):
        command = ["systemctl", "restart", name]
    else:
        command = ["service", name, "restart"]
    code, output, error = module.run_command(command)
    if code:
        # Whoever looks next has to see that it is away.
        time.sleep(kafka_health.SILENT_MS / 1000)
        raise kafka_client.ClientError(
            f"{' '.join(command)} failed: {(error or output).strip()}"
        )


def is_current(module):
    code, _output, _error = module.run_command(
        [module.params["starter"], "compare"]
    )
    return code == 0


def wait_for_answer(admin, node, seconds):
    """For a node of its own: until it answers."""
    end = time.monotonic() + seconds
    while not kafka_state.read_answering(admin, [node]):
        if time.monotonic() >= end:
            raise kafka_client.ClientError(
                f"Node {node} has not answered within {seconds} seconds "
                "after its restart: look at its log"
            )
        time.sleep(0.3)


def work(module, admin):
    """Restart; what to return."""
    node = module.params["node_id"]
    begin = time.monotonic()
    if {*module.params["brokers"], *module.params["controllers"]} == {node}:
        restart(module)
        wait_for_answer(admin, node, module.params["wait"])
        return {"seconds": round(time.monotonic() - begin, 1)}
    try:
        state = wait_until(
            module,
            admin,
            lambda state: kafka_health.problems(state, node),
            min(module.params["wait"], FIRST_WAIT),
        )
    except kafka_client.ClientError as error:
        raise kafka_client.ClientError(
            f"Node {node} is not restarted, because the others must be well "
            f"first. {error}"
        ) from error
    alone = len(kafka_health.alone_on(state["partitions"], node))
    begin = time.monotonic()
    restart(module)
    restarted = time.monotonic()

    def judge(state):
        since = (state.get("asked", restarted) - restarted) * 1000
        return kafka_health.not_back(
            state, node, since
        ) + kafka_health.problems(state)

    try:
        wait_until(module, admin, judge, module.params["wait"])
    except kafka_client.ClientError as error:
        raise kafka_client.ClientError(
            f"Node {node} was restarted, and {module.params['wait']} seconds "
            f"later the cluster is not well. {error}"
        ) from error
    return {
        "seconds": round(time.monotonic() - begin, 1),
        "single_copies": alone,
    }


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_client.ARGUMENTS,
            **kafka_tool.ARGUMENTS,
            "node_id": {"type": "int", "required": True},
            "brokers": {"type": "list", "elements": "int", "required": True},
            "controllers": {
                "type": "list",
                "elements": "int",
                "required": True,
            },
            "service": {"type": "str", "required": True},
            "starter": {"type": "path", "required": True},
            "force": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    if not module.params["force"] and is_current(module):
        module.exit_json(changed=False)
    if module.check_mode:
        module.exit_json(changed=True)
    admin = kafka_client.admin(module)
    try:
        result = work(module, admin)
    except kafka_client.ClientError as error:
        module.fail_json(msg=str(error).rstrip(".") + ".")
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
