# SPDX-License-Identifier: Apache-2.0
"""The plugin in all phases, with the roles and a broker, without DevStack.

The tests are steps of one story, in this order.
"""

import pytest

UNIT = "devstack@kafka"


def playbooks(output):
    """Return the names of the plays that were run."""
    return [
        line.partition("[")[2].partition("]")[0]
        for line in output.splitlines()
        if line.startswith("PLAY [")
    ]


def test_unstack_and_clean_of_a_fresh_machine_do_nothing(devstack, host):
    devstack.does("unstack")
    devstack.does("clean")
    assert not host.file("/opt/stack/data/kafka-bus").exists


def test_first_stack(devstack, host):
    output = devstack.does("stack")
    assert "Kafka plugin: pre-install took " in output
    assert "Kafka plugin: install took " in output
    assert "s3cr3t-rabbit" not in output
    # What service_check of DevStack asks, and where it sends the reader.
    host.check_output(f"systemctl status --no-pager {UNIT}.service")
    assert host.check_output(f"journalctl --quiet --unit {UNIT}")
    service = host.service(UNIT)
    assert service.is_running
    assert service.is_enabled
    process = host.process.get(pid=devstack.broker())
    assert process.user == "stack"
    assert host.file("/opt/stack/logs/kafka/server.log").exists
    assert host.socket("tcp://127.0.0.1:9092").is_listening
    assert not host.socket("tcp://0.0.0.0:9092").is_listening


def test_services_notify(devstack):
    devstack.send("keystone", 2)
    # Its virtual host must not get into the names of Kafka's topics.
    devstack.send("nova_cell1", 3)
    assert len(devstack.events(5)) == 5
    assert devstack.count() == 5


def test_second_stack_changes_nothing(devstack):
    before = devstack.broker()
    output = devstack.does("stack")
    assert playbooks(output) == []
    assert devstack.broker() == before


def test_stack_after_unstack_needs_no_network(devstack, host):
    devstack.does("unstack")
    assert not host.service(UNIT).is_running
    devstack.does("unstack")
    output = devstack.does("stack", OFFLINE="True")
    assert playbooks(output) == []
    # What was sent before is still there.
    assert devstack.count() == 5


def test_changed_heap_restarts_the_broker(devstack, host):
    before = devstack.broker()
    devstack.does("stack", KAFKA_HEAP="300m")
    assert devstack.broker() != before
    arguments = host.file(f"/proc/{devstack.broker()}/cmdline").content
    assert b"-Xmx300m" in arguments
    assert devstack.count() == 5


def test_lost_file_of_the_broker_is_made_again(devstack, host):
    host.check_output("rm /opt/stack/data/kafka-bus/config/server.properties")
    output = devstack.does("stack")
    assert playbooks(output) == ["Kafka of a DevStack", "Topics of a DevStack"]
    devstack.send("keystone", 1)
    assert devstack.count() == 6


def test_lost_driver_is_installed_again(devstack, host):
    host.check_output(
        "/opt/stack/data/venv/bin/pip uninstall --quiet --yes"
        " oslo-messaging-kafka-driver"
    )
    output = devstack.does("stack")
    assert playbooks(output) == ["Driver of a DevStack's services"]
    devstack.send("keystone", 1)
    assert devstack.count() == 7


def test_kafka_scheme_uses_the_driver_of_oslo_messaging(devstack, host):
    devstack.does("stack", KAFKA_SCHEME="kafka")
    config = host.file("/opt/stack/etc/keystone.conf").content_string
    assert "transport_url = kafka://127.0.0.1:9092/" in config
    devstack.send("keystone", 1)
    assert devstack.count() == 8


def test_clean_leaves_nothing_and_can_be_repeated(devstack, host):
    assert devstack.broker() != 0
    for _ in range(2):
        devstack.does("clean")
        assert devstack.broker() == 0
        for path in (
            "/opt/stack/data/kafka-bus",
            "/opt/stack/logs/kafka",
            "/etc/systemd/system/devstack@kafka.service",
        ):
            assert not host.file(path).exists, path
        assert host.run("pgrep -u stack java").rc == 1
    # Not the plugin's.
    assert host.file("/opt/stack/archives").exists
    python = "/opt/stack/data/venv/bin/python"
    assert host.run(f"{python} -c 'import confluent_kafka'").rc == 0
    assert host.run(f"{python} -c 'import kafka_driver'").rc == 1


def test_first_stack_with_all_packages_here(devstack, host):
    # Java, the archive and pip's downloads are there by now: what a run prints
    # here is what the plugin adds to stack.sh.
    output = devstack.does("stack")
    assert len(playbooks(output)) == 3
    assert playbooks(devstack.does("stack")) == []
    devstack.does("clean")


@pytest.fixture
def ipv6(host):
    """Give the machine an address of IPv6; Docker gives none by itself.

    Not the loopback's, or librdkafka finds no IPv6; but the way from the
    machine to itself is the loopback's all the same.
    """
    options = [
        f"net.ipv6.conf.{device}.disable_ipv6" for device in ("lo", "eth0")
    ]
    before = {
        option: host.check_output(f"sysctl --values {option}")
        for option in options
    }
    host.run("mount -o remount,rw /proc/sys")
    for option in options:
        host.run(f"sysctl --write {option}=0")
    if host.run("ip address add 2001:db8::5/128 dev eth0 nodad").rc != 0:
        pytest.skip("this kernel has no IPv6")
    yield "2001:db8::5"
    for option, value in before.items():
        host.check_output(f"sysctl --write {option}={value}")


def test_broker_on_an_address_of_ipv6(devstack, host, ipv6):
    output = devstack.does("stack", NOTIFY_HOST=ipv6)
    assert f"answers at {ipv6}:9092" in output
    config = host.file("/opt/stack/etc/keystone.conf").content_string
    assert f"transport_url = kafka-driver://[{ipv6}]:9092/" in config
    devstack.send("keystone", 2)
    assert len(devstack.events(2)) == 2
    devstack.does("clean")


def test_broker_asks_for_the_account(devstack, host):
    account = {
        "NOTIFY_USERNAME": "events",
        "NOTIFY_PASSWORD": '{{ x }}"/%s3cr3t',
    }
    output = devstack.does("stack", **account)
    assert "s3cr3t" not in output
    devstack.send("keystone", 2)
    assert len(devstack.events(2)) == 2
    stranger = host.run(
        "/opt/stack/data/venv/bin/kafka-driver send --event-type test"
        " --url kafka-driver://127.0.0.1:9092/"
    )
    assert stranger.rc != 0
    found = host.run(
        "find /opt/stack/data/kafka-bus /opt/stack/logs -type f -perm /004"
        " -exec grep --files-with-matches s3cr3t {} +"
    )
    assert found.stdout == ""
    # It is asked for what it was told before.
    assert playbooks(devstack.does("stack", **account)) == []
    code, output = devstack.run(
        "stack", **account, NOTIFY_SASL_MECHANISM="SCRAM-SHA-256"
    )
    assert code != 0
    assert "run clean.sh first" in output
    devstack.does("clean")
