# SPDX-License-Identifier: Apache-2.0
"""Booleans, in the words that Ansible has for them.

Only words of which Ansible's type bool and its filter bool say the same: of
y, t, n and f the one says true or false, the other false.
"""

YES = ("1", "on", "true", "yes")
NO = ("0", "false", "no", "off")


def is_boolean(value):
    return str(value).lower() in YES + NO


def truth(value):
    """Whether a value that is_boolean says yes; nothing says no."""
    return str(value).lower() in YES
