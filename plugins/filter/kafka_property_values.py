# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: the settings in kafka_properties."""

import re

from ..plugin_utils.kafka_setting_problems import key_problem, value_problem

#: Settings of the broker of which there has to be one at least.
COUNTS = (
    "background.threads",
    "default.replication.factor",
    "min.insync.replicas",
    "num.io.threads",
    "num.network.threads",
    "num.partitions",
    "num.recovery.threads.per.data.dir",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.num.partitions",
    "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
)
#: A setting for one of the role's own listeners wins over the general one.
OWN_LISTENER = re.compile(
    r"listener\.name\.(?:controller|plaintext|ssl|sasl_plaintext|sasl_ssl)\."
    r"(?:(?:gssapi|oauthbearer|plain|scram-sha-[0-9]+)\.)?"
)
#: What not everybody may read, unless the value says where it is. Anywhere in
#: a name: better one that is hidden in vain, as an encoder's iterations are.
SECRET = re.compile(
    r"credential|jaas\.config|keystore\.key|passphrase|password|secret"
    r"|(access|master|private)\.key",
    re.IGNORECASE,
)


def kafka_property_problems(properties, owned, own):
    """Settings that the role sets itself, and values that are none.

    owned has the keys that variables set, and which variables; own are the
    settings of this node, which would win without a word.
    """
    problems = [key_problem("kafka_properties", key) for key in properties]
    if any(problems):
        return [problem for problem in problems if problem]
    meant = {key: _general(key) for key in properties}
    both = sorted(
        key
        for key, general in meant.items()
        if {key, general} & ({*owned} | {*own})
    )
    if both:
        variables = sorted(
            {
                owned.get(key) or owned.get(meant[key]) or "kafka_security"
                for key in both
            }
        )
        problems.append(
            f"kafka_properties sets {', '.join(both)}, which the role sets "
            f"itself: remove that there, and use {', '.join(variables)}."
        )
    problems += [
        value_problem("kafka_properties", key, value)
        or _count_problem(key, value)
        for key, value in properties.items()
        if key not in both
    ]
    return [problem for problem in problems if problem]


def _general(key):
    """The setting that a key is about, for whichever listener it is."""
    return OWN_LISTENER.sub("", key.lower())


def _count_problem(key, value):
    if key in COUNTS and int(value) < 1:
        return f"{key} of kafka_properties is {value}: write 1 or more."
    return ""


def kafka_has_secrets(properties):
    """Whether a setting holds what not everybody may read."""
    return any(
        SECRET.search(str(key)) and not str(value).startswith("${")
        for key, value in properties.items()
    )


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_has_secrets": kafka_has_secrets,
            "kafka_property_problems": kafka_property_problems,
        }
