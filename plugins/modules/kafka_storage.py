#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: format the directories of a Kafka node, once."""

DOCUMENTATION = r"""
module: kafka_storage
short_description: Format the directories of a Kafka node once
version_added: "0.1.0"
description:
  - A node without any formatted directory is formatted.
  - A new empty directory of a formatted node is formatted with the cluster id
    that the others hold; Kafka would not start without.
  - A cluster id or node id that differs is an error. Nothing is ever formatted
    again.
options:
  data_dirs:
    description: The node's C(log.dirs). The first one holds the metadata.
    type: list
    elements: path
    required: true
  cluster_id:
    description: Cluster id. Empty takes the recorded one, or invents one.
    type: str
    default: ""
  node_id:
    description: The node's C(node.id).
    type: int
    required: true
  config_file:
    description: The node's C(server.properties).
    type: path
    required: true
  home:
    description: Directory with Kafka's C(bin/).
    type: path
    required: true
  java_home:
    description: Java to run the tool with.
    type: path
    required: true
  user:
    description: Account that shall own the files, when this runs as root.
    type: str
    required: true
  group:
    description: Its group.
    type: str
    required: true
  quorum:
    description:
      - How a new node comes to its controllers. V(standalone) is a cluster of
        its own, V(initial) one of O(initial_controllers), V(join) learns them
        from a cluster that is there, V(static) reads them in its settings.
    type: str
    choices: [standalone, initial, join, static]
    default: standalone
  initial_controllers:
    description:
      - First voters of a cluster, C(ID@HOST:PORT:DIRECTORY_ID) with commas
        between, for V(initial).
    type: str
    default: ""
  directory_id:
    description: >-
      Id of the metadata directory among O(initial_controllers). One that
      differs is an error.
    type: str
    default: ""
  note:
    description:
      - File outside the directories that remembers that the node was
        formatted. A controller that has lost its vote must not get another,
        so an empty metadata directory is an error where this file is.
    type: path
  scram_users:
    description: Accounts that a new cluster is born with.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {type: str, required: true, description: Name.}
      password: {type: str, required: true, description: Password.}
      mechanism:
        description: How the brokers check the password.
        type: str
        choices: [SCRAM-SHA-256, SCRAM-SHA-512]
        required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Format the data directories
  kafka_bus.openstack.kafka_storage:
    data_dirs: [/var/lib/kafka/data]
    node_id: 1
    config_file: /etc/kafka/server.properties
    home: /opt/kafka/current
    java_home: /usr/lib/jvm/default-java
    user: kafka
    group: kafka
"""

RETURN = r"""
cluster_id:
  description: The cluster id of the node. Empty in check mode when unknown.
  returned: success
  type: str
formatted:
  description: Directories that were formatted now.
  returned: success
  type: list
  elements: str
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import uuid

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_properties,
)

#: How often a password is hashed; Kafka takes 4096 to 16384.
ITERATIONS = 8192

#: What may be in a directory that is not formatted: a file system's own, and
#: what an interrupted formatting leaves.
HARMLESS = {"lost+found", "bootstrap.checkpoint", "__cluster_metadata-0"}

#: A partition's directory; Kafka renames those that it deletes.
PARTITION = re.compile(r"[A-Za-z0-9._-]+-[0-9]+$")


class StorageError(Exception):
    """The directories are not as they must be; the message says how."""


def invent_cluster_id():
    """A random id as Kafka writes it; a leading "-" would look an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()
        if not text.startswith("-"):
            return text.rstrip("=")


def read_meta(directory):
    """The meta.properties of a directory; None where it is not formatted."""
    try:
        with open(os.path.join(directory, "meta.properties")) as source:
            return kafka_properties.parse(source.read())
    except FileNotFoundError:
        return None


def list_directory(directory):
    return os.listdir(directory) if os.path.isdir(directory) else []


