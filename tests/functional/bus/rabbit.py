# SPDX-License-Identifier: Apache-2.0
"""The distribution's RabbitMQ as a private node in one directory."""

import os
from pathlib import Path

from . import process

# Not the one on PATH: that changes to the user of the system's broker.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class RabbitBroker:
    """A node with its own name, cookie, port mapper and data.

    :param directory: where it keeps everything.
    """

    def __init__(self, directory: Path) -> None:
        self.port = process.free_port()
        self.url = f"rabbit://guest:guest@127.0.0.1:{self.port}/"
        mapper_port = process.free_port()
        environment = {
            **os.environ,
            "HOME": str(directory),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper_port),
            "RABBITMQ_NODENAME": f"test-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(process.free_port()),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
        }
        # Started here, for a node would leave one behind.
        self._mapper = process.Server(
            ["epmd"],
            environment,
            directory / "epmd.log",
            lambda: process.answers(mapper_port),
        )
        self._server = process.Server(
            [str(SERVER)],
            environment,
            directory / "output.log",
            lambda: process.answers(self.port),
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._mapper.start(10)
        try:
            self._server.start()
        except (OSError, RuntimeError):
            self._mapper.stop()
            raise

    def stop(self) -> None:
        """End it."""
        self._server.stop()
        self._mapper.stop()
