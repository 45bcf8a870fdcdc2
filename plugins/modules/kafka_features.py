#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: finalise the features of a Kafka version."""

DOCUMENTATION = r"""
module: kafka_features
short_description: Finalise the features of a Kafka version
version_added: "0.1.0"
description:
  - Raises the cluster's feature levels to those of a version. After that no
    node can go back to an older version.
  - Decides from what the cluster says about itself, because Kafka's own tool
    says "upgraded" also where nothing was to do. Never touches
    C(kraft.version), which would turn a static quorum into a dynamic one.
extends_documentation_fragment: [kafka_bus.openstack.kafka_tool]
options:
  bootstrap_servers:
    description: Brokers, C(HOST:PORT) with commas between.
    type: str
    required: true
  release:
    description: Kafka version whose features are wanted, such as C(4.3.1).
    type: str
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Finalise what all nodes can do
  kafka_bus.openstack.kafka_features:
    bootstrap_servers: kafka1.example.org:9092
    command_config_file: /etc/kafka/admin.properties
    release: 4.3.1
    home: /opt/kafka/current
    java_home: /usr/lib/jvm/default-java
"""

RETURN = r"""
raised:
  description: Features that were raised now, with their new levels.
  returned: success
  type: dict
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_tool,
)

#: Raising it makes a static quorum dynamic, which nobody asked for here.
LEFT_ALONE = {"kraft.version"}


def parse_mapping(text):
    """{feature: (level, name)} of a release, from "version-mapping"."""
    found = {}
    for line in text.splitlines():
        match = re.match(r"([a-z.]+)=(\d+)(?: \((\S+)\))?\s*$", line)
        if match:
            name, level, title = match.groups()
            found[name] = (level, title or level)
    return found


def parse_levels(text):
    """{feature: (finalised, supported)} from "describe"."""
    pattern = (
        r"Feature: (\S+)\s+SupportedMinVersion: \S+\s+"
        r"SupportedMaxVersion: (\S+)\s+FinalizedVersionLevel: (\S+)"
    )
    return {
        name: (finalised, supported)
        for name, supported, finalised in re.findall(pattern, text)
    }


def number(level):
    """Numbers of a level: 4.3-IV0 comes after 4.1-IV1."""
    return tuple(int(part) for part in re.findall(r"\d+", level))


def same_or_newer(finalised, wanted):
    """Compare as far as both say: 4.3-IV0 is the level of 4.3."""
    have, want = number(finalised), number(wanted)
    return have[: len(want)] >= want


def plan(mapping, levels):
    """{feature: level} that have to be raised."""
    raised = {}
    for name in sorted(set(mapping) & set(levels) - LEFT_ALONE):
        level, title = mapping[name]
        finalised, _supported = levels[name]
        if not same_or_newer(finalised, title):
            raised[name] = (level, title)
    return raised


def tool(module, *words):
    return kafka_tool.run(module, "kafka-features", *words)


def lines(levels):
    return "".join(f"{name}: {levels[name]}\n" for name in sorted(levels))


def main():
    module = AnsibleModule(
        argument_spec={
            "bootstrap_servers": {"type": "str", "required": True},
            "release": {"type": "str", "required": True},
            **kafka_tool.ARGUMENTS,
        },
        supports_check_mode=True,
    )
    release = ".".join(module.params["release"].split(".")[:2])
    try:
        mapping = parse_mapping(
            tool(module, "version-mapping", "--release-version", release)
        )
        levels = parse_levels(tool(module, "describe"))
        if not mapping or not levels:
            raise kafka_tool.ToolError(
                f"kafka-features.sh has not told the features of {release}"
            )
        raised = plan(mapping, levels)
        if raised and not module.check_mode:
            words = [
                word
                for name, (level, _title) in raised.items()
                for word in ("--feature", f"{name}={level}")
            ]
            tool(module, "upgrade", *words)
            left = plan(mapping, parse_levels(tool(module, "describe")))
            if left:
                raise kafka_tool.ToolError(
                    f"{', '.join(left)} could not be raised: look with "
                    "kafka-features.sh describe"
                )
    except kafka_tool.ToolError as error:
        module.fail_json(msg=f"{error}.")
    new = {name: title for name, (_level, title) in raised.items()}
    module.exit_json(
        changed=bool(raised),
        raised=new,
        diff={
            "before": lines({name: levels[name][0] for name in raised}),
            "after": lines(new),
        },
    )


if __name__ == "__main__":
    main()
