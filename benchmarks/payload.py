# SPDX-License-Identifier: Apache-2.0
"""A notification's payload: nested, as those of OpenStack's services are."""

import json
from typing import Any


def make(size: int) -> dict[str, Any]:
    """A payload whose JSON has about ``size`` bytes."""
    items: list[dict[str, Any]] = []
    body: dict[str, Any] = {"host": "compute1", "items": items}
    while len(json.dumps(body)) < size:
        number = len(items)
        items.append(
            {
                "id": f"5c0ffee0-0000-4000-8000-{number:012d}",
                "state": "active",
                "size": 4096 + number,
                "ready": number % 2 == 0,
                "address": {"version": 4, "ip": f"192.0.2.{number % 255}"},
            }
        )
    return body
