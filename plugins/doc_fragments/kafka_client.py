# SPDX-License-Identifier: Apache-2.0
"""Documentation of the arguments that every module with a client has."""


class ModuleDocFragment:
    """Options and requirements of module_utils/kafka_client.py."""

    DOCUMENTATION = r"""
requirements:
  - confluent-kafka
options:
  bootstrap_servers:
    description: Brokers, C(HOST:PORT) with commas between.
    type: str
    required: true
  client_config_file:
    description:
      - JSON file on the host with settings of librdkafka, such as
        C(security.protocol) and C(sasl.password). Secrets stay in it.
      - Without it the client neither encrypts nor says who it is.
    type: path
    default: ""
"""
