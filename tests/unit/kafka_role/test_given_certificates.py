# SPDX-License-Identifier: Apache-2.0
"""Certificates that the brokers would not take are refused beforehand."""

import datetime

import pytest
from ansible_collections.kafka_bus.openstack.plugins.filter import (
    kafka_pem as kp,
)
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_certificates as pki,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

CA, NODE, KEY = "kafka_tls_ca_file", "kafka_tls_certificate_file", kp.KEY
FILES = {CA: "/pki/ca.pem", NODE: "/pki/k1.pem", KEY: "/pki/k1.key"}
AUTHORITY = pki.make_authority("one")
NAMES = ["k1", "k1.example.org", "192.0.2.1"]


def spec(**more):
    nodes = [
        {"host": f"k{n}", "id": n, "listen": f"192.0.2.{n}", "advertised": ""}
        for n in (1, 2, 3)
    ]
    return {
        "controller_security": "mtls",
        "host": "k1",
        "listeners": [],
        "mechanism": "SCRAM-SHA-512",
        "nodes": nodes,
        "security": "sasl_ssl",
        "tls_files": FILES,
        **more,
    }


def contents(name="k1", addresses=NAMES, days=9, authority=AUTHORITY):
    key, certificate = pki.issue(*authority, name, addresses, days)
    return {
        CA: pki.pem(AUTHORITY[1]).decode(),
        NODE: pki.pem(certificate).decode(),
        KEY: pki.key_bytes(key).decode(),
    }


GOOD = contents()


def told(found, **more):
    return " ".join(kp.kafka_certificate_problems(spec(**more), found))


def test_a_certificate_that_fits_is_taken():
    assert told(GOOD) == ""
    wide = contents(addresses=["*.example.org"])
    named = [{**n, "advertised": "k1.example.org"} for n in spec()["nodes"]]
    assert told(wide, nodes=named) == ""


def test_certificates_that_nobody_needs_are_not_looked_at():
    assert told({}, security="plaintext", nodes=spec()["nodes"][:1]) == ""


@pytest.mark.parametrize("name", [CA, NODE, KEY])
def test_a_file_that_cannot_be_read_is_told(name):
    said = told({**GOOD, name: ""})
    assert said.startswith(f"{name} is {FILES[name]}, which cannot be read")


@pytest.mark.parametrize("name", [CA, NODE, KEY])
@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ],
)
def test_a_file_of_something_else_is_told(name, text):
    said = told({**GOOD, name: text})
    assert f"{name} ({FILES[name]}) holds no" in said
    assert "AAAA" not in said


def test_a_certificate_of_another_authority_is_told():
    said = told(contents(authority=pki.make_authority("two")))
    assert f"was not made by an authority in {CA}" in said
    assert "CN=two" in said


def test_a_certificate_for_other_names_is_told():
    said = told(contents(addresses=["k1"]))
    assert "is not for 192.0.2.1" in said
    outside = [{"name": "E", "port": 1, "advertised_address": "out.example"}]
    assert "is not for out.example" in told(GOOD, listeners=outside)


def test_a_certificate_of_another_node_is_told():
    assert "common name k2" in told(contents("k2"))
    assert told(contents("k2"), security="ssl", nodes=spec()["nodes"][:1]) == (
        ""
    )


def test_a_certificate_that_has_ended_or_not_begun_is_told():
    for days, words in ((30, "has ended on"), (-30, "begins on")):
        now = pki.now() + datetime.timedelta(days=days)
        said = kp.kafka_certificate_problems(spec(), GOOD, now)
        assert words in " ".join(said)


