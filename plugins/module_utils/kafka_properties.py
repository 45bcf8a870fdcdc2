# SPDX-License-Identifier: Apache-2.0
"""Files of lines with a name and a value, as Kafka and its launchers read."""


def parse(text):
    """The settings in such a text, without its comments."""
    pairs = (
        line.split("=", 1)
        for line in text.splitlines()
        if "=" in line and not line.startswith("#")
    )
    return {key.strip(): value.strip() for key, value in pairs}
