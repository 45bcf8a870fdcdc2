# SPDX-License-Identifier: Apache-2.0
"""A machine that reaches nothing but Ansible is set up from a bundle.

Last of the scenario: what the others left is taken away first.
"""

import pytest
from deployment.network import cut_off
from test_sources import VERSION, installed

SETTINGS = {
    "kafka_heap": "256m",
    "kafka_driver_environments": [
        {"path": "/opt/kafka-bus/venv", "create": True}
    ],
    # A service's configuration is the scenario default's.
    "kafka_topics": [{"name": "notifications.info"}],
}
TAGS = "--tags=kafka,kafka_driver"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The folder that playbooks/bundle.yml makes; made once."""
    return tmp_path_factory.mktemp("bundle") / "kafka-bus"


def reaches_another(host):
    """Whether the gateway answers, be it with a refusal."""
    gateway = host.check_output("ip route show default").split()[2]
    knock = f"timeout 3 bash -c 'echo > /dev/tcp/{gateway}/1'"
    return "refused" in host.run(knock).stderr


def test_bundle_is_made_with_digests(bundle, playbook):
    code, output = playbook(
        "../../playbooks/bundle.yml", kafka_bus_bundle=str(bundle)
    )
    assert code == 0, output
    listed = (bundle / "SHA512SUMS").read_text()
    for name in ("wheels.tar", "bundle.json", f"kafka_2.13-{VERSION}"):
        assert name in listed
    assert not bundle.with_name("kafka-bus.part").exists()


def test_machine_without_a_network_is_set_up_from_it(host, bundle, playbook):
    host.check_output(
        "sh -c %s",
        "systemctl disable --now kafka; rm -rf /opt/kafka /etc/kafka "
        "/var/lib/kafka /var/log/kafka /etc/systemd/system/kafka.service",
    )
    settings = {**SETTINGS, "kafka_bus_bundle": str(bundle)}
    assert reaches_another(host)
    with cut_off("sources"):
        assert not reaches_another(host)
        code, output = playbook("../../playbooks/site.yml", TAGS, **settings)
        assert code == 0, output
        code, output = playbook("../../playbooks/site.yml", TAGS, **settings)
        assert code == 0, output
        assert "changed=0" in output
    assert host.service("kafka").is_running
    assert installed(host, "/opt/kafka/current")["source"] == "file"
    host.check_output(
        "/opt/kafka-bus/venv/bin/python -c 'import kafka_driver, orjson'"
    )


def test_damaged_bundle_is_refused_before_anything_changes(
    host, bundle, playbook
):
    with (bundle / "wheels.tar").open("ab") as wheels:
        wheels.write(b"not what was made")
    code, output = playbook(
        "../../playbooks/site.yml",
        TAGS,
        **SETTINGS,
        kafka_bus_bundle=str(bundle),
    )
    assert code != 0
    assert "no whole bundle (./wheels.tar: FAILED)" in output
    assert "changed=0" in output
