# SPDX-License-Identifier: Apache-2.0
"""A broker installed by the kafka role, without root, in one directory."""

import grp
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from . import process

CHECKOUT = Path(__file__).resolve().parents[3]


class KafkaBroker:
    """A single node that tests stop, kill and start again.

    :param directory: where it is installed and keeps its data.
    :param address: where it listens.
    """

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        self.directory = directory
        self.address = address
        self.port = process.free_port()
        self.controller_port = process.free_port()
        host = f"[{address}]" if ":" in address else address
        self.bootstrap = f"{host}:{self.port}"
        self.url = f"kafka-driver://{self.bootstrap}/"
        self.home = directory / "opt" / "current"
        self.data_dir = directory / "data"
        #: Settings of a client beside where the broker is.
        self.client: dict[str, Any] = {}
        self._server = process.Server(
            [str(directory / "opt" / "kafka-service"), "start"],
            os.environ,
            directory / "output.log",
            self._ready,
        )

    def install(self, **more: Any) -> None:
        """Let the role install, configure and format it.

        :param more: variables of the role; with provision=True the topics,
            accounts and rules are made as well, by the broker that runs.
        """
        settings = self.directory / "settings.json"
        settings.write_text(
            json.dumps(
                {
                    "ansible_python_interpreter": sys.executable,
                    "caller_group": grp.getgrgid(os.getgid()).gr_name,
                    "controller_port": self.controller_port,
                    "directory": str(self.directory),
                    "kafka_listen_address": self.address,
                    "port": self.port,
                    **more,
                }
            )
        )
        done = subprocess.run(
            [
                "ansible-playbook",
                "--inventory=localhost,",
                f"--extra-vars=@{settings}",
                str(Path(__file__).with_name("kafka.yml")),
            ],
            cwd=self.directory,
            env={
                # Measuring the driver's coverage would slow the role down.
                **{
                    name: value
                    for name, value in os.environ.items()
                    if not name.startswith("COVERAGE_")
                },
                "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(
                "the kafka role failed:\n"
                + (done.stdout + done.stderr)[-6000:]
            )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._server.start()

    def stop(self) -> int:
        """Ask it to end cleanly; return its exit code."""
        return self._server.stop()

    def kill(self) -> int:
        """End it at once."""
        return self._server.kill()

    def _ready(self) -> bool:
        if not process.answers(self.port, self.address):
            return False
        admin = AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "log_level": 0,
                **self.client,
            }
        )
        try:
            return len(admin.list_topics(timeout=2).brokers) == 1
        except KafkaException:
            return False
