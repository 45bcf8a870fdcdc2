# SPDX-License-Identifier: Apache-2.0
"""A filter of the role kafka: certificates that the brokers would not take.

It gets what is in the files, and returns one sentence for each thing that is
wrong, with the variable to set.
"""

import datetime
import ipaddress
import re

from ..plugin_utils.kafka_identities import controller_protocol, needs_tls
from ..plugin_utils.kafka_nodes import (
    does,
    is_cluster,
    listener_advertised,
    node_address,
    own_node,
)

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:  # ansible-core itself needs it
    x509 = None

CERTIFICATE = re.compile(
    "-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)
CA = "kafka_tls_ca_file"
NODE = "kafka_tls_certificate_file"
KEY = "kafka_tls_key_file"


def needed_names(spec):
    """Names and addresses at which others connect to this node."""
    node = own_node(spec)
    names = [node_address(node)] if is_cluster(spec) else []
    if does(node, "broker"):
        names.append(node_address(node))
        names += [listener_advertised(spec, one) for one in spec["listeners"]]
    return sorted({str(name) for name in names if name})


def _certificates(text):
    return [
        x509.load_pem_x509_certificate(found.encode())
        for found in CERTIFICATE.findall(text)
    ]


def _moments(certificate):
    """(begin, end); cryptography before 42 tells them without a time zone."""
    if hasattr(certificate, "not_valid_after_utc"):
        return (
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
        )
    utc = datetime.timezone.utc  # noqa: UP017
    return (
        certificate.not_valid_before.replace(tzinfo=utc),
        certificate.not_valid_after.replace(tzinfo=utc),
    )


def _extension(certificate, kind):
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _covers(certificate, name):
    """Whether a certificate is for a name or address."""
    names = _extension(certificate, x509.SubjectAlternativeName)
    if names is None:
        return False
    try:
        return ipaddress.ip_address(name) in names.get_values_for_type(
            x509.IPAddress
        )
    except ValueError:
        pass
    wanted = name.lower().rstrip(".")
    anything = "*." + wanted.partition(".")[2]
    return any(
        known.lower() in (wanted, anything)
        for known in names.get_values_for_type(x509.DNSName)
    )


def _is_signed_by(certificate, issuer):
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, TypeError, ValueError):
        return False
    except AttributeError:  # cryptography before 40
        return certificate.issuer == issuer.subject
    return True


def _paths(certificate, between, authorities):
    """Who stands behind a certificate, up to one of the authorities.

    Each is a list of (variable, certificate); there are several where an
    authority has been renewed.
    """
    if certificate in authorities:
        yield []
        return
    for one in authorities:
        if _is_signed_by(certificate, one):
            yield [(CA, one)]
    for one in between:
        if _is_signed_by(certificate, one):
            rest = [b for b in between if b is not one]
            for path in _paths(one, rest, authorities):
                yield [(NODE, one), *path]


def _time_problem(what, certificate, now):
    begin, end = _moments(certificate)
    if end < now:
        return (
            f"{what} has ended on {end:%Y-%m-%d}: have a new certificate made."
        )
    if begin > now:
        return (
            f"{what} begins on {begin:%Y-%m-%d %H:%M} UTC: correct the clock "
            "of this machine, or have a new certificate made."
        )
    return ""


def _authority_problem(what, certificate):
    constraints = _extension(certificate, x509.BasicConstraints)
    # The first version of certificates knew no constraints.
    if certificate.version == x509.Version.v1 or (
        constraints and constraints.ca
    ):
        return ""
    return (
        f"{what} may not make certificates, and has made one all the same: "
        "have it made with the basicConstraints CA:TRUE, or name another "
        "authority."
    )


def _path_problems(paths, path, now):
    """What is wrong with those behind a certificate."""
    found = []
    for setting, certificate in path:
        subject = certificate.subject.rfc4514_string()
        what = f"{subject} in {setting} ({paths[setting]})"
        found.append(_time_problem(what, certificate, now))
        found.append(_authority_problem(what, certificate))
    return [problem for problem in found if problem]


