# SPDX-License-Identifier: Apache-2.0
"""One RPC call, for ``kafka-driver doctor --rpc``.

Reads what to do from standard input and writes what came out to standard
output, both JSON.
"""

import json
import logging
import os
import sys
import threading
import time
import uuid
from typing import Any

import oslo_messaging
from oslo_config import cfg

from kafka_driver.cli import quoting
from kafka_driver.cli.doctor import findings


class _Endpoint:
    def echo(self, _ctxt: Any, text: str) -> str:
        return text


class _Last(logging.Handler):
    """Keeps the last complaint: it names the cause of a timeout."""

    text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()


def probe(order: dict[str, Any]) -> float:
    """Milliseconds of a call, in this process, over the transport."""
    # Some releases of oslo.messaging register options on this object only.
    conf = cfg.CONF
    conf(
        args=[],
        project="kafka-driver",
        default_config_files=order["files"],
        default_config_dirs=order["dirs"],
    )
    name = f"kafka-driver-doctor-{uuid.uuid4().hex[:12]}"
    oslo_messaging.TransportURL.parse(conf, order["url"])
    # An exchange and queues of our own, which go away by themselves.
    oslo_messaging.set_transport_defaults(name)
    transport = oslo_messaging.get_rpc_transport(conf, order["url"])
    conf.set_override("control_exchange", name)
    if "oslo_messaging_rabbit" in conf:
        conf.set_override(
            "amqp_auto_delete", True, group="oslo_messaging_rabbit"
        )
    server = oslo_messaging.get_rpc_server(
        transport,
        oslo_messaging.Target(topic=name, server="doctor"),
        [_Endpoint()],
        executor="threading",
    )
    server.start()
    client = oslo_messaging.get_rpc_client(
        transport,
        oslo_messaging.Target(topic=name),
        timeout=order["timeout"],
    )
    client.call({}, "echo", text=name)
    # The first call also connects: it is not the one that counts.
    begin = time.monotonic()
    client.call({}, "echo", text=name)
    taken = time.monotonic() - begin
    server.stop()
    server.wait()
    transport.cleanup()
    return taken * 1000


def main() -> None:
    order = json.load(sys.stdin)
    last = _Last(logging.WARNING)
    logging.getLogger().addHandler(last)
    answer: dict[str, Any] = {}

    def run() -> None:
        try:
            answer["milliseconds"] = probe(order)
        except Exception as exc:
            answer["error"] = f"{type(exc).__name__}: {exc}"

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    worker.join(2 * order["timeout"])
    if "milliseconds" not in answer:
        why = last.text or answer.get("error", "no answer in time")
        line = (why.strip().splitlines() or ["unknown"])[0]
        answer = {
            "error": findings.without(quoting.secrets(order["url"]), line)
        }
    print(json.dumps(answer), flush=True)
    # Threads of the transport may not keep this process.
    os._exit(0)


if __name__ == "__main__":
    main()
