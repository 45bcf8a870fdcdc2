# SPDX-License-Identifier: Apache-2.0
"""A filter of the role kafka: from one kind of security to another.

It compares what the file of a broker that is there says with what the file
shall say, and reads nothing itself.
"""

from ..plugin_utils.kafka_identities import PROTOCOLS, has_sasl, mechanism
from ..plugin_utils.kafka_nodes import is_cluster, is_wildcard

CONTROLLER = "CONTROLLER"


def _entries(text):
    """(name, host, port) of each of "listeners"."""
    for entry in filter(None, text.split(",")):
        name, _slashes, where = entry.partition("://")
        host, _colon, port = where.rpartition(":")
        yield name, host, port


def _first(text):
    return next((e for e in _entries(text) if e[0] != CONTROLLER), None)


def _bootstrap(configured):
    """Where the broker is asked on its own machine."""
    _name, host, port = _first(configured["listeners"])
    if is_wildcard(host.strip("[]")):
        _name, host, port = _first(configured.get("advertised.listeners", ""))
    return f"{host}:{port}"


def _kind(protocol, name):
    """The values of kafka_security that mean a protocol."""
    if protocol == "SASL_PLAINTEXT":
        return "sasl_plain" if name == "PLAIN" else "sasl_scram"
    found = [kind for kind in PROTOCOLS if PROTOCOLS[kind] == protocol]
    return " or ".join(found)


def kafka_security_change(spec, configured):
    """What a change of kafka_security asks for.

    "problem" is a sentence where it cannot be done, "accounts" says whether
    accounts have to be made before it, at "bootstrap".
    """
    result = {"problem": "", "accounts": False, "bootstrap": ""}
    first = _first(configured.get("listeners", ""))
    if first is None:
        return result
    protocols = dict(
        entry.split(":")
        for entry in configured.get(
            "listener.security.protocol.map", ""
        ).split(",")
        if ":" in entry
    )
    old = protocols.get(first[0], first[0])
    old_name = (
        configured.get("sasl.enabled.mechanisms", "")
        if old.startswith("SASL")
        else ""
    )
    new = PROTOCOLS[spec["security"]]
    new_name = mechanism(spec) if has_sasl(spec) else ""
    if (old, old_name) == (new, new_name):
        return result
    if is_cluster(spec):
        to = f"set kafka_security back to {_kind(old, old_name)}"
        if old_name:
            to += f" and kafka_sasl_mechanism to {old_name}"
        result["problem"] = (
            f"{spec['host']} talks {old} {old_name}".rstrip()
            + f", and now kafka_security means {new} {new_name}".rstrip()
            + ": nodes with different ones cannot talk to each other, so a "
            f"cluster keeps what it began with; {to}."
        )
        return result
    result["accounts"] = new_name not in ("", "PLAIN", old_name)
    result["bootstrap"] = _bootstrap(configured)
    return result


class FilterModule:
    """The filter, by name."""

    def filters(self):
        return {"kafka_security_change": kafka_security_change}
