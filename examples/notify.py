#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Send notifications with plain oslo.messaging.

notify.py kafka-driver://127.0.0.1:9092/ 3

Nothing here knows which driver carries the messages: with kafka:// the same
program uses oslo.messaging's own one, and both read what the other wrote.
"""

import argparse

import oslo_messaging
from oslo_config import cfg


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Send notifications of a made-up virtual machine."
    )
    parser.add_argument("url", help="for example kafka-driver://host:9092/")
    parser.add_argument("count", type=int, nargs="?", default=1)
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
    notifier = oslo_messaging.Notifier(
        transport,
        publisher_id="compute.host1",
        driver="messagingv2",
        topics=["notifications"],
    )
    for number in range(arguments.count):
        payload = {"name": f"vm{number}", "state": "active"}
        notifier.info({}, "compute.instance.create.end", payload)
        print(f"sent {payload['name']}", flush=True)
    # Waits until what is still under way has arrived.
    transport.cleanup()


if __name__ == "__main__":
    main()