def signed(name, issuer, *, begins=-1, ends=99, authority=True, key=None):
    """Make a certificate that is good between two days from now."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    by, issued_by = issuer or (key, None)
    day = datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(pki.subject(name))
        .issuer_name(issued_by.subject if issued_by else pki.subject(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(pki.now() + begins * day)
        .not_valid_after(pki.now() + ends * day)
    )
    if authority is not None:
        made = made.add_extension(
            x509.BasicConstraints(authority, None), critical=True
        )
    return key, made.sign(by, hashes.SHA256())


def behind(root, middle=None):
    """Make the files of a node, with who stands behind its certificate."""
    found = contents(authority=middle or root)
    found[CA] = pki.pem(root[1]).decode()
    if middle:
        found[NODE] += pki.pem(middle[1]).decode()
    return found


WRONG = [
    ({"begins": -9, "ends": -2}, "has ended on"),
    ({"begins": 2}, "begins on"),
    ({"authority": False}, "may not make certificates"),
    ({"authority": None}, "may not make certificates"),
]


@pytest.mark.parametrize(("more", "words"), WRONG)
def test_an_authority_that_cannot_be_one_is_told(more, words):
    said = told(behind(signed("root", None, **more)))
    assert said.startswith(f"CN=root in {CA} (/pki/ca.pem) {words}")
    assert said.count(": ") == 1


@pytest.mark.parametrize(("more", "words"), WRONG)
def test_one_between_that_cannot_be_there_is_told(more, words):
    root = signed("root", None)
    assert told(behind(root, signed("middle", root))) == ""
    said = told(behind(root, signed("middle", root, **more)))
    assert said.startswith(f"CN=middle in {NODE} (/pki/k1.pem) {words}")


def test_an_authority_that_was_renewed_is_enough():
    old = signed("root", None, begins=-9, ends=-2)
    new = signed("root", None, key=old[0])
    found = behind(old)
    found[CA] += pki.pem(new[1]).decode()
    assert told(found) == ""


def test_a_certificate_that_is_trusted_itself_needs_no_authority():
    key, made = pki.issue(*AUTHORITY, "k1", NAMES, 9)
    text = pki.pem(made).decode()
    own = {CA: text, NODE: text, KEY: pki.key_bytes(key).decode()}
    assert told(own) == ""


def test_a_certificate_for_servers_only_is_told():
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        pki.builder(pki.subject("k1"), AUTHORITY[1].subject, key, 9)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
        )
        .add_extension(
            x509.SubjectAlternativeName([pki.general_name("192.0.2.1")]),
            False,
        )
        .sign(AUTHORITY[0], hashes.SHA256())
    )
    found = {
        **GOOD,
        NODE: pki.pem(made).decode(),
        KEY: pki.key_bytes(key).decode(),
    }
    assert "for servers only" in told(found)
    assert "for servers only" not in told(
        found, security="ssl", nodes=spec()["nodes"][:1]
    )


def test_a_key_of_another_certificate_is_told():
    assert f"is not the key of {NODE}" in told({**GOOD, KEY: contents()[KEY]})


@pytest.mark.parametrize(
    ("form", "lock", "words"),
    [
        ("TraditionalOpenSSL", None, "not in PKCS 8"),
        ("TraditionalOpenSSL", b"word", "asks for a password"),
        ("PKCS8", b"word", "asks for a password"),
    ],
)
def test_a_key_that_kafka_cannot_read_is_told(form, lock, words):
    key, certificate = pki.issue(*AUTHORITY, "k1", NAMES, 9)
    text = key.private_bytes(
        serialization.Encoding.PEM,
        getattr(serialization.PrivateFormat, form),
        serialization.BestAvailableEncryption(lock)
        if lock
        else serialization.NoEncryption(),
    ).decode()
    said = told({**GOOD, NODE: pki.pem(certificate).decode(), KEY: text})
    assert words in said
    assert "openssl pkcs8 -topk8 -nocrypt" in said


@pytest.mark.parametrize(
    "address", ["fd00::2", "FD00::2", "fd00:0::0:2", "fe80::1%eth0", "k1"]
)
def test_a_certificate_is_kept_however_an_address_is_written(address):
    """The brokers would restart for a new one in each run."""
    _key, made = pki.issue(*AUTHORITY, "k1", [address], 90)
    assert pki.why_new(made, AUTHORITY[1], [address], 30) == ""
    other = pki.why_new(made, AUTHORITY[1], [address, "fd00::3"], 30)
    assert other == "its addresses differ"