def check_meta(directory, meta, cluster_id, node_id):
    if "node.id" not in meta:
        raise StorageError(
            f"{directory} belongs to a ZooKeeper-mode broker: set "
            "kafka_data_dirs to other directories"
        )
    if meta["node.id"] != str(node_id):
        raise StorageError(
            f"{directory} belongs to node {meta['node.id']}, and this is "
            f"node {node_id}: set kafka_node_id to {meta['node.id']} (in a "
            "cluster the id in kafka_nodes), or kafka_data_dirs to "
            "directories of its own, since no two nodes share one"
        )
    if cluster_id and meta.get("cluster.id") != cluster_id:
        raise StorageError(
            f"{directory} belongs to the cluster {meta.get('cluster.id')}, "
            f"not to {cluster_id}: correct kafka_cluster_id or "
            "kafka_data_dirs; a directory with data is never formatted again"
        )


def plan(directories, metas, contents, cluster_id, node_id):
    """Decide, from what is there: (cluster id, directories to format)."""
    known = cluster_id
    for directory in directories:
        if metas[directory] is not None:
            check_meta(directory, metas[directory], known, node_id)
            known = metas[directory]["cluster.id"]
    new = [directory for directory in directories if metas[directory] is None]
    if new and new != directories and new[0] == directories[0]:
        raise StorageError(
            f"{new[0]}, the first of kafka_data_dirs, holds no metadata "
            "although the node is formatted: put its disk back, or keep the "
            "order of kafka_data_dirs"
        )
    for directory in new:
        found = set(contents[directory]) - HARMLESS
        if found:
            raise StorageError(
                f"{directory} is not a Kafka directory but holds "
                f"{min(found)}: set kafka_data_dirs to an empty one"
            )
    return known, new


def check_directory_id(directory, meta, directory_id):
    found = meta.get("directory.id", "")
    if directory_id and found and found != directory_id:
        raise StorageError(
            f"{directory} has the directory id {found}, and kafka_nodes says "
            f"{directory_id}: correct kafka_nodes, or kafka_data_dirs"
        )


def check_emptied(directory, meta, note):
    """Whether a controller has lost what it promised to the others."""
    if meta is None and note and os.path.exists(note):
        raise StorageError(
            f"{directory} is empty, and it was formatted before: put its disk "
            "back; if that is lost, run playbooks/remove_node.yml for this "
            "node, and then playbooks/add_node.yml"
        )


def check_left_out(config, directories):
    """Whether a directory with partitions is no longer named.

    config is the file that the broker was last told its directories in.
    """
    if not os.path.exists(config):
        return
    with open(config) as source:
        named = kafka_properties.parse(source.read()).get("log.dirs", "")
    # One directory may be written in several ways.
    places = set(map(os.path.realpath, directories))
    for directory in filter(None, named.split(",")):
        held = [
            entry
            for entry in list_directory(directory)
            if PARTITION.match(entry) and entry not in HARMLESS
        ]
        if held and os.path.realpath(directory) not in places:
            raise StorageError(
                f"{directory} holds {len(held)} partitions and is no longer "
                "in kafka_data_dirs: put it back, or move them to another "
                "directory first, with kafka-reassign-partitions.sh"
            )


def scram_argument(user):
    """An account as kafka-storage takes it, without its password.

    The salted form takes every password; Kafka's own parser stops at quotes.
    """
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac(
        user["mechanism"].replace("SCRAM-SHA-", "sha"),
        user["password"].encode(),
        salt,
        ITERATIONS,
    )
    return '{}=[name="{}",iterations={},salt="{}",saltedpassword="{}"]'.format(
        user["mechanism"],
        user["name"],
        ITERATIONS,
        base64.b64encode(salt).decode(),
        base64.b64encode(salted).decode(),
    )


