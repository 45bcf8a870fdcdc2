# SPDX-License-Identifier: Apache-2.0
"""A filter: what cannot work of nodes, listeners and identities.

Each returns one sentence for each thing, with the variable to set. "spec" is
the dictionary that vars/main.yml of the role kafka puts together.
"""

import re

from ..plugin_utils.kafka_account_problems import (
    admin_problems,
    grant_problems,
    rights_problems,
    user_problems,
)
from ..plugin_utils.kafka_identities import (
    PROTOCOLS,
    listener_protocol,
    needs_tls,
)
from ..plugin_utils.kafka_node_problems import (
    cluster_problems,
    kafka_node_shape_problems,
)
from ..plugin_utils.kafka_nodes import (
    bindings,
    is_cluster,
    is_loopback,
    is_wildcard,
    listener_address,
    listener_advertised,
    own_node,
)
from ..plugin_utils.truth import truth

LISTENER = re.compile(r"[A-Z][A-Z0-9_]*")
#: Longest name that a certificate has room for.
LONGEST_NAME = 64


def _advertised_problems(spec):
    """Of a node alone; those of a cluster are looked at together."""
    node = own_node(spec)
    known_as = node.get("advertised") or node["listen"]
    if is_cluster(spec):
        return
    if is_wildcard(known_as):
        yield (
            f"Clients cannot connect to {known_as}: set "
            f"kafka_advertised_address to the name or address of "
            f"{spec['host']} that they shall use."
        )
    elif is_loopback(known_as) and not is_loopback(node["listen"]):
        yield (
            f"kafka_listen_address is {node['listen']}, and clients would be "
            f"told to connect to {known_as}, which is themselves: set "
            f"kafka_advertised_address to the name or address of "
            f"{spec['host']} that they shall use."
        )


def _listener_problems(spec):
    chosen = spec["controller_security"]
    if "scram" in chosen:
        yield (
            f"kafka_controller_security is {chosen}, and a controller can "
            "check no SCRAM password before a leader is elected, which needs "
            "that check: set it to mtls or sasl_ssl."
        )
    elif chosen not in ("mtls", "sasl_ssl"):
        yield (
            f"kafka_controller_security is {chosen}: set it to mtls or "
            "sasl_ssl."
        )
    if spec["security"] in ("plaintext", "sasl_plain", "sasl_scram"):
        listen = own_node(spec)["listen"]
        if not is_loopback(listen) and not spec["allow_plaintext"]:
            yield (
                f"kafka_listen_address is {listen}, and with kafka_security "
                f"{spec['security']} everybody on the way can read every "
                "message: set it to 127.0.0.1, set kafka_security to "
                "sasl_ssl, or set kafka_allow_plaintext to true if that "
                "network is yours alone."
            )
    if spec["security"] == "sasl_scram" and spec["mechanism"] == "PLAIN":
        yield (
            "kafka_sasl_mechanism is PLAIN and kafka_security is "
            "sasl_scram: set kafka_security to sasl_plain, or "
            "kafka_sasl_mechanism to SCRAM-SHA-512."
        )


def _more_listener_problems(spec):
    taken = {"CONTROLLER", PROTOCOLS[spec["security"]]}
    for one in spec["listeners"]:
        name = str(one.get("name", ""))
        if not LISTENER.fullmatch(name) or name in taken:
            yield (
                f"kafka_listeners has a listener {name!r}: write a name of "
                "capital letters that no other listener has, and that is not "
                "CONTROLLER or {}.".format(PROTOCOLS[spec["security"]])
            )
            continue
        taken.add(name)
        listen = listener_address(spec, one)
        unencrypted = one.get("tls") is not None and not truth(one["tls"])
        if spec["security"] == "mtls" and unencrypted:
            yield (
                f"The listener {name} in kafka_listeners has tls false, and "
                "with kafka_security mtls clients are known by their "
                "certificates: leave tls out."
            )
        elif (
            listener_protocol(spec, one).endswith("PLAINTEXT")
            and not is_loopback(listen)
            and not spec["allow_plaintext"]
        ):
            yield (
                f"The listener {name} in kafka_listeners is on {listen} "
                "without encryption, and everybody on the way can read every "
                "message: set its tls to true, its address to 127.0.0.1, or "
                "kafka_allow_plaintext to true if that network is yours "
                "alone."
            )
        advertised = listener_advertised(spec, one)
        if is_wildcard(advertised) or (
            is_loopback(advertised) and not is_loopback(listen)
        ):
            yield (
                f"The listener {name} in kafka_listeners is on {listen} and "
                f"would tell clients to connect to {advertised}: set its "
                "advertised_address to the name or address that they shall "
                "use."
            )


def _port_problems(spec):
    taken = {}
    for one in bindings(spec):
        other = taken.setdefault(one["port"], one["port_setting"])
        if other != one["port_setting"]:
            yield (
                f"{other} and {one['port_setting']} are both {one['port']}: "
                "give each listener a port of its own."
            )


def _tls_problems(spec):
    given = spec["tls_files"]
    if (
        needs_tls(spec)
        and spec["pki_dir"]
        and len(spec["host"]) > LONGEST_NAME
    ):
        yield (
            f"The inventory calls a node {spec['host']}, and a certificate "
            f"has room for {LONGEST_NAME} characters: give it a shorter name "
            "there, and this one as its ansible_host."
        )
    if needs_tls(spec) and not spec["pki_dir"].startswith(("/", "~")):
        if spec["pki_dir"]:
            yield (
                f"kafka_pki_dir is {spec['pki_dir']!r}: write an absolute "
                "path on the controller."
            )
            return
        for setting in sorted(given):
            if not given[setting]:
                yield (
                    f"{setting} is empty, and the listeners of kafka_security "
                    f"{spec['security']} and kafka_listeners need it: name a "
                    "PEM file on the controller, or set kafka_pki_dir to a "
                    "folder for a small certificate authority of this role."
                )


def kafka_security_problems(spec):
    """One sentence for each thing that cannot work, most general first."""
    problems = list(cluster_problems(spec))
    given = spec["given_nodes"]
    if problems and spec["host"] not in given:
        # The rest would only follow from it.
        return problems
    for part in (
        _advertised_problems,
        _listener_problems,
        _more_listener_problems,
        _port_problems,
        admin_problems,
        user_problems,
        grant_problems,
        rights_problems,
        _tls_problems,
    ):
        problems += part(spec)
    return [problem for problem in problems if problem]


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_node_shape_problems": kafka_node_shape_problems,
            "kafka_security_problems": kafka_security_problems,
        }
