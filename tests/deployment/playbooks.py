# SPDX-License-Identifier: Apache-2.0
"""The playbook on a machine where everything is as it asked for."""

from pathlib import Path
from typing import Any

import pytest

from .machine import CHECKOUT, SERVICE_CONFIG, secrets
from .plays import play

SITE = CHECKOUT / "playbooks" / "site.yml"
VERIFY = CHECKOUT / "playbooks" / "verify.yml"

# A user's own playbook, in another directory, without our ansible.cfg.
OWN_PLAYBOOK = """
- hosts: kafka
  become: true
  roles:
    - kafka_bus.openstack.kafka
"""


def test_check_mode_finds_nothing_to_change(host: Any) -> None:
    run = play(SITE, "--check", "--diff")
    assert run.code == 0
    assert run.counts["changed"] == 0


@pytest.mark.parametrize(
    ("tag", "other"),
    [
        ("kafka_configure", "oslo_messaging : Write the settings"),
        ("rabbitmq", "kafka : Write the configuration"),
        ("oslo_messaging", "kafka : Write the configuration"),
    ],
)
def test_a_tag_runs_its_part_alone(tag: str, other: str) -> None:
    run = play(SITE, "--tags", tag)
    assert run.code == 0
    assert run.counts["changed"] == 0
    role = "kafka" if tag == "kafka_configure" else tag
    assert f"TASK [kafka_bus.openstack.{role} : " in run.output
    assert f"TASK [kafka_bus.openstack.{other}]" not in run.output


def test_a_role_works_from_a_playbook_elsewhere(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text(OWN_PLAYBOOK)
    run = play(own, "--limit", "kafka", directory=tmp_path)
    assert run.code == 0
    assert run.counts["ok"] > 0
    assert run.counts["changed"] == 0


def test_verify_shows_both_messages_and_no_password(host: Any) -> None:
    run = play(VERIFY)
    assert run.code == 0
    for secret in secrets(host):
        assert secret not in run.output


def test_a_drifted_machine_is_shown_and_then_mended(host: Any) -> None:
    known = secrets(host)
    properties = "/etc/kafka/server.properties"
    before = {
        path: host.check_output("cat %s", path)
        for path in (SERVICE_CONFIG, properties)
    }
    host.check_output("sed -i s/127.0.0.1/127.0.0.9/ %s", SERVICE_CONFIG)
    host.check_output("sed -i s/^log.dirs/#log.dirs/ %s", properties)
    host.check_output("systemctl stop kafka")

    checked = play(SITE, "--check", "--diff")
    assert checked.code == 0
    assert checked.counts["changed"] > 0
    assert "127.0.0.9" in host.check_output("cat %s", SERVICE_CONFIG)
    assert not host.service("kafka").is_running

    mended = play(SITE, "--diff")
    assert mended.code == 0
    assert mended.counts["changed"] > 0
    assert host.service("kafka").is_running
    for path, content in before.items():
        assert host.check_output("cat %s", path) == content
    for secret in known:
        assert secret not in checked.output + mended.output
