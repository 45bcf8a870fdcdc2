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
extends_documentation_fragment: [kafka_bus.openstack.kafka_client]
options:
  node_id:
    description: The node's C(node.id).
    type: int
    required: true
  nodes:
    description: Ids of all nodes of the cluster.
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
  home:
    description: Directory with Kafka's C(bin/).
    type: path
    required: true
  java_home:
    description: Java to run Kafka's tools with.
    type: path
    required: true
  command_config_file:
    description: Settings of Kafka's own tools. Empty for none.
    type: path
    default: ""
  force:
    description: Restart also where the configuration is what it was.
    type: bool
    default: false
  wait:
    description: >-
      Seconds to wait until it may be restarted, and until it is back.
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
    nodes: [1, 2, 3]
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
)

SECONDS = 10


def answering(admin, nodes):
    """Which nodes answer a question that only they can."""
    resource = kafka_client.kafka_admin.ConfigResource
    asked = {}
    for node in nodes:
        asked[node] = admin.describe_configs(
            [resource(resource.Type.BROKER, str(node))], request_timeout=5
        )
    alive = []
    for node, futures in asked.items():
        try:
            next(iter(futures.values())).result()
        except kafka_client.KafkaException:
            continue
        alive.append(node)
    return alive


def read_partitions(admin):
    """Every partition, with what its topic wants in sync."""
    topics = admin.list_topics(timeout=SECONDS).topics
    resource = kafka_client.kafka_admin.ConfigResource
    futures = (
        admin.describe_configs(
            [resource(resource.Type.TOPIC, name) for name in topics],
            request_timeout=SECONDS,
        )
        if topics
        else {}
    )
    wanted = {
        where.name: int(future.result()["min.insync.replicas"].value)
        for where, future in futures.items()
    }
    return [
        {
            "topic": name,
            "partition": number,
            "leader": part.leader,
            "replicas": list(part.replicas),
            "isr": list(part.isrs),
            "min_isr": wanted[name],
        }
        for name, topic in topics.items()
        for number, part in topic.partitions.items()
    ]


def read_quorum(module):
    """The controllers, which only Kafka's own tool can ask."""
    options = module.params
    command = [
        os.path.join(options["home"], "bin", "kafka-metadata-quorum.sh"),
        "--bootstrap-server",
        options["bootstrap_servers"],
    ]
    if options["command_config_file"]:
        command += ["--command-config", options["command_config_file"]]
    code, output, error = module.run_command(
        [*command, "describe", "--replication"],
        environ_update={
            "JAVA_HOME": options["java_home"],
            "KAFKA_HEAP_OPTS": "-Xmx128m",
            "LOG_DIR": module.tmpdir,
        },
    )
    if code:
        line = (error or output).strip().splitlines() or ["no message"]
        raise kafka_client.ClientError(
            f"{kafka_health.SHOW_QUORUM} failed: {line[0]}"
        )
    return kafka_health.parse_quorum(output)


def read_state(admin, nodes):
    return {
        "expected": nodes,
        "answering": answering(admin, nodes),
        "partitions": read_partitions(admin),
        "quorum": None,
    }


def wait_until(module, admin, judge):
    """Ask until judge finds nothing; a ClientError with what it found."""
    end = time.monotonic() + module.params["wait"]
    while True:
        try:
            state = read_state(admin, module.params["nodes"])
            found = judge(state)
            if not found:
                # Last, because it starts a JVM.
                state["quorum"] = read_quorum(module)
                found = judge(state)
        except kafka_client.KafkaException as error:
            state = None
            found = [
                f"No broker answers at {module.params['bootstrap_servers']}: "
                f"{kafka_client.sentence(error)}."
            ]
        except kafka_client.ClientError as error:
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
    while not answering(admin, [node]):
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
    if len(module.params["nodes"]) == 1:
        restart(module)
        wait_for_answer(admin, node, module.params["wait"])
        return {"seconds": round(time.monotonic() - begin, 1)}
    try:
        state = wait_until(
            module, admin, lambda state: kafka_health.problems(state, node)
        )
    except kafka_client.ClientError as error:
        raise kafka_client.ClientError(
            f"Node {node} is not restarted, because the others must be well "
            f"first. {error}"
        ) from error
    alone = len(kafka_health.alone_on(state["partitions"], node))
    begin = time.monotonic()
    restart(module)
    try:
        wait_until(
            module,
            admin,
            lambda state: (
                kafka_health.not_back(state, node)
                + kafka_health.problems(state)
            ),
        )
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
            "node_id": {"type": "int", "required": True},
            "nodes": {"type": "list", "elements": "int", "required": True},
            "service": {"type": "str", "required": True},
            "starter": {"type": "path", "required": True},
            "home": {"type": "path", "required": True},
            "java_home": {"type": "path", "required": True},
            "command_config_file": {"type": "path", "default": ""},
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
