# SPDX-License-Identifier: Apache-2.0
"""A service that notifies the whole time, and counts what was confirmed."""

import json
import shlex
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .clusters import SERVICE, Cluster
from .figures import tell

PYTHON = SERVICE.replace("kafka-driver", "python")
FOLDER = "/root/load"

# Runs on the machine, until its file "stop" is there.
SENDER = """
import json, os, sys, time
import oslo_messaging
from oslo_config import cfg

folder, event = sys.argv[1:]
conf = cfg.ConfigOpts()
conf([], default_config_files=[folder + "/load.conf"],
     default_config_dirs=[])
transport = oslo_messaging.get_notification_transport(conf)
target = oslo_messaging.Target(topic="notifications.info")
confirmed, failed, slowest = [], [], 0.0
number = 0
while not os.path.exists(folder + "/stop"):
    began = time.monotonic()
    try:
        # Raises unless the brokers have it, as no service would see it.
        transport._send_notification(
            target, {}, {"payload": number, "priority": "INFO",
            "publisher_id": "load", "event_type": event}, 2.0, retry=20)
        confirmed.append(number)
        if not number:
            open(folder + "/begun", "w").close()
    except oslo_messaging.MessageDeliveryFailure as error:
        failed.append(str(error))
    slowest = max(slowest, time.monotonic() - began)
    number += 1
    time.sleep(0.02)
transport.cleanup()
with open(folder + "/result.part", "w") as result:
    json.dump({"confirmed": confirmed, "failed": failed,
               "slowest": slowest}, result)
os.rename(folder + "/result.part", folder + "/result")
"""


@dataclass
class Load:
    """What was sent while something else went on."""

    confirmed: list[int] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    received: list[int] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return len(set(self.confirmed) - set(self.received))

    @property
    def duplicated(self) -> int:
        return len(self.received) - len(set(self.received))

    def __str__(self) -> str:
        return (
            f"confirmed {len(self.confirmed)}, failed {len(self.failed)}, "
            f"received {len(self.received)}, lost {self.lost}, duplicated "
            f"{self.duplicated}, slowest send {self.slowest:.2f} s"
        )


def wait_for(bus: Cluster, name: str) -> None:
    """Wait until the sender has written a file."""
    bus.machine().check_output(
        "timeout 120 sh -c %s",
        f"until test -e {FOLDER}/{name}; do sleep 0.2; done",
    )


@contextmanager
def load(bus: Cluster) -> Iterator[Load]:
    """Send, confirmed, from the first broker; read back at the end."""
    one = bus.machine()
    # What an earlier load has sent is in the topic, too.
    event = f"load.{uuid.uuid4().hex}"
    one.check_output("mkdir --mode=0700 --parents %s", FOLDER)
    one.check_output("sh -c %s", f"rm -f {FOLDER}/*")
    for name, text in (
        ("load.conf", bus.settings("notifier")),
        ("sender.py", SENDER),
    ):
        one.check_output(
            "sh -c %s", f"printf %s {shlex.quote(text)} > {FOLDER}/{name}"
        )
    one.check_output(
        "sh -c %s",
        f"nohup {PYTHON} -W ignore {FOLDER}/sender.py {FOLDER} {event} "
        f"> {FOLDER}/log 2>&1 &",
    )
    wait_for(bus, "begun")
    counted = Load()
    try:
        yield counted
    finally:
        one.check_output("touch %s", f"{FOLDER}/stop")
    wait_for(bus, "result")
    result = json.loads(one.check_output("cat %s", f"{FOLDER}/result"))
    counted.confirmed = result["confirmed"]
    counted.failed = result["failed"]
    counted.slowest = result["slowest"]
    seen = bus.tail(bus.settings("listener"))
    assert seen.rc == 0, seen.stderr
    counted.received = [
        message["payload"]
        for message in (
            json.loads(line)["message"] for line in seen.stdout.splitlines()
        )
        if message["event_type"] == event
    ]
    tell(counted)
