# SPDX-License-Identifier: Apache-2.0
"""A machine that nothing has been done to yet."""

from typing import Any

from .machine import CHECKOUT
from .plays import play


def test_check_mode_passes_and_leaves_a_fresh_machine_as_it_is(
    host: Any,
) -> None:
    packages = host.check_output("dpkg-query --show")
    run = play(CHECKOUT / "playbooks" / "site.yml", "--check", "--diff")
    assert run.code == 0
    assert run.counts["changed"] > 0
    assert host.check_output("dpkg-query --show") == packages
    for path in (
        "/etc/kafka",
        "/etc/kafka-bus",
        "/etc/rabbitmq",
        "/opt/kafka",
        "/opt/kafka-bus",
        "/var/lib/kafka",
        "/var/lib/kafka-bus",
    ):
        assert not host.file(path).exists, path
