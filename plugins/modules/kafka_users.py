#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: have SCRAM accounts with the passwords that are declared."""

DOCUMENTATION = r"""
module: kafka_users
short_description: Have SCRAM accounts with the passwords that are declared
version_added: "0.1.0"
description:
  - Kafka tells nobody a password, so the module logs in with each one, and
    sets those that the brokers refuse.
  - Accounts that are not declared are left as they are.
extends_documentation_fragment: [kafka_bus.openstack.kafka_client]
options:
  users:
    description: The accounts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the account.
        type: str
        required: true
      password:
        description: Its password. Needed unless it shall be absent.
        type: str
      state:
        description: Whether the account shall be able to log in.
        type: str
        choices: [present, absent]
        default: present
  mechanism:
    description: How the brokers check the password.
    type: str
    choices: [SCRAM-SHA-256, SCRAM-SHA-512]
    default: SCRAM-SHA-512
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    description: Shows names, never passwords.
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Have the account of a service
  kafka_bus.openstack.kafka_users:
    bootstrap_servers: kafka1.example.org:9092
    client_config_file: /opt/kafka/admin-venv/client.json
    users:
      - name: nova
        password: "{{ vault_nova_kafka_password }}"
  vars:
    ansible_python_interpreter: /opt/kafka/admin-venv/bin/python
"""

RETURN = r"""
created:
  description: Accounts that were created now.
  returned: success
  type: list
  elements: str
changed_passwords:
  description: Accounts that got another password now.
  returned: success
  type: list
  elements: str
removed:
  description: Accounts that cannot log in any more.
  returned: success
  type: list
  elements: str
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_client,
)

SECONDS = 30
ITERATIONS = 8192


def read_accounts(admin, mechanism):
    """The names of the accounts that have a password of this kind."""
    answer = admin.describe_user_scram_credentials(request_timeout=SECONDS)
    return {
        name
        for name, found in answer.result().items()
        if any(
            info.mechanism == mechanism
            for info in found.scram_credential_infos
        )
    }


def can_log_in(bootstrap_servers, settings, user):
    """Whether the brokers take the password; a ClientError if none says."""
    errors = []
    client = kafka_client.connect(
        bootstrap_servers,
        {
            **settings,
            "sasl.username": user["name"],
            "sasl.password": user["password"],
            "error_cb": errors.append,
        },
    )
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        client.poll(0)
        if any(
            error.code() == kafka_client.KafkaError._AUTHENTICATION
            for error in errors
        ):
            return False
        try:
            client.list_topics(timeout=0.5)
            return True
        except kafka_client.KafkaException:
            continue
    raise kafka_client.ClientError(
        f"No broker at {bootstrap_servers} has answered to the login of "
        f"{user['name']} within {SECONDS} seconds"
    )


def plan(users, accounts, logs_in):
    """Decide, from what is there: a dict of lists of users."""
    todo = {"create": [], "change": [], "remove": []}
    for user in users:
        if user["state"] == "absent":
            todo["remove"] += [user] if user["name"] in accounts else []
        elif user["name"] not in accounts:
            todo["create"].append(user)
        elif not logs_in(user):
            todo["change"].append(user)
    return todo


def apply(admin, todo, mechanism):
    kafka = kafka_client.kafka_admin
    alterations = [
        kafka.UserScramCredentialUpsertion(
            user["name"],
            kafka.ScramCredentialInfo(mechanism, ITERATIONS),
            user["password"].encode(),
        )
        for user in todo["create"] + todo["change"]
    ] + [
        kafka.UserScramCredentialDeletion(user["name"], mechanism)
        for user in todo["remove"]
    ]
    if not alterations:
        return
    futures = admin.alter_user_scram_credentials(
        alterations, request_timeout=SECONDS
    )
    for name, future in futures.items():
        try:
            future.result()
        except kafka_client.KafkaException as error:
            raise kafka_client.ClientError(
                f"The account {name} could not be changed: "
                f"{kafka_client.sentence(error)}"
            ) from error


def names(users):
    return sorted(user["name"] for user in users)


def difference(todo):
    """The lines before and after, for Ansible's diff."""
    before = [f"{name}: another password" for name in names(todo["change"])]
    before += [f"{name}: present" for name in names(todo["remove"])]
    after = [f"{name}: the given password" for name in names(todo["change"])]
    after += [f"{name}: present" for name in names(todo["create"])]
    return {
        "before": "".join(line + "\n" for line in before),
        "after": "".join(line + "\n" for line in after),
    }


def main():
    module = AnsibleModule(
        argument_spec={
            **kafka_client.ARGUMENTS,
            "users": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {"type": "str", "no_log": True},
                    "state": {
                        "type": "str",
                        "choices": ["present", "absent"],
                        "default": "present",
                    },
                },
                "required_if": [("state", "present", ["password"])],
            },
            "mechanism": {
                "type": "str",
                "choices": ["SCRAM-SHA-256", "SCRAM-SHA-512"],
                "default": "SCRAM-SHA-512",
            },
        },
        supports_check_mode=True,
    )
    options = module.params
    admin = kafka_client.admin(module)
    mechanism = getattr(
        kafka_client.kafka_admin.ScramMechanism,
        options["mechanism"].replace("-", "_"),
    )
    try:
        settings = kafka_client.read_settings(options["client_config_file"])
        # Where nobody is asked for a password, nobody can tell whether one is
        # right: then it is set.
        asks = settings.get("security.protocol", "").startswith("SASL")
        todo = plan(
            options["users"],
            read_accounts(admin, mechanism),
            lambda user: (
                asks
                and can_log_in(
                    options["bootstrap_servers"],
                    {**settings, "sasl.mechanism": options["mechanism"]},
                    user,
                )
            ),
        )
        if not module.check_mode:
            apply(admin, todo, mechanism)
    except kafka_client.ClientError as error:
        module.fail_json(msg=f"{error}.")
    except kafka_client.KafkaException as error:
        module.fail_json(
            msg=f"The broker at {options['bootstrap_servers']} does not "
            f"answer: {kafka_client.sentence(error)}."
        )
    module.exit_json(
        changed=any(todo.values()),
        created=names(todo["create"]),
        changed_passwords=names(todo["change"]),
        removed=names(todo["remove"]),
        diff=difference(todo),
    )


if __name__ == "__main__":
    main()
