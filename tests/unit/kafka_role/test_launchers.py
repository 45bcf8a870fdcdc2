# SPDX-License-Identifier: Apache-2.0
"""The launchers of an assembled archive, with a Java that only tells."""

import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_archive as ka,
)

ASSEMBLY = Path(__file__).resolve().parents[3] / ("roles/kafka/files/assembly")


@pytest.fixture
def home(tmp_path):
    """An installed Kafka, reached by the link that an upgrade moves."""
    real = tmp_path / "kafka_2.13-4.3.1"
    (real / "bin").mkdir(parents=True)
    (real / "config").mkdir()
    for name in ("kafka-run-class.sh", "kafka-server-start.sh"):
        shutil.copy(ASSEMBLY / name, real / "bin" / name)
        (real / "bin" / name).chmod(0o755)
    for name in ("log4j2.yaml", "tools-log4j2.yaml"):
        shutil.copy(ASSEMBLY / name, real / "config" / name)
    tool = real / "bin" / "kafka-topics.sh"
    tool.write_bytes(ka.launcher("org.example.Topics"))
    tool.chmod(0o755)
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    java.chmod(0o755)
    link = tmp_path / "current"
    link.symlink_to(real.name)
    return link


def run(home, script, *arguments, **environment):
    environment.setdefault("JAVA_HOME", str(home.parent / "java"))
    return subprocess.run(
        [home / "bin" / script, *arguments],
        env={"PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_tool_gets_its_arguments_as_they_are(home):
    done = run(home, "kafka-topics.sh", "--topic", "two words", "$HOME")
    lines = done.stdout.splitlines()
    assert lines[-4:] == [
        "org.example.Topics",
        "--topic",
        "two words",
        "$HOME",
    ]
    assert f"{home.resolve()}/libs/*" in lines


def test_tool_logs_by_the_tools_configuration(home):
    done = run(home, "kafka-topics.sh")
    assert (
        f"-Dlog4j2.configurationFile={home.resolve()}"
        "/config/tools-log4j2.yaml" in done.stdout.splitlines()
    )


def test_server_takes_heap_and_logging_from_the_environment(home, tmp_path):
    done = run(
        home,
        "kafka-server-start.sh",
        "server.properties",
        KAFKA_HEAP_OPTS="-Xms1m -Xmx2m",
        KAFKA_LOG4J_OPTS="-Dlog=x",
        LOG_DIR=str(tmp_path / "log"),
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["-Xms1m", "-Xmx2m"]
    assert {"-Dlog=x", f"-Dkafka.logs.dir={tmp_path}/log"} <= set(lines)
    assert lines[-2:] == ["kafka.Kafka", "server.properties"]


def test_jmx_port_is_on_loopback_unless_told_otherwise(home):
    done = run(home, "kafka-topics.sh", JMX_PORT="9999")
    lines = done.stdout.splitlines()
    assert "-Dcom.sun.management.jmxremote.host=127.0.0.1" in lines
    assert "-Dcom.sun.management.jmxremote.port=9999" in lines


def test_missing_java_is_one_sentence(home):
    done = run(home, "kafka-topics.sh", JAVA_HOME="/nowhere")
    assert done.returncode == 1
    assert "no Java at '/nowhere/bin/java': set JAVA_HOME" in done.stderr
