# SPDX-License-Identifier: Apache-2.0
"""What our modules share when they talk to a broker."""

import json
import traceback

from ansible.module_utils.basic import missing_required_lib

try:
    from confluent_kafka import KafkaError, KafkaException, TopicCollection
    from confluent_kafka import admin as kafka_admin
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
    KafkaError = TopicCollection = kafka_admin = None

    class KafkaException(Exception):  # confluent-kafka's name
        """Stands in for confluent-kafka's, so that "except" compiles."""

else:
    IMPORT_ERROR = None

__all__ = [
    "ARGUMENTS",
    "ClientError",
    "KafkaError",
    "KafkaException",
    "TopicCollection",
    "admin",
    "connect",
    "kafka_admin",
    "read_topic_settings",
    "sentence",
]

#: Every module that asks a broker has these; doc_fragments/kafka_client.py
#: documents them.
ARGUMENTS = {
    "bootstrap_servers": {"type": "str", "required": True},
    "client_config_file": {"type": "path", "default": ""},
}


class ClientError(Exception):
    """A broker gave no or a bad answer."""


def read_settings(path):
    """The settings in a client_config_file; a ClientError if it is none."""
    if not path:
        return {}
    try:
        with open(path, encoding="utf-8") as source:
            settings = json.load(source)
    except OSError as error:
        raise ClientError(
            f"client_config_file {path} cannot be read: {error.strerror}"
        ) from error
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        # Not what is in it: that may be a password.
        raise ClientError(f"client_config_file {path} is no JSON dictionary")
    return settings


def connect(bootstrap_servers, settings):
    """An AdminClient, which has not talked to a broker yet."""
    return kafka_admin.AdminClient(
        {
            "bootstrap.servers": bootstrap_servers,
            "client.id": "kafka-bus-ansible",
            # A broker that is starting must be tried again soon.
            "reconnect.backoff.max.ms": 500,
            # What goes wrong is in the exceptions; librdkafka would print.
            "log_level": 0,
            **settings,
        }
    )


def admin(module):
    """An AdminClient for a module with ARGUMENTS, or the module's end."""
    if IMPORT_ERROR:
        module.fail_json(
            msg=missing_required_lib("confluent-kafka"),
            exception=IMPORT_ERROR,
        )
    try:
        return connect(
            module.params["bootstrap_servers"],
            read_settings(module.params["client_config_file"]),
        )
    except ClientError as error:
        module.fail_json(msg=f"{error}.")
    except KafkaException as error:
        module.fail_json(msg=f"{sentence(error)}.")


def read_topic_settings(admin_client, names, seconds):
    """{name: {setting: value}} of these topics, as they hold now."""
    if not names:
        return {}
    resource = kafka_admin.ConfigResource
    futures = admin_client.describe_configs(
        [resource(resource.Type.TOPIC, name) for name in names],
        request_timeout=seconds,
    )
    return {
        where.name: {
            key: entry.value for key, entry in future.result().items()
        }
        for where, future in futures.items()
    }


def sentence(error):
    """The words of a KafkaException, without its code."""
    cause = error.args[0] if error.args else error
    return cause.str() if hasattr(cause, "str") else str(cause)
