#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Read notifications with plain oslo.messaging.

listen.py kafka-driver://127.0.0.1:9092/ --count 3

Listeners of one pool share the notifications; each pool gets them all.
"""

import argparse
import threading
from typing import Any

import oslo_messaging
from oslo_config import cfg


class Printer:
    """Has one method for each priority that it wants to hear of."""

    def __init__(self, count: int) -> None:
        self.left = count
        # The threading executor calls from several threads at once.
        self.lock = threading.Lock()
        self.done = threading.Event()

    def info(
        self,
        ctxt: dict[str, Any],
        publisher_id: str,
        event_type: str,
        payload: dict[str, Any],
        metadata: dict[str, Any],
    ) -> None:
        with self.lock:
            print(f"{publisher_id} {event_type} {payload}", flush=True)
            self.left -= 1
            if self.left == 0:
                self.done.set()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Print notifications until there were enough."
    )
    parser.add_argument("url", help="for example kafka-driver://host:9092/")
    parser.add_argument("--pool", default="example")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--timeout", type=float, help="seconds to wait")
    arguments = parser.parse_args()

    try:
        transport = oslo_messaging.get_notification_transport(
            cfg.ConfigOpts(), url=arguments.url
        )
    except (
        oslo_messaging.DriverLoadFailure,
        oslo_messaging.InvalidTransportURL,
    ) as error:
        parser.error(str(error))
    printer = Printer(arguments.count)
    listener = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(topic="notifications")],
        [printer],
        executor="threading",
        pool=arguments.pool,
    )
    with printer.lock:
        listener.start()
        print("listening", flush=True)
    enough = printer.done.wait(arguments.timeout)
    listener.stop()
    listener.wait()
    transport.cleanup()
    if not enough:
        raise SystemExit(f"{printer.left} notifications did not come.")


if __name__ == "__main__":
    main()
