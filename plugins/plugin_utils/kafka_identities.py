# SPDX-License-Identifier: Apache-2.0
"""Who talks to whom, by which protocol and under which name.

"spec" is the dictionary that vars/main.yml of the role kafka puts together.
"""

from .kafka_nodes import (
    is_cluster,
)
from .truth import truth

PROTOCOLS = {
    "plaintext": "PLAINTEXT",
    "ssl": "SSL",
    "mtls": "SSL",
    "sasl_plain": "SASL_PLAINTEXT",
    "sasl_scram": "SASL_PLAINTEXT",
    "sasl_ssl": "SASL_SSL",
}
#: The broker's own account on the controller listener, where that asks for
#: a password.
CONTROLLER_USER = "controller"
SECOND = "-2"


def mechanism(spec):
    return "PLAIN" if spec["security"] == "sasl_plain" else spec["mechanism"]


def has_sasl(spec):
    return spec["security"].startswith("sasl_")


def has_tls(spec):
    return spec["security"] in ("ssl", "mtls", "sasl_ssl")


def has_authorizer(spec):
    """Rights need somebody to have them: where clients say who they are."""
    return has_sasl(spec) or spec["security"] == "mtls"


def controller_protocol(spec):
    """On one node the controller listens on loopback and needs no TLS."""
    if not is_cluster(spec):
        return "SASL_PLAINTEXT" if has_authorizer(spec) else "PLAINTEXT"
    if spec["security"] == "plaintext":
        return "PLAINTEXT"
    return "SSL" if spec["controller_security"] == "mtls" else "SASL_SSL"


def listener_protocol(spec, listener):
    """Of one of kafka_listeners: who clients are is asked as everywhere."""
    tls = listener.get("tls")
    encrypted = has_tls(spec) if tls is None else truth(tls)
    return ("SASL_" if has_sasl(spec) else "") + (
        "SSL" if encrypted else "PLAINTEXT"
    )


def needs_tls(spec):
    """Whether the node needs a certificate."""
    protocols = [controller_protocol(spec)]
    protocols += [listener_protocol(spec, one) for one in spec["listeners"]]
    return has_tls(spec) or any(one.endswith("SSL") for one in protocols)


def present(spec):
    """The users that shall be able to log in."""
    return [u for u in spec["users"] if u.get("state") != "absent"]


def principal(spec, user):
    """The name that Kafka knows a client by."""
    return f"User:CN={user}" if spec["security"] == "mtls" else f"User:{user}"


def kafka_admin_users(spec):
    """The two names between which the brokers' own account changes.

    Both may do everything, and only the one in use has a password: so a new
    one can be let in before the old one is given up.
    """
    name = spec["admin_user"].removesuffix(SECOND)
    return [name, name + SECOND]


def super_users(spec):
    names = kafka_admin_users(spec) if has_sasl(spec) else [spec["admin_user"]]
    users = [principal(spec, name) for name in names]
    if controller_protocol(spec) == "SSL" or spec["security"] == "mtls":
        users += [f"User:CN={node['host']}" for node in spec["nodes"]]
    if controller_protocol(spec).startswith("SASL"):
        users.append(f"User:{CONTROLLER_USER}")
    return users + [
        name if ":" in name else principal(spec, name)
        for name in spec["super_users"]
    ]
