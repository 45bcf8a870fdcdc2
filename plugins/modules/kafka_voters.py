#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: have a node among the controllers of a cluster, or not."""

DOCUMENTATION = r"""
module: kafka_voters
short_description: Have a node among the controllers of a cluster, or not
version_added: "0.1.0"
description:
  - Makes a controller that follows the cluster's metadata one that votes, or
    takes its vote away (KIP-853). What the cluster says decides whether there
    is anything to do.
  - A new controller votes only when it has caught up, so that the others do
    not wait for it.
  - Works with a dynamic quorum only.
extends_documentation_fragment: [kafka_bus.openstack.kafka_tool]
options:
  bootstrap_servers:
    description: Brokers, C(HOST:PORT) with commas between.
    type: str
    required: true
  node_id:
    description: The controller's C(node.id).
    type: int
    required: true
  config_file:
    description: >-
      Its C(server.properties), on whose machine this runs; for
      O(state=present).
    type: path
  wait:
    description: Seconds to wait until a new controller has caught up.
    type: int
    default: 120
  state:
    description: Whether it shall vote.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Let a new controller vote
  kafka_bus.openstack.kafka_voters:
    bootstrap_servers: kafka1.example.org:9092
    command_config_file: /etc/kafka/admin.properties
    config_file: /etc/kafka/server.properties
    node_id: 4
    home: /opt/kafka/current
    java_home: /usr/lib/jvm/default-java
"""

RETURN = r"""
voters:
  description: Ids of the controllers that vote now.
  returned: success
  type: list
  elements: int
"""

import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_health,
    kafka_tool,
)

TOOL = "kafka-metadata-quorum"

#: What the tool reads of a controller's own settings.
OF_THE_NODE = (
    "advertised.listeners",
    "controller.listener.names",
    "listener.security.protocol.map",
    "listeners",
    "log.dirs",
    "node.id",
    "process.roles",
)


def describe(module):
    return kafka_health.parse_quorum(
        kafka_tool.run(module, TOOL, "describe", "--replication")
    )


def read(path):
    with open(path, encoding="utf-8") as source:
        return source.read()


def own_settings(text):
    """The lines of a server.properties that say which node it is."""
    return "".join(
        line + "\n"
        for line in text.splitlines()
        if line.split("=", 1)[0] in OF_THE_NODE
    )


def wait_until_caught_up(module, node):
    """The replicas, once the node has what the leader has."""
    end = time.monotonic() + module.params["wait"]
    while True:
        replicas = describe(module)
        if kafka_health.has_caught_up(replicas, node):
            return
        if time.monotonic() >= end:
            raise kafka_tool.ToolError(
                f"Controller {node} has not caught up with the others within "
                f"{module.params['wait']} seconds: look at its log, and with "
                f"{kafka_health.SHOW_QUORUM}"
            )
        time.sleep(2)


def add(module, node):
    wait_until_caught_up(module, node)
    settings = own_settings(read(module.params["config_file"]))
    if module.params["command_config_file"]:
        settings += read(module.params["command_config_file"])
    # Both how to connect and who is added: the tool reads one file. 0600.
    with tempfile.NamedTemporaryFile(
        "w", prefix="kafka-voter-", dir=module.tmpdir
    ) as both:
        both.write(settings)
        both.flush()
        kafka_tool.run(module, TOOL, "add-controller", config_file=both.name)


def remove(module, replica):
    kafka_tool.run(
        module,
        TOOL,
        "remove-controller",
        "--controller-id",
        str(replica["id"]),
        "--controller-directory-id=" + replica["directory"],
    )


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_tool.ARGUMENTS,
            "bootstrap_servers": {"type": "str", "required": True},
            "node_id": {"type": "int", "required": True},
            "config_file": {"type": "path"},
            "wait": {"type": "int", "default": 120},
            "state": {
                "type": "str",
                "choices": ["present", "absent"],
                "default": "present",
            },
        },
        required_if=[("state", "present", ["config_file"])],
        supports_check_mode=True,
    )
    node = module.params["node_id"]
    wanted = module.params["state"] == "present"
    try:
        voters = kafka_health.voters(describe(module))
        ids = {voter["id"] for voter in voters}
        changed = (node in ids) != wanted
        if changed and not wanted and ids == {node}:
            raise kafka_tool.ToolError(
                f"Node {node} is the only controller: add another one first"
            )
        if changed and not module.check_mode:
            if wanted:
                add(module, node)
            else:
                remove(module, next(v for v in voters if v["id"] == node))
    except (kafka_tool.ToolError, OSError) as error:
        module.fail_json(msg=str(error).rstrip(".") + ".")
    ids = ids | {node} if wanted else ids - {node}
    module.exit_json(changed=changed, voters=sorted(ids))


if __name__ == "__main__":
    main()
