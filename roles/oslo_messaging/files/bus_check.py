#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Send one real RPC call and one real notification through a bus.

Run it with the Python interpreter of a service and with the service's
configuration; both messages take the way the service's messages take. What it
makes on the bus goes away with it: RPC uses a topic and an exchange of its
own, notifications are read with a pool of its own.

Exit code: 0 both messages came through, 1 one did not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import socket
import sys
import threading
import time
import uuid
import warnings
from urllib.parse import quote

# Libraries tell their own deprecations, not this program's.
warnings.simplefilter("ignore")

try:
    import oslo_messaging
    from oslo_config import cfg
except ImportError as error:
    sys.exit(
        f"{sys.executable} has no oslo.messaging ({error}): run this program "
        "with the service's interpreter."
    )

EVENT_TYPE = "kafka_bus.check"
CONNECT_SECONDS = 3
# A listener may not have its partitions yet when the first one is sent.
RESEND_SECONDS = 2
CLEANUP_SECONDS = 5


class CheckFailed(Exception):
    """One sentence: what does not work and where to look."""


class LastError(logging.Handler):
    """Remembers the last complaint of a library, which names the cause."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record):
        lines = record.getMessage().strip().splitlines()
        if lines:
            self.text = lines[0]


class Echo:
    """RPC endpoint: answers what it was told, and who it is."""

    def __init__(self, name):
        self.name = name

    def echo(self, ctxt, text):
        return {"text": text, "server": self.name}


class Inbox:
    """Notification endpoint: keeps the notifications of this check."""

    def __init__(self, check):
        self.check = check
        self.received = queue.Queue()

    def info(self, ctxt, publisher_id, event_type, payload, metadata):
        if event_type == EVENT_TYPE and payload.get("check") == self.check:
            self.received.put((time.monotonic(), payload))


def address(host, url):
    """Return (name, port) of a URL's host, with the transport's own port."""
    default = 5672 if url.transport.startswith("rabbit") else 9092
    return host.hostname or "localhost", host.port or default


def written(host, url):
    name, port = address(host, url)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def secrets_of(url):
    """List the ways in which a URL's passwords may be written."""
    passwords = {host.password for host in url.hosts if host.password}
    return passwords | {quote(password, safe="") for password in passwords}


def reachable(url, what):
    """Fail soon, and by name, when no host of a transport accepts."""
    reasons = []
    for host in url.hosts:
        try:
            connection = socket.create_connection(
                address(host, url), CONNECT_SECONDS
            )
            connection.close()
            return
        except OSError as error:
            reason = error.strerror or str(error)
            reasons.append(f"{written(host, url)} ({reason})")
    raise CheckFailed(
        f"No {what} host can be reached: {', '.join(reasons)}; start the "
        "broker there, or correct the URL."
    )


class BusCheck:
    def __init__(self, conf, timeout):
        self.conf = conf
        self.deadline = time.monotonic() + timeout
        self.timeout = timeout
        self.name = f"kafka-bus-check-{uuid.uuid4().hex[:12]}"
        self.cleanups = []
        self.secrets = set()
        self.stage = "read the configuration"

    def remaining(self):
        return max(0.1, self.deadline - time.monotonic())

    def clean_up(self):
        while self.cleanups:
            try:
                self.cleanups.pop()()
            except Exception:
                # The result stands; what is left ends with this process.
                logging.getLogger(__name__).debug("cleanup", exc_info=True)

    def rpc(self):
        """Call a server in this process; return what came back."""
        self.stage = "call over RPC"
        transport, url = self._transport(
            oslo_messaging.get_rpc_transport, "[DEFAULT] transport_url"
        )
        reachable(url, "RPC")
        target = oslo_messaging.Target(topic=self.name, server="server")
        server = oslo_messaging.get_rpc_server(
            transport, target, [Echo(self.name)], executor="threading"
        )
        server.start()
        self.cleanups += [server.wait, server.stop]
        client = oslo_messaging.get_rpc_client(
            transport,
            oslo_messaging.Target(topic=self.name),
            timeout=self.remaining(),
        )
        text = f"ping {uuid.uuid4().hex[:8]}"
        # The first call also opens connections: it is not the one measured.
        client.call({}, "echo", text=text)
        sent = time.monotonic()
        answer = client.call({}, "echo", text=text)
        taken = time.monotonic() - sent
        if answer != {"text": text, "server": self.name}:
            raise CheckFailed("The RPC call was answered by somebody else.")
        return {
            "transport": url.transport,
            "hosts": [written(host, url) for host in url.hosts],
            "topic": self.name,
            "sent": text,
            "received": answer["text"],
            "milliseconds": round(taken * 1000, 1),
        }

    def notification(self):
        """Send a notification and read it; return what was read."""
        self.stage = "send a notification"
        transport, url = self._transport(
            oslo_messaging.get_notification_transport,
            "[oslo_messaging_notifications] transport_url",
        )
        reachable(url, "notification")
        notifier = oslo_messaging.Notifier(transport, publisher_id=self.name)
        options = self.conf.oslo_messaging_notifications
        if not {"messaging", "messagingv2"} & set(options.driver):
            raise CheckFailed(
                "[oslo_messaging_notifications] driver is "
                f"{', '.join(options.driver) or 'empty'}, so nothing is "
                "sent: write messagingv2."
            )
        topic, pool = options.topics[0], self.name
        if url.transport.startswith("rabbit"):
            # There a pool would leave a queue that fills for ever.
            topic, pool = self.name, None
            notifier = oslo_messaging.Notifier(
                transport, publisher_id=self.name, topics=[topic]
            )
        inbox = Inbox(self.name)
        listener = oslo_messaging.get_notification_listener(
            transport,
            [oslo_messaging.Target(topic=topic)],
            [inbox],
            executor="threading",
            pool=pool,
        )
        self.stage = "listen for notifications"
        listener.start()
        self.cleanups += [listener.wait, listener.stop]
        self.stage = "receive a notification"
        sent, received, arrived = self._until_received(notifier, inbox)
        taken = arrived - sent[received["try"]]
        return {
            "transport": url.transport,
            "hosts": [written(host, url) for host in url.hosts],
            "topic": f"{topic}.info",
            "event_type": EVENT_TYPE,
            "sent": received["text"],
            "received": received["text"],
            "tries": len(sent),
            "milliseconds": round(taken * 1000, 1),
        }

    def _until_received(self, notifier, inbox):
        sent = []
        while True:
            payload = {
                "check": self.name,
                "try": len(sent),
                "text": f"notification {uuid.uuid4().hex[:8]}",
            }
            sent.append(time.monotonic())
            notifier.info({}, EVENT_TYPE, payload)
            try:
                arrived, received = inbox.received.get(timeout=RESEND_SECONDS)
                return sent, received, arrived
            except queue.Empty:
                continue

    def _transport(self, factory, option):
        """Make a transport from the configuration; return it and its URL."""
        try:
            # Registers the options that the next lines need.
            oslo_messaging.TransportURL.parse(self.conf)
            # RabbitMQ deletes an exchange of our own and its queues by
            # itself; one of the service's must not be declared otherwise.
            self.conf.set_override("control_exchange", self.name)
            transport = factory(self.conf)
            group = "oslo_messaging_notifications"
            given = (
                None if "DEFAULT" in option else self.conf[group].transport_url
            )
            url = oslo_messaging.TransportURL.parse(self.conf, given)
        except oslo_messaging.DriverLoadFailure as error:
            raise CheckFailed(
                f"The transport of {option} cannot be loaded ({error.ex}): "
                "install its driver beside the service, or correct the URL."
            ) from None
        except (ValueError, oslo_messaging.InvalidTransportURL):
            # Their text may hold a part of the password.
            raise CheckFailed(
                f"The URL in {option} cannot be read: percent-encode user "
                "and password in it."
            ) from None
        self.cleanups.append(transport.cleanup)
        self.secrets |= secrets_of(url)
        if "oslo_messaging_rabbit" in self.conf:
            self.conf.set_override(
                "amqp_auto_delete", True, group="oslo_messaging_rabbit"
            )
        return transport, url


