# SPDX-License-Identifier: Apache-2.0
"""What no setting of Kafka can be, whether of a topic or of a broker."""

import re

#: Names of settings that end so have a number, but for lists of copies.
NUMERIC = re.compile(
    r"(?<!throttled)(^|\.)(bytes|factor|hours|isr|minutes|ms|partitions"
    r"|replicas|retries|seconds|threads)\Z"
)
NUMBER = re.compile(r"-?[0-9]+")


def key_problem(where, key):
    """Why no file could hold a setting of this name; empty if one could."""
    if isinstance(key, str) and key and not re.search(r"[\s=:#!\\]", key):
        return ""
    return (
        f"{where} has a setting {key!r}: write its name as Kafka has it, "
        "without spaces."
    )


def value_problem(where, key, value, numeric=False):
    """Why a value is none of this setting; empty if it may be.

    numeric tells that it is a number although its name does not.
    """
    if isinstance(value, (list, tuple, dict)) or value is None:
        return (
            f"{key} of {where} is no single value: write text or a number, "
            "lists as Kafka has them, with commas."
        )
    if (numeric or NUMERIC.search(key)) and not NUMBER.fullmatch(str(value)):
        return f"{key} of {where} is {value!r}: write a whole number."
    return ""
