#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Read settings back the way an OpenStack service does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: oslo_settings
short_description: Check that a service reads its messaging settings as given
description:
  - Reads a service's configuration with oslo.config and compares settings of
    oslo.messaging with what they should be. Changes nothing.
  - Runs in the interpreter of the service; set C(ansible_python_interpreter).
options:
  arguments:
    description: Command line of the service, as far as oslo.config reads it.
    type: list
    elements: str
    default: []
  project:
    description: Name by which oslo.config finds files without arguments.
    type: str
    default: ""
  settings:
    description: The settings, a dictionary of options for each group.
    type: dict
    required: true
author:
  - kafka-bus contributors
"""

EXAMPLES = r"""
- name: Read the settings back as nova does
  kafka_bus.openstack.oslo_settings:
    arguments: [--config-file, /etc/nova/nova.conf]
    settings:
      oslo_messaging_notifications:
        driver: messagingv2
  vars:
    ansible_python_interpreter: /opt/nova/bin/python
"""

RETURN = r"""
differing:
  description: Names of the settings that the service reads differently.
  returned: always
  type: list
  elements: str
"""

from importlib import metadata

from ansible.module_utils.basic import AnsibleModule

# Packages that define options of the messaging groups.
_SOURCES = ("oslo.messaging", "kafka_driver")


def known_options():
    """Map (group, name) to the option, for everything installed here."""
    options = {}
    for point in metadata.entry_points(group="oslo.config.opts"):
        if point.name in _SOURCES:
            for group, entries in point.load()():
                for option in entries:
                    name = getattr(group, "name", group) or "DEFAULT"
                    options[(str(name), option.dest)] = option
    return options


def as_read(option, value):
    """Convert an expected value as oslo.config converts what it reads."""
    if isinstance(value, list):
        value = ",".join(str(item) for item in value)
    value = option.type(str(value))
    return [value] if option.multi else value


def differing(conf, settings, options):
    """Name the settings that are read differently, with the reason."""
    found = []
    for group, entries in settings.items():
        for name, value in entries.items():
            where = f"[{group}] {name}"
            option = options.get((group, name))
            if option is None:
                found.append(
                    where + " (the service's libraries know no such option)"
                )
                continue
            section = None if group == "DEFAULT" else group
            conf.register_opt(option, group=section)
            read = (conf[section] if section else conf)[name]
            if read != as_read(option, value):
                found.append(where)
    return found


def main():
    module = AnsibleModule(
        argument_spec={
            "arguments": {"type": "list", "elements": "str", "default": []},
            "project": {"type": "str", "default": ""},
            # Callers set no_log on the task: here it would blank the names of
            # options out of the messages as well.
            "settings": {"type": "dict", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        from oslo_config import cfg  # noqa: PLC0415

        options = known_options()
    except ImportError as error:
        module.fail_json(
            msg=f"The interpreter has no oslo.messaging ({error}): set "
            "oslo_messaging_python to the service's own interpreter, or "
            "oslo_messaging_verify to false.",
            differing=[],
        )
    conf = cfg.ConfigOpts()
    try:
        conf(
            module.params["arguments"],
            # Not prog as well: the same directory would be read twice.
            project=module.params["project"] or None,
        )
        found = differing(conf, module.params["settings"], options)
    except cfg.Error as error:
        module.fail_json(
            msg=f"The service could not read its configuration: {error}",
            differing=[],
        )
    if found:
        names = ", ".join(found)
        files = ", ".join(conf.config_file + conf.config_dir) or "no file"
        module.fail_json(
            msg="The service reads another value than was written for "
            f"{names}; it reads {files}: write the settings into a file that "
            "it reads last.",
            differing=found,
        )
    module.exit_json(changed=False, differing=[])


if __name__ == "__main__":
    main()
