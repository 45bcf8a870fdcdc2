# SPDX-License-Identifier: Apache-2.0
"""The oslo_messaging role on a service's file, as any account may run it."""

from __future__ import annotations

import base64
import grp
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from running import Ansible

PASSWORD = "hush$hush@:%41"  # noqa: S105
SERVICE = "# Kept.\n[DEFAULT]\ndebug = true\n"


class Service:
    """A service's file, and the role that writes into it."""

    def __init__(self, ansible: Ansible, directory: Path) -> None:
        self.ansible = ansible
        self.file = directory / "nova.conf"
        self.variables: dict[str, Any] = {
            "oslo_messaging_config_file": str(self.file),
            "oslo_messaging_rpc_password": PASSWORD,
            "oslo_messaging_notify_transport": "kafka",
            "oslo_messaging_python": sys.executable,
            "oslo_messaging_record_file": "",
        }

    def apply(self, *arguments: str, **variables: Any) -> tuple[int, str]:
        """Run the role; return the number of changes and the output."""
        done = self.ansible.play(
            [{"import_role": {"name": "kafka_bus.openstack.oslo_messaging"}}],
            *arguments,
            variables={**self.variables, **variables},
        )
        output = done.stdout + done.stderr
        assert PASSWORD not in output
        assert "%24" not in output
        recap = re.search(r"changed=(\d+).*failed=(\d+)", output)
        assert recap, output
        if recap.group(2) != "0":
            return -1, output
        return int(recap.group(1)), output


@pytest.fixture
def service(ansible: Ansible, tmp_path: Path) -> Service:
    return Service(ansible, tmp_path)


def test_the_file_is_written_once_and_tells_no_secret(
    service: Service,
) -> None:
    service.file.write_text(SERVICE)
    service.file.chmod(0o600)
    before = service.apply("--check", "--diff", "-vvv")
    assert before[0] == 2, before[1]
    assert service.file.read_text() == SERVICE

    first = service.apply("--diff", "-vvv")
    # Its mode, and its text.
    assert first[0] == 2, first[1]
    text = service.file.read_text()
    assert text.startswith("# Kept.\n[DEFAULT]\ntransport_url = rabbit://")
    assert "debug = true\n" in text
    assert stat.S_IMODE(service.file.stat().st_mode) == 0o640
    (backup,) = service.file.parent.glob("nova.conf.*~")
    assert backup.read_text() == SERVICE

    again = service.apply("--diff", "-vvv")
    assert again[0] == 0, again[1]
    # Modules hand files on in this form.
    encoded = base64.b64encode(text.encode()).decode()
    assert encoded not in again[1]
    checked = service.apply("--check", "--diff")
    assert checked[0] == 0, checked[1]


def test_no_file_is_made_for_an_owner_that_is_not_there(
    service: Service,
) -> None:
    for arguments in ((), ("--check",)):
        changes, output = service.apply(
            *arguments, oslo_messaging_config_owner="no-one"
        )
        assert changes == -1
        assert "has no such user: correct it" in output
        assert not service.file.exists()


def test_a_file_that_cannot_be_given_away_holds_no_password(
    service: Service,
) -> None:
    changes, output = service.apply(
        oslo_messaging_config_owner=str(2**32)  # no number of an account
    )
    assert changes == -1, output
    assert service.file.read_text() == ""


def test_a_new_file_has_no_backup(service: Service) -> None:
    service.apply()
    assert list(service.file.parent.glob("nova.conf*")) == [service.file]


def test_a_link_stays_and_the_file_behind_it_is_written(
    service: Service,
) -> None:
    real = service.file.with_name("real.conf")
    real.write_text(SERVICE)
    real.chmod(0o640)
    service.file.symlink_to(real)
    for group in ("", grp.getgrgid(os.getgid()).gr_name):
        changes, output = service.apply(oslo_messaging_config_group=group)
        assert changes == (0 if group else 1), output
        assert service.file.is_symlink()
    assert "transport_url = rabbit://" in real.read_text()


def test_a_value_that_drifted_is_put_right(service: Service) -> None:
    service.apply()
    text = service.file.read_text()
    service.file.write_text(text.replace("messagingv2", "noop"))
    changes, output = service.apply()
    assert changes == 1, output
    assert service.file.read_text() == text


def test_an_option_that_nobody_knows_is_told(service: Service) -> None:
    changes, output = service.apply(oslo_messaging_kafka={"compresion": 1})
    assert changes == -1
    assert "[oslo_messaging_kafka] compresion" in output


def test_a_drop_in_that_the_service_does_not_read_is_told(
    service: Service, tmp_path: Path
) -> None:
    service.file.write_text(SERVICE)
    changes, output = service.apply(
        oslo_messaging_config_file="",
        oslo_messaging_drop_in_dir=str(tmp_path / "nova.conf.d"),
        oslo_messaging_service_arguments=["--config-file", str(service.file)],
    )
    assert changes == -1
    assert "reads another value than was written" in output
    assert service.file.read_text() == SERVICE


def test_a_drop_in_that_the_service_reads_is_verified(
    service: Service, tmp_path: Path
) -> None:
    folder = tmp_path / "nova.conf.d"
    changes, output = service.apply(
        oslo_messaging_config_file="",
        oslo_messaging_drop_in_dir=str(folder),
        oslo_messaging_service_arguments=["--config-dir", str(folder)],
    )
    assert changes > 0, output
    (written,) = folder.iterdir()
    assert stat.S_IMODE(written.stat().st_mode) == 0o640


def test_a_slash_at_the_end_of_a_drop_in_directory_makes_no_difference(
    service: Service, tmp_path: Path
) -> None:
    # Where a service called nova looks without arguments.
    service.ansible.environment["HOME"] = str(tmp_path)
    changes, output = service.apply(
        oslo_messaging_config_file="",
        oslo_messaging_drop_in_dir=f"{tmp_path}/nova.conf.d/",
    )
    assert changes > 0, output
