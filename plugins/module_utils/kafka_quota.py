# SPDX-License-Identifier: Apache-2.0
"""What Kafka can limit of a user, and what a limit is."""

import math

LIMITS = (
    "consumer_byte_rate",
    "controller_mutation_rate",
    "producer_byte_rate",
    "request_percentage",
)


def is_limit(value):
    """Whether it is a number above 0; float() takes true and inf, too."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return math.isfinite(number) and number > 0 and value is not True
