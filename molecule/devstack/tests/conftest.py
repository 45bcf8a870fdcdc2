# SPDX-License-Identifier: Apache-2.0
"""Stack, unstack and clean with the stand-in for DevStack's functions."""

import json
import re
import shlex

import pytest

PLUGIN = "/opt/stack/plugin"

# Sends with nothing but what a service has: its Python and its file.
SEND = """
import sys
import oslo_messaging
from oslo_config import cfg
conf = cfg.ConfigOpts()
conf(["--config-file", sys.argv[1]])
transport = oslo_messaging.get_notification_transport(conf)
notifier = oslo_messaging.Notifier(transport, publisher_id="test")
for number in range(int(sys.argv[2])):
    notifier.info({}, "plugin.tested", {"number": number})
transport.cleanup()
"""

# A topic's ends do not have to be waited for.
COUNT = """
import json
import sys
from confluent_kafka import Consumer, TopicPartition
consumer = Consumer({"group.id": "count"} | json.loads(sys.argv[1]))
total = 0
for name, topic in consumer.list_topics(timeout=30).topics.items():
    if name.startswith("notifications."):
        for partition in topic.partitions:
            low, high = consumer.get_watermark_offsets(
                TopicPartition(name, partition), timeout=30
            )
            total += high - low
print(total)
"""


class DevStack:
    """The stand-in, run as the account that stacks."""

    def __init__(self, host):
        self.host = host
        self.settings = {}

    def run(self, script, **settings):
        """Run a script of DevStack; answers (code, output)."""
        given = {
            "STANDIN": "/opt/stack/standin",
            "STANDIN_MACHINE": "True",
            "DEST": "/opt/stack",
            "RABBIT_PASSWORD": "s3cr3t-rabbit",
            "KAFKA_CACHE_DIR": "/opt/stack/archives",
            "KAFKA_HEAP": "256m",
        }
        given |= self.settings | settings
        words = [f"{name}={value}" for name, value in given.items()]
        command = ["env", *words, f"{PLUGIN}/tests/devstack/run", script]
        done = self.host.run(
            "runuser --login stack --command %s", shlex.join(command)
        )
        output = done.stdout + done.stderr
        for line in re.findall(r"^Kafka plugin: .*", output, re.MULTILINE):
            print(f"{script} {settings or ''}: {line}")
        return done.rc, output

    def does(self, script, **settings):
        """Run a script that has to succeed; answers its output."""
        code, output = self.run(script, **settings)
        assert code == 0, output
        return output

    def send(self, service, number, python="/opt/stack/data/venv/bin/python"):
        """Send notifications as a service."""
        self.host.check_output(
            "%s -c %s /opt/stack/etc/%s.conf %s",
            python,
            SEND,
            service,
            str(number),
        )

    def events(self, number, timeout=60):
        """Wait for so many notifications from the beginning on."""
        said = self.host.check_output(
            "/opt/stack/data/venv/bin/kafka-driver tail --json"
            " --since beginning --count %s --timeout %s"
            " --config-file /opt/stack/etc/keystone.conf",
            str(number),
            str(timeout),
        )
        return [json.loads(line) for line in said.splitlines()]

    def count(self, **client):
        """Return how many records the topics of notifications hold."""
        return int(
            self.host.check_output(
                "/opt/stack/data/venv/bin/python -c %s %s",
                COUNT,
                json.dumps({"bootstrap.servers": "127.0.0.1:9092"} | client),
            )
        )

    def broker(self):
        """Return the number of the broker's process; 0 if there is none."""
        return int(
            self.host.check_output(
                "systemctl show --property=MainPID --value devstack@kafka"
            )
        )


@pytest.fixture(scope="module")
def devstack(host):
    return DevStack(host)
