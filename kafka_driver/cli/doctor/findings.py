# SPDX-License-Identifier: Apache-2.0
"""What a check found, as data, and how it is shown. Pure."""

import dataclasses
import json
from collections.abc import Iterable

OK = "ok"
WARNING = "warning"
FAILED = "failed"
SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the report.

    :param check: what was looked at
    :param text: what was seen there
    :param fix: what to do about it, one sentence
    """

    check: str
    level: str
    text: str
    fix: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, OK, text)


def warning(check: str, text: str, fix: str) -> Finding:
    return Finding(check, WARNING, text, fix)


def failed(check: str, text: str, fix: str) -> Finding:
    return Finding(check, FAILED, text, fix)


def skipped(check: str, why: str) -> Finding:
    return Finding(check, SKIPPED, f"because {why}")


def has_failed(found: Iterable[Finding]) -> bool:
    return any(one.level == FAILED for one in found)


def as_line(one: Finding) -> str:
    # A text from elsewhere may have several lines.
    text = " ".join(one.text.split())
    line = f"{one.level:<7}  {one.check:<13}  {text}"
    return f"{line}; {one.fix}" if one.fix else line


def summary(found: Iterable[Finding]) -> str:
    return ", ".join(
        f"{count} {level}" for level, count in counts(found).items()
    )


def as_json(found: Iterable[Finding]) -> str:
    found = list(found)
    return json.dumps(
        {
            "checks": [dataclasses.asdict(one) for one in found],
            "counts": counts(found),
        }
    )


def counts(found: Iterable[Finding]) -> dict[str, int]:
    numbers = dict.fromkeys((OK, WARNING, FAILED, SKIPPED), 0)
    for one in found:
        numbers[one.level] += 1
    return numbers


def hiding(secrets: Iterable[str], one: Finding) -> Finding:
    """The finding with each of the secrets blotted out."""
    return dataclasses.replace(
        one, text=without(secrets, one.text), fix=without(secrets, one.fix)
    )


def without(secrets: Iterable[str], text: str) -> str:
    """The text with each of the secrets blotted out."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text
