# SPDX-License-Identifier: Apache-2.0
"""The rabbitmq role's files, without a server."""

from __future__ import annotations

import grp
import os
import stat
from pathlib import Path

from running import Ansible

SECRET = "hush-hush"  # noqa: S105


def test_passwords_in_the_configuration_are_for_the_server_alone(
    ansible: Ansible, tmp_path: Path
) -> None:
    folder = tmp_path / "rabbitmq"
    configure = {
        "include_role": {
            "name": "kafka_bus.openstack.rabbitmq",
            "tasks_from": "configure.yml",
        },
        "vars": {
            "__rabbitmq_config_dir": str(folder),
            "__rabbitmq_account": grp.getgrgid(os.getgid()).gr_name,
            "rabbitmq_properties": {"ssl_options.password": SECRET},
            "rabbitmq_record_file": "",
        },
    }
    # Nothing below /etc/systemd is the test's to write.
    elsewhere = {"set_fact": {"service_mgr": "none", "cacheable": True}}
    told = ""
    for arguments in (("--diff",), ("--check", "--diff"), ("--diff",)):
        done = ansible.play([elsewhere, configure], *arguments, "-vvv")
        assert done.returncode == 0, done.stdout + done.stderr
        told += done.stdout + done.stderr
        # What a next run would show as it was before.
        with (folder / "rabbitmq.conf").open("a", encoding="utf-8") as file:
            file.write("drifted = 1\n")
    assert SECRET not in told
    text = (folder / "rabbitmq.conf").read_text(encoding="utf-8")
    assert f"ssl_options.password = {SECRET}\n" in text
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o640, file
        assert file.stat().st_gid == os.getgid()
