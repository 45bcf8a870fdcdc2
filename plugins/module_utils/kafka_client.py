# SPDX-License-Identifier: Apache-2.0
"""What our modules share when they talk to a broker."""

import traceback

from ansible.module_utils.basic import missing_required_lib

try:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

    class KafkaException(Exception):  # confluent-kafka's name
        """Stands in for confluent-kafka's, so that "except" compiles."""

else:
    IMPORT_ERROR = None

__all__ = ["ClientError", "KafkaException", "NewTopic", "admin", "sentence"]


class ClientError(Exception):
    """A broker gave no or a bad answer."""


def admin(module, bootstrap_servers):
    """An AdminClient; fails the module where confluent-kafka is missing."""
    if IMPORT_ERROR:
        module.fail_json(
            msg=missing_required_lib("confluent-kafka"),
            exception=IMPORT_ERROR,
        )
    return AdminClient(
        {
            "bootstrap.servers": bootstrap_servers,
            "client.id": "kafka-bus-ansible",
            # A broker that is starting must be tried again soon.
            "reconnect.backoff.max.ms": 500,
            # What goes wrong is in the exceptions; librdkafka would print.
            "log_level": 0,
        }
    )


def sentence(error):
    """The words of a KafkaException, without its code."""
    cause = error.args[0] if error.args else error
    return cause.str() if hasattr(cause, "str") else str(cause)
