#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: a small certificate authority in a folder."""

DOCUMENTATION = r"""
module: kafka_certificates
short_description: A small certificate authority in a folder
version_added: "0.1.0"
description:
  - Makes the authority's key and certificate once, and a key and certificate
    for each name. Runs on the controller, whose ansible-core brings
    C(cryptography) along.
  - A certificate is made again when it ends soon, names other addresses than
    asked for, or is of another authority. Its key is then new, too.
requirements: [cryptography]
options:
  folder:
    description: Folder of the authority. Made with mode 0700 when missing.
    type: path
    required: true
  authority:
    description: Common name of the authority.
    type: str
    default: kafka-bus
  certificates:
    description: The certificates to have.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Common name, and the name of the files.
        type: str
        required: true
      addresses:
        description: Host names and IP addresses of the owner.
        type: list
        elements: str
        default: []
  days:
    description: Days that a certificate is good for.
    type: int
    default: 397
  renew_days:
    description: Days before its end at which a certificate is made again.
    type: int
    default: 30
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Have a certificate for the node
  kafka_bus.openstack.kafka_certificates:
    folder: "{{ inventory_dir }}/pki"
    certificates:
      - name: kafka1.example.org
        addresses: [kafka1.example.org, 192.0.2.21]
  delegate_to: localhost
"""

RETURN = r"""
issued:
  description: Names whose certificates were made now, and why.
  returned: success
  type: dict
authority_file:
  description: The certificate of the authority.
  returned: success
  type: str
"""

import datetime
import fcntl
import ipaddress
import os
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ImportError:
    IMPORT_ERROR = traceback.format_exc()
else:
    IMPORT_ERROR = None

#: The authority outlives what it signs.
AUTHORITY_DAYS = 3650


class PkiError(Exception):
    """The folder is not as it must be; the message says how."""


def now():
    return datetime.datetime.now(datetime.timezone.utc)  # noqa: UP017