def read_configuration(arguments):
    # Some releases of oslo.messaging register options on this object only.
    conf = cfg.CONF
    given = [f"--config-file={path}" for path in arguments.config_file]
    given += [f"--config-dir={path}" for path in arguments.config_dir]
    try:
        conf(given, project=arguments.project)
    except cfg.Error as error:
        raise CheckFailed(
            f"The configuration cannot be read: {error}"
        ) from None
    return conf


def human(result):
    """Write a result for people."""
    rpc, note = result["rpc"], result["notification"]
    return (
        f"RPC call      {rpc['milliseconds']:>8} ms  "
        f"{rpc['transport']} {','.join(rpc['hosts'])}\n"
        f'  sent "{rpc["sent"]}" to {rpc["topic"]}, '
        f'got "{rpc["received"]}" back\n'
        f"Notification  {note['milliseconds']:>8} ms  "
        f"{note['transport']} {','.join(note['hosts'])}\n"
        f'  sent {note["event_type"]} "{note["sent"]}" to '
        f'{note["topic"]}, read "{note["received"]}" from it'
    )


def perform(check, result):
    """Do both checks; leave what came out in result."""
    try:
        result["rpc"] = check.rpc()
        result["notification"] = check.notification()
    except CheckFailed as error:
        result["error"] = str(error)
    except Exception as error:
        lines = str(error).strip().splitlines()
        cause = lines[0] if lines else type(error).__name__
        result["error"] = f"Could not {check.stage}: {cause}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0]
    )
    parser.add_argument("--config-file", action="append", default=[])
    parser.add_argument("--config-dir", action="append", default=[])
    parser.add_argument("--project", help="read what this project reads")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--timeout", type=float, default=60, help="seconds (default: 60)"
    )
    arguments = parser.parse_args()
    if not (
        arguments.config_file or arguments.config_dir or arguments.project
    ):
        parser.error("give --config-file, --config-dir or --project")

    complaints = LastError()
    logging.getLogger().addHandler(complaints)
    result = {"rpc": None, "notification": None, "error": ""}
    check = None
    try:
        check = BusCheck(read_configuration(arguments), arguments.timeout)
        worker = threading.Thread(
            target=perform, args=(check, result), daemon=True
        )
        worker.start()
        worker.join(arguments.timeout)
        if worker.is_alive():
            cause = complaints.text or "no answer"
            result["error"] = (
                f"Could not {check.stage} within {arguments.timeout:g} "
                f"seconds: {cause}"
            )
        else:
            cleaner = threading.Thread(target=check.clean_up, daemon=True)
            cleaner.start()
            cleaner.join(CLEANUP_SECONDS)
    except CheckFailed as error:
        result["error"] = str(error)

    result["ok"] = not result["error"]
    text = json.dumps(result) if arguments.json else human_or_error(result)
    for secret in check.secrets if check else ():
        text = text.replace(secret, "***")
    print(
        text, file=sys.stdout if arguments.json or result["ok"] else sys.stderr
    )
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: a client that hangs must not keep this process.
    os._exit(0 if result["ok"] else 1)


def human_or_error(result):
    return human(result) if result["ok"] else f"bus_check: {result['error']}"


if __name__ == "__main__":
    main()
