# SPDX-License-Identifier: Apache-2.0
"""A process that sends or receives until it is killed.

    worker.py send|receive DIRECTORY URL TOPIC OPTIONS-AS-JSON PAUSE

Each number that was confirmed, or that an endpoint got, is written at once:
a pipe keeps it whatever becomes of the process.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import oslo_messaging

from faults import load


def write(number: int) -> None:
    os.write(1, b"%d\n" % number)


class Endpoint:
    def info(self, _c: Any, _p: Any, _e: Any, payload: int, _m: Any) -> None:
        write(payload)
        time.sleep(0.002)


def send(transport: Any, topic: str, pause: float) -> None:
    """Eight threads, with numbers of their own.

    :param pause: seconds that each of them waits between two
    """

    def run(first: int) -> None:
        for number in range(first, 1 << 31, 8):
            transport._driver.send_notification(
                oslo_messaging.Target(topic=f"{topic}.info"),
                {},
                {"payload": number, "priority": "INFO"},
                2.0,
            )
            write(number)
            time.sleep(pause)

    threads = [
        threading.Thread(target=run, args=(number,)) for number in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def receive(transport: Any, topic: str, _pause: float) -> None:
    server = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(topic=topic)],
        [Endpoint()],
        executor="threading",
    )
    server.start()
    server.wait()


if __name__ == "__main__":
    what, directory, url, topic, options, pause = sys.argv[1:]
    made = load.transport(Path(directory), url, **json.loads(options))
    {"send": send, "receive": receive}[what](made, topic, float(pause))