def _chain_problems(paths, chain, authorities, now):
    """What is wrong with the best way to an authority, if there is one."""
    ways = [
        _path_problems(paths, path, now)
        for path in _paths(chain[0], chain[1:], authorities)
    ]
    if ways:
        return min(ways, key=len)
    issuer = chain[0].issuer.rfc4514_string()
    return [
        f"{NODE} ({paths[NODE]}) was not made by an authority in {CA}: name "
        f"the file of the one that made it ({issuer}), and put those between "
        "into the file of the certificate."
    ]


def _certificate_problems(spec, path, chain, now):
    node = chain[0]
    yield _time_problem(f"{NODE} ({path})", node, now)
    missing = [name for name in needed_names(spec) if not _covers(node, name)]
    if missing:
        yield (
            f"{NODE} ({path}) is not for {', '.join(missing)}, to which "
            "clients and other nodes connect: have it made with these "
            "subjectAltNames, or correct kafka_advertised_address."
        )
    if spec["security"] != "mtls" and controller_protocol(spec) != "SSL":
        return
    common = [
        str(name.value)
        for name in node.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    if common[:1] != [spec["host"]]:
        yield (
            f"{NODE} ({path}) has the common name "
            f"{common[0] if common else 'of nobody'}, by which other nodes "
            f"know this one: have it made for CN={spec['host']}, the name in "
            "the inventory."
        )
    usage = _extension(node, x509.ExtendedKeyUsage)
    if usage and ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
        yield (
            f"{NODE} ({path}) is for servers only, and a node is a client of "
            "the others: have it made for serverAuth and clientAuth."
        )


def _key_problem(path, text, certificate):
    convert = "openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW"
    if "BEGIN ENCRYPTED" in text or "Proc-Type: 4,ENCRYPTED" in text:
        return (
            f"{KEY} ({path}) asks for a password: decrypt it with {convert}."
        )
    if "-----BEGIN PRIVATE KEY-----" not in text:
        if re.search("-----BEGIN (RSA|EC) PRIVATE KEY-----", text):
            return (
                f"{KEY} ({path}) is not in PKCS 8, which Kafka wants: "
                f"convert it with {convert}."
            )
        return f"{KEY} ({path}) holds no key: name a PEM file with one."
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (TypeError, ValueError):
        return f"{KEY} ({path}) holds no key: name a PEM file with one."

    def numbers(public):
        return public.public_bytes(
            serialization.Encoding.DER,
            serialization.PublicFormat.SubjectPublicKeyInfo,
        )

    if certificate and numbers(key.public_key()) != numbers(
        certificate.public_key()
    ):
        return (
            f"{KEY} ({path}) is not the key of {NODE}: name the two that "
            "belong together."
        )
    return ""


def kafka_certificate_problems(spec, contents, now=None):
    """What is wrong with the certificates that are given.

    contents has what is in each file, by its variable; nothing where it
    could not be read.
    """
    paths = spec["tls_files"]
    given = {name: path for name, path in paths.items() if path}
    if x509 is None or not needs_tls(spec) or len(given) < len(paths):
        return []
    unread = [name for name in sorted(given) if not contents.get(name)]
    if unread:
        return [
            f"{name} is {given[name]}, which cannot be read on the "
            "controller: name a PEM file there."
            for name in unread
        ]
    now = now or datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017
    problems, found = [], {}
    for name in (CA, NODE):
        try:
            found[name] = _certificates(contents[name])
        except ValueError:
            found[name] = []
        if not found[name]:
            problems.append(
                f"{name} ({given[name]}) holds no certificate: name a PEM "
                "file with one."
            )
    chain = found[NODE]
    if chain:
        problems += _certificate_problems(spec, given[NODE], chain, now)
    if chain and found[CA]:
        problems += _chain_problems(given, chain, found[CA], now)
    problems.append(
        _key_problem(given[KEY], contents[KEY], chain[0] if chain else None)
    )
    return [problem for problem in problems if problem]


class FilterModule:
    """The filter, by name."""

    def filters(self):
        return {"kafka_certificate_problems": kafka_certificate_problems}
