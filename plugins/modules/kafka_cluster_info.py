#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: ask a Kafka cluster who it is."""

DOCUMENTATION = r"""
module: kafka_cluster_info
short_description: Ask a Kafka cluster who it is, waiting until it answers
version_added: "0.1.0"
description:
  - An answer to this call is what "ready" means. An open port is not.
extends_documentation_fragment: [kafka_bus.openstack.kafka_client]
options:
  wait:
    description: Seconds to wait for an answer. V(0) asks once.
    type: int
    default: 0
  node_id:
    description: Broker that must be part of the cluster.
    type: int
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Wait until the broker answers
  kafka_bus.openstack.kafka_cluster_info:
    bootstrap_servers: 127.0.0.1:9092
    wait: 60
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
cluster_id:
  description: Cluster id.
  returned: success
  type: str
brokers:
  description: The brokers, each with C(id), C(host) and C(port).
  returned: success
  type: list
  elements: dict
controller:
  description: Id of the broker that clients are told is the controller.
  returned: success
  type: int
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
)


def ask(admin):
    cluster = admin.describe_cluster(request_timeout=5).result()
    return {
        "cluster_id": cluster.cluster_id,
        "controller": cluster.controller.id if cluster.controller else -1,
        "brokers": [
            {"id": node.id, "host": node.host, "port": node.port}
            for node in sorted(cluster.nodes, key=lambda node: node.id)
        ],
    }


def wait_for(admin, seconds, node_id):
    """Ask until the answer is good; the last trouble is the error."""
    end = time.monotonic() + seconds
    while True:
        try:
            answer = ask(admin)
            ids = [broker["id"] for broker in answer["brokers"]]
            if node_id is None or node_id in ids:
                return answer
            trouble = f"node {node_id} is not in the cluster, {ids} are"
        except kafka_client.KafkaException as error:
            trouble = kafka_client.sentence(error)
        if time.monotonic() >= end:
            raise kafka_client.ClientError(trouble)
        time.sleep(0.3)


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_client.ARGUMENTS,
            "wait": {"type": "int", "default": 0},
            "node_id": {"type": "int"},
        },
        supports_check_mode=True,
    )
    options = module.params
    admin = kafka_client.admin(module)
    try:
        answer = wait_for(admin, options["wait"], options["node_id"])
    except kafka_client.ClientError as error:
        module.fail_json(
            msg=f"No Kafka broker answered at {options['bootstrap_servers']} "
            f"within {options['wait']} seconds ({error}): look at its log, "
            "or correct the address."
        )
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
