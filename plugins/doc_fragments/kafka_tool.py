# SPDX-License-Identifier: Apache-2.0
"""Documentation of the arguments that every module with a tool has."""


class ModuleDocFragment:
    """Options of module_utils/kafka_tool.py."""

    DOCUMENTATION = r"""
options:
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
"""
