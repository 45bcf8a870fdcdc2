#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Tell which addresses a host does not have."""

DOCUMENTATION = r"""
module: address_info
short_description: Tell which addresses a host does not have
version_added: "0.1.0"
description:
  - Tries to listen on each address, and needs no program such as ip on the
    host.
options:
  addresses:
    description:
      - IPv4 and IPv6 addresses, without brackets.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: See whether a program can listen there
  kafka_bus.openstack.address_info:
    addresses: [192.0.2.10]
"""

RETURN = r"""
absent:
  description: Those on which nothing can listen, or that are no addresses.
  returned: always
  type: list
  elements: str
"""

import ipaddress

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_listening,
)


def is_absent(address):
    # A name, and 127.1, would be found as well.
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return True
    # Any port that is free.
    return kafka_listening.bind_error(address, 0) != 0


def main():
    module = AnsibleModule(
        argument_spec={
            "addresses": {"type": "list", "elements": "str", "required": True}
        },
        supports_check_mode=True,
    )
    module.exit_json(
        changed=False,
        absent=[
            address
            for address in module.params["addresses"]
            if is_absent(address)
        ],
    )


if __name__ == "__main__":
    main()