def format_command(options, cluster_id, first_time):
    command = [
        os.path.join(options["home"], "bin", "kafka-storage.sh"),
        "format",
        # With "=": an id may begin with a dash.
        "--cluster-id=" + cluster_id,
        "--config=" + options["config_file"],
    ]
    voters = {
        "standalone": ["--standalone"],
        "initial": ["--initial-controllers=" + options["initial_controllers"]],
        "join": ["--no-initial-controllers"],
        # Kafka takes no word on voters that are in the settings.
        "static": [],
    }
    if first_time:
        return command + voters[options["quorum"]]
    again = "static" if options["quorum"] == "static" else "join"
    return [*command, "--ignore-formatted", *voters[again]]


def run_format(options, cluster_id, first_time):
    """Format; what it is told of accounts is in a file, not in arguments."""
    command = format_command(options, cluster_id, first_time)
    joins = not first_time or options["quorum"] == "join"
    if joins or not options["scram_users"]:
        run_tool(options, command)
        return
    with tempfile.NamedTemporaryFile("w", prefix="kafka-format-") as extra:
        for user in options["scram_users"]:
            extra.write(f"--add-scram\n{scram_argument(user)}\n")
        extra.flush()
        if os.geteuid() == 0:
            shutil.chown(extra.name, options["user"], options["group"])
        run_tool(options, [*command, "@" + extra.name])


def run_tool(options, command):
    # Not the broker's environment: its heap and its log files are its own.
    environment = {
        "JAVA_HOME": options["java_home"],
        "KAFKA_HEAP_OPTS": "-Xmx128m",
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }
    account = {}
    if os.geteuid() == 0:
        account = {
            "user": options["user"],
            "group": options["group"],
            "extra_groups": [],
        }
    done = subprocess.run(
        command,
        check=False,
        cwd="/",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **account,
    )
    if done.returncode:
        lines = done.stdout.strip().splitlines() or ["no message"]
        raise StorageError(f"kafka-storage refused: {lines[0]}")


def write_note(path, cluster_id):
    if not os.path.exists(path):
        with open(path, "w") as note:
            note.write(cluster_id + "\n")


def main():
    module = AnsibleModule(
        argument_spec={
            "data_dirs": {
                "type": "list",
                "elements": "path",
                "required": True,
            },
            "cluster_id": {"type": "str", "default": ""},
            "node_id": {"type": "int", "required": True},
            "config_file": {"type": "path", "required": True},
            "home": {"type": "path", "required": True},
            "java_home": {"type": "path", "required": True},
            "user": {"type": "str", "required": True},
            "group": {"type": "str", "required": True},
            "quorum": {
                "type": "str",
                "choices": ["standalone", "initial", "join", "static"],
                "default": "standalone",
            },
            "initial_controllers": {"type": "str", "default": ""},
            "directory_id": {"type": "str", "default": ""},
            "note": {"type": "path"},
            "scram_users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "password": {
                        "type": "str",
                        "required": True,
                        "no_log": True,
                    },
                    "mechanism": {
                        "type": "str",
                        "choices": ["SCRAM-SHA-256", "SCRAM-SHA-512"],
                        "required": True,
                    },
                },
            },
        },
        supports_check_mode=True,
    )
    options = module.params
    directories = options["data_dirs"]
    try:
        metas = {path: read_meta(path) for path in directories}
        if metas[directories[0]]:
            check_directory_id(
                directories[0],
                metas[directories[0]],
                options["directory_id"],
            )
        check_emptied(directories[0], metas[directories[0]], options["note"])
        check_left_out(options["config_file"], directories)
        cluster_id, new = plan(
            directories,
            metas,
            {path: list_directory(path) for path in directories},
            options["cluster_id"],
            options["node_id"],
        )
        if new and not module.check_mode:
            cluster_id = cluster_id or invent_cluster_id()
            run_format(options, cluster_id, new == directories)
        if options["note"] and not module.check_mode:
            write_note(options["note"], cluster_id)
    except (StorageError, OSError) as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=bool(new), cluster_id=cluster_id, formatted=new)


if __name__ == "__main__":
    main()
