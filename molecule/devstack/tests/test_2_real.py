# SPDX-License-Identifier: Apache-2.0
"""DevStack itself, with Keystone; DEVSTACK_DIR names a checkout of it."""

import json
import os

import pytest

pytestmark = pytest.mark.skipif(
    not os.environ.get("DEVSTACK_DIR"),
    reason="DEVSTACK_DIR names no checkout of DevStack",
)

STACK = "/opt/stack/devstack"
LOCAL_CONF = """\
[[local|localrc]]
ADMIN_PASSWORD=s3cr3t-admin
DATABASE_PASSWORD=s3cr3t-database
RABBIT_PASSWORD=s3cr3t-rabbit
SERVICE_PASSWORD=s3cr3t-service
HOST_IP=127.0.0.1
ENABLED_SERVICES=key,mysql,rabbit,openstack-cli-server
LOGFILE=/opt/stack/logs/stack.sh.log
LOG_COLOR=False
KAFKA_CACHE_DIR=/opt/stack/archives
KAFKA_HEAP=256m
enable_plugin kafka file:///opt/stack/plugin main
"""


def run(host, script):
    """Run a script of DevStack."""
    done = host.run(
        "runuser --login stack --command %s", f"cd {STACK} && ./{script}"
    )
    assert done.rc == 0, done.stdout[-8000:] + done.stderr[-2000:]


def events(host):
    """Return the types of the notifications on the topics."""
    said = host.check_output(
        "/opt/stack/data/venv/bin/kafka-driver tail --json --timeout 15"
        " --since beginning --config-file /etc/keystone/keystone.conf"
    )
    return [
        json.loads(line)["message"]["event_type"] for line in said.splitlines()
    ]


@pytest.fixture(scope="module", autouse=True)
def local_conf(host):
    settings = LOCAL_CONF
    if os.environ.get("DEVSTACK_GIT_BASE"):
        settings += "GIT_BASE=file:///opt/stack/git\n"
    host.check_output(
        "printf %s %s >%s", "%s", settings, f"{STACK}/local.conf"
    )
    # The stand-in's, which DevStack makes itself.
    host.check_output("rm -rf /opt/stack/data /opt/stack/logs")
    host.check_output("git config --system --add safe.directory '*'")


def test_keystone_notifies_from_the_first_moment_on(host):
    run(host, "stack.sh")
    found = events(host)
    print(f"stack.sh: {len(found)} notifications")
    # The first thing that is made in a new Keystone.
    assert found[0] == "identity.domain.created"
    assert found.count("identity.user.created") > 0
    assert host.service("devstack@kafka").is_running
    print(host.check_output("cat /opt/stack/logs/stack.sh.log.summary"))


def test_stack_after_unstack_keeps_what_was_sent(host):
    before = len(events(host))
    run(host, "unstack.sh")
    assert not host.service("devstack@kafka").is_running
    assert host.run("pgrep -u stack java").rc == 1
    run(host, "stack.sh")
    assert len(events(host)) == 2 * before


def test_clean_leaves_nothing(host):
    run(host, "clean.sh")
    run(host, "clean.sh")
    for path in (
        "/opt/stack/data/kafka-bus",
        "/opt/stack/logs/kafka",
        "/etc/systemd/system/devstack@kafka.service",
    ):
        assert not host.file(path).exists, path
    assert host.run("pgrep -u stack java").rc == 1