def end_of(certificate):
    """When it ends; cryptography before 42 tells it without a time zone."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(
        tzinfo=datetime.timezone.utc  # noqa: UP017
    )


def general_name(address):
    """As a certificate has it, which knows nothing of interfaces (%eth0)."""
    try:
        return x509.IPAddress(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return x509.DNSName(address)


def subject(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def key_bytes(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def builder(name, issuer, key, days):
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks differ.
        .not_valid_before(now() - datetime.timedelta(hours=1))
        .not_valid_after(now() + datetime.timedelta(days=days))
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            critical=False,
        )
    )


def key_usage(authority):
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def make_authority(name):
    """(key, certificate) of a new authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        builder(subject(name), subject(name), key, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(True, 0), critical=True)
        .add_extension(key_usage(True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def issue(authority_key, authority, name, addresses, days):
    """(key, certificate) for a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        builder(subject(name), authority.subject, key, days)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(key_usage(False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [
                    ExtendedKeyUsageOID.SERVER_AUTH,
                    ExtendedKeyUsageOID.CLIENT_AUTH,
                ]
            ),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                authority.public_key()
            ),
            critical=False,
        )
    )
    if addresses:
        made = made.add_extension(
            x509.SubjectAlternativeName(
                [general_name(address) for address in addresses]
            ),
            critical=False,
        )
    return key, made.sign(authority_key, hashes.SHA256())


def addresses_of(certificate):
    try:
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return set()
    return {str(name.value) for name in names}


def why_new(certificate, authority, addresses, renew_days):
    """Why the certificate must be made again; empty if it need not."""
    left = end_of(certificate) - now()
    if left < datetime.timedelta(days=renew_days):
        return f"{max(left.days, 0)} days are left"
    wanted = {str(general_name(address).value) for address in addresses}
    if addresses_of(certificate) != wanted:
        return "its addresses differ"
    if certificate.issuer != authority.subject:
        return "another authority has made it"
    try:
        authority.public_key().verify(
            certificate.signature,
            certificate.tbs_certificate_bytes,
            ec.ECDSA(hashes.SHA256()),
        )
    except Exception:  # InvalidSignature, or a key of another kind
        return "another authority has made it"
    return ""


# -- files ----


def write(path, content, mode):
    """All of it or nothing, readable by its owner only from the start."""
    part = path + ".part"
    if os.path.exists(part):
        os.unlink(part)
    with open(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb"
    ) as target:
        target.write(content)
    os.replace(part, path)


def read_certificate(path):
    try:
        with open(path, "rb") as source:
            return x509.load_pem_x509_certificate(source.read())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise PkiError(f"{path} is no PEM certificate: remove it") from error


def read_key(path):
    try:
        with open(path, "rb") as source:
            return serialization.load_pem_private_key(source.read(), None)
    except FileNotFoundError as error:
        raise PkiError(
            f"{path}, the authority's key, is missing: put it back, or give "
            "the certificates yourself"
        ) from error
    except (TypeError, ValueError) as error:
        raise PkiError(
            f"{path} is no PEM key without a password: decrypt it for this run"
        ) from error


class Folder:
    """The files of an authority."""

    def __init__(self, path):
        self.path = path

    def file(self, name):
        return os.path.join(self.path, name)

    def has_key_of(self, name, certificate):
        """Whether the key beside a certificate is the one it speaks of."""
        path = self.file(name + ".key")
        if not os.path.exists(path):
            return False
        return (
            read_key(path).public_key().public_numbers()
            == certificate.public_key().public_numbers()
        )

    def authority(self, name, check_mode):
        """(certificate, whether it is new); None where it would be made."""
        certificate = read_certificate(self.file("ca.pem"))
        if certificate:
            return certificate, False
        if os.path.exists(self.file("ca.key")):
            raise PkiError(
                f"{self.file('ca.key')} is there without ca.pem: put that "
                "back, or remove the key"
            )
        if check_mode:
            return None, True
        key, certificate = make_authority(name)
        write(self.file("ca.key"), key_bytes(key), 0o600)
        write(self.file("ca.pem"), pem(certificate), 0o644)
        return certificate, True


def work(options, check_mode):
    """What was issued: {name: why}."""
    folder = Folder(options["folder"])
    authority, issued = None, {}
    certificate, made = folder.authority(options["authority"], check_mode)
    if made:
        issued[options["authority"]] = "the authority is new"
    for wanted in options["certificates"]:
        name = wanted["name"]
        if name == "ca" or os.path.basename(name) != name:
            raise PkiError(f"{name!r} is no name for a certificate")
        there = read_certificate(folder.file(name + ".pem"))
        reason = "it is new"
        if there and certificate:
            reason = why_new(
                there, certificate, wanted["addresses"], options["renew_days"]
            )
            if not folder.has_key_of(name, there):
                reason = "its key is missing"
        if not reason:
            continue
        issued[name] = reason
        if check_mode:
            continue
        authority = authority or read_key(folder.file("ca.key"))
        key, made_now = issue(
            authority, certificate, name, wanted["addresses"], options["days"]
        )
        write(folder.file(name + ".key"), key_bytes(key), 0o600)
        write(folder.file(name + ".pem"), pem(made_now), 0o644)
    return issued


def main():
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "authority": {"type": "str", "default": "kafka-bus"},
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "addresses": {
                        "type": "list",
                        "elements": "str",
                        "default": [],
                    },
                },
            },
            "days": {"type": "int", "default": 397},
            "renew_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    options = module.params
    if IMPORT_ERROR:
        module.fail_json(
            msg=missing_required_lib("cryptography"), exception=IMPORT_ERROR
        )
    try:
        if module.check_mode:
            issued = work(options, True)
        else:
            os.makedirs(options["folder"], mode=0o700, exist_ok=True)
            # Several hosts of one play have theirs made at the same time.
            with open(os.path.join(options["folder"], ".lock"), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                issued = work(options, False)
    except (PkiError, OSError) as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(
        changed=bool(issued),
        issued=issued,
        authority_file=os.path.join(options["folder"], "ca.pem"),
    )


if __name__ == "__main__":
    main()
