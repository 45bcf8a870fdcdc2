# SPDX-License-Identifier: Apache-2.0
"""A service's side of the bus: settings, driver, messages, secrets."""

from typing import Any

from .machine import (
    CHECKOUT,
    SERVICE_CONFIG,
    SERVICE_PYTHON,
    mode_of,
    run_python,
    secrets,
)

BUS_CHECK = CHECKOUT / "roles" / "oslo_messaging" / "files" / "bus_check.py"


def test_a_call_and_a_notification_cross_the_bus(host: Any) -> None:
    said = run_python(
        host,
        SERVICE_PYTHON,
        BUS_CHECK.read_text(),
        "--config-file",
        SERVICE_CONFIG,
        "--json",
        "--timeout",
        "60",
    )
    for kind in ("rpc", "notification"):
        assert said[kind]["received"] == said[kind]["sent"]


def test_a_notification_sent_by_command_is_in_its_topic(host: Any) -> None:
    host.check_output(
        "kafka-driver send --config-file %s --event-type test.command "
        "--payload %s",
        SERVICE_CONFIG,
        '{"from": "the command"}',
    )
    seen = host.check_output(
        "timeout 60 kafka-driver tail --config-file %s --topic notifications "
        "--priority info --since beginning --timeout 20 --json",
        SERVICE_CONFIG,
    )
    assert "test.command" in seen
    assert "the command" in seen


def test_settings_with_the_password_are_not_for_everybody(host: Any) -> None:
    assert mode_of(host, SERVICE_CONFIG) == ("root", "root", 0o640)


def test_no_file_for_everybody_holds_the_password(host: Any) -> None:
    for secret in secrets(host):
        found = host.run(
            "find /etc /home /opt /root /tmp /usr/local /var -xdev -type f "
            "-perm -o=r -size -10M -exec grep -lF -e %s {} +",
            secret,
        )
        assert found.stdout == ""


def test_no_process_shows_the_password(host: Any) -> None:
    shown = host.check_output("ps -e -ww --format args")
    for secret in secrets(host):
        assert secret not in shown


def test_the_journal_does_not_tell_the_password(host: Any) -> None:
    journal = host.check_output("journalctl --no-pager --output=cat --all")
    # Ansible's modules write there what they were called with.
    assert "Invoked with" in journal
    for secret in secrets(host):
        assert secret not in journal
