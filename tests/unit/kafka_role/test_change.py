# SPDX-License-Identifier: Apache-2.0
"""Another kafka_security: what it asks for, and where it cannot be."""

import ipaddress

import pytest
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_change,
)
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_preflight,
)

ANY = str(ipaddress.IPv4Address(0))


def spec(security, nodes=1, mechanism="SCRAM-SHA-512"):
    return {
        "host": "k1",
        "mechanism": mechanism,
        "nodes": [{"host": f"k{n}", "id": n} for n in range(nodes)],
        "security": security,
    }


def configured(protocol, mechanism="", listen="127.0.0.1", more=""):
    found = {
        "listeners": f"{protocol}://{listen}:9092,CONTROLLER://x:9093",
        "advertised.listeners": f"{protocol}://k1.example.org:9092",
        "listener.security.protocol.map": (
            f"CONTROLLER:SASL_PLAINTEXT,{protocol}:{protocol}{more}"
        ),
    }
    if mechanism:
        found["sasl.enabled.mechanisms"] = mechanism
    return found


def change(wanted, there):
    return kafka_change.kafka_security_change(wanted, there)


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (spec("plaintext"), {}),
        (spec("sasl_ssl"), {}),
        (spec("sasl_ssl", 3), {}),
        (spec("plaintext"), configured("PLAINTEXT")),
        (spec("sasl_ssl", 3), configured("SASL_SSL", "SCRAM-SHA-512")),
        (spec("mtls", 3), configured("SSL")),
    ],
)
def test_what_stays_asks_for_nothing(wanted, there):
    assert change(wanted, there) == {
        "problem": "",
        "accounts": False,
        "bootstrap": "",
    }


@pytest.mark.parametrize(
    ("wanted", "there", "accounts"),
    [
        (spec("sasl_scram"), configured("PLAINTEXT"), True),
        (spec("sasl_ssl"), configured("SSL"), True),
        (spec("sasl_ssl"), configured("SASL_PLAINTEXT", "PLAIN"), True),
        (
            spec("sasl_ssl", mechanism="SCRAM-SHA-256"),
            configured("SASL_SSL", "SCRAM-SHA-512"),
            True,
        ),
        # It has them already, or they are in its settings.
        (
            spec("sasl_ssl"),
            configured("SASL_PLAINTEXT", "SCRAM-SHA-512"),
            False,
        ),
        (spec("sasl_plain"), configured("PLAINTEXT"), False),
        (spec("plaintext"), configured("SASL_SSL", "SCRAM-SHA-512"), False),
    ],
)
def test_accounts_are_made_where_the_broker_lacks_them(
    wanted, there, accounts
):
    found = change(wanted, there)
    assert found["accounts"] is accounts
    assert found["problem"] == ""
    assert found["bootstrap"] == "127.0.0.1:9092"


def test_a_broker_on_every_address_is_asked_where_it_says():
    there = configured("PLAINTEXT", listen=ANY)
    found = change(spec("sasl_scram"), there)
    assert found["bootstrap"] == "k1.example.org:9092"


@pytest.mark.parametrize(
    ("wanted", "there", "back"),
    [
        (
            spec("sasl_ssl", 3),
            configured("PLAINTEXT"),
            "set kafka_security back to plaintext.",
        ),
        (
            spec("plaintext", 3),
            configured("SASL_SSL", "SCRAM-SHA-256"),
            "back to sasl_ssl and kafka_sasl_mechanism to SCRAM-SHA-256.",
        ),
        (
            spec("sasl_ssl", 3),
            configured("SASL_PLAINTEXT", "PLAIN"),
            "back to sasl_plain and",
        ),
        (spec("plaintext", 3), configured("SSL"), "back to ssl or mtls."),
    ],
)
def test_a_cluster_keeps_what_it_began_with(wanted, there, back):
    problem = change(wanted, there)["problem"]
    assert back in problem
    assert "kafka_security means" in problem


def test_nothing_else_of_a_brokers_file_is_told(tmp_path):
    file = tmp_path / "server.properties"
    assert kafka_preflight.configured(str(file)) == {}
    file.write_text("# x\nlisteners=A://b:1\nssl.key.password=hush\n")
    assert kafka_preflight.configured(str(file)) == {"listeners": "A://b:1"}
    assert kafka_preflight.read_settings(str(file))["ssl.key.password"]
