# SPDX-License-Identifier: Apache-2.0
"""listener_info tells who really listens."""

import json
import os
import pwd
import socket

import ansible_module
import pytest


def run_module(**arguments):
    done = ansible_module.run("listener_info", **arguments)
    done.check_returncode()
    return json.loads(done.stdout)["listeners"]


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")],
)
def test_listener_is_found_with_address_account_and_process(family, address):
    try:
        server = socket.create_server((address, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {address}")
    with server:
        port = server.getsockname()[1]
        assert run_module(ports=[port]) == [
            {
                "port": port,
                "address": address,
                "account": pwd.getpwuid(os.geteuid()).pw_name,
                "pid": os.getpid(),
                "file": "",
            }
        ]


def test_port_that_nobody_listens_on_is_not_listed():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert run_module(ports=[port]) == []


def test_version_is_read_from_an_open_file(tmp_path):
    jar = tmp_path / "kafka-clients-4.3.1.jar"
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        jar.open("w", encoding="ascii"),
    ):
        found = run_module(
            ports=[server.getsockname()[1]],
            files=r"kafka-clients-([0-9.]+)[.]jar$",
        )
    assert [listener["file"] for listener in found] == ["4.3.1"]
