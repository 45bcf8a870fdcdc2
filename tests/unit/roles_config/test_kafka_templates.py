# SPDX-License-Identifier: Apache-2.0
"""What is written for the JVM and its loggers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from running import ROOT, Ansible

DEFAULTS = yaml.safe_load(
    (ROOT / "roles/kafka/defaults/main.yml").read_text(encoding="utf-8")
)
FILES = ("log4j2.yaml", "log4j.properties", "kafka.env")
LEVELS = {
    "root": "WARN",
    "kafka.request.logger": "OFF",
    "org.apache.kafka.controller": "DEBUG",
}


def render(
    ansible: Ansible, directory: Path, **settings: Any
) -> dict[str, str]:
    tasks = [
        {
            "template": {
                "src": str(ROOT / f"roles/kafka/templates/{name}.j2"),
                "dest": str(directory / name),
            }
        }
        for name in FILES
    ]
    known = {
        **DEFAULTS,
        "__kafka_log4j_file": "/etc/kafka/log4j2.yaml",
        "__kafka_mark": "made by a test",
        "__kafka_systemd": True,
        "java_resolved_home": "/usr/lib/jvm/java",
    }
    done = ansible.play(tasks, variables={**known, **settings})
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        name: (directory / name).read_text(encoding="utf-8") for name in FILES
    }


@pytest.fixture
def made(ansible: Ansible, tmp_path: Path) -> dict[str, str]:
    return render(
        ansible,
        tmp_path,
        kafka_log_levels=LEVELS,
        kafka_jvm_options=["-XX:+UseZGC", "-Dx=y"],
    )


def test_each_logger_has_its_level(made: dict[str, str]) -> None:
    loggers = yaml.safe_load(made["log4j2.yaml"])["Configuration"]["Loggers"]
    assert loggers["Root"]["level"] == "WARN"
    levels = {one["name"]: one["level"] for one in loggers["Logger"]}
    assert levels == {
        "org.apache.kafka.controller": "DEBUG",
        "kafka.authorizer.logger": "INFO",
        "kafka.request.logger": "OFF",
    }


def test_each_logger_of_kafka_3_has_its_level(made: dict[str, str]) -> None:
    lines = made["log4j.properties"].splitlines()
    assert "log4j.rootLogger=WARN, console, server" in lines
    assert "log4j.logger.kafka.request.logger=OFF" in lines
    assert (
        "log4j.logger.org.apache.kafka.controller=DEBUG, console, controller"
        in lines
    )
    assert "log4j.logger.kafka.authorizer.logger=INFO, authorizer" in lines


def test_options_of_the_jvm_take_the_place_of_kafkas_own(
    made: dict[str, str],
) -> None:
    assert 'KAFKA_JVM_PERFORMANCE_OPTS="-XX:+UseZGC -Dx=y"' in (
        made["kafka.env"].splitlines()
    )


def test_kafkas_own_options_are_what_kafka_has(
    ansible: Ansible, tmp_path: Path
) -> None:
    env = render(ansible, tmp_path)["kafka.env"]
    assert "-XX:+UseG1GC -XX:MaxGCPauseMillis=20 " in env
