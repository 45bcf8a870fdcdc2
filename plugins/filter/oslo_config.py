# SPDX-License-Identifier: Apache-2.0
"""Settings in the files that oslo.config reads."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleFilterError

_KEY = re.compile(r"[A-Za-z0-9_.-]+")
Settings = dict[str, dict[str, Any]]


def oslo_value(value: Any, name: str = "A setting") -> str:
    """Write a value so that oslo.config reads exactly this value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(oslo_value(item, name) for item in value)
    if value is None or isinstance(value, dict):
        raise AnsibleFilterError(
            f"{name} has no plain value: write a text, a number, true, "
            "false or a list."
        )
    text = str(value)
    if "\n" in text or "\r" in text:
        raise AnsibleFilterError(
            f"{name} has more than one line: write it on one."
        )
    if "\\$" in text:
        raise AnsibleFilterError(
            f"{name} holds a backslash before a dollar sign, which "
            "oslo.config cannot express: choose another value."
        )
    # oslo.config puts other options in the place of $names.
    text = text.replace("$", "$$")
    # It also strips spaces and one pair of quotes.
    quoted = text[:1] in ("'", '"') and text[-1:] == text[:1]
    if text != text.strip() or quoted:
        text = f'"{text}"'
    return text


def _assignments(name: str, section: dict[str, Any]) -> dict[str, str]:
    lines = {}
    for key, value in section.items():
        if not _KEY.fullmatch(key):
            raise AnsibleFilterError(
                f"{key} in [{name}] is no option name: write letters, "
                "digits and underscores."
            )
        lines[key] = f"{key} = {oslo_value(value, f'[{name}] {key}')}\n"
    return lines


def _lines(text: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield (line, section, key); a continuation line has its key."""
    section = key = None
    # Lines end where oslo.config ends them, and not at a form feed or at
    # U+2028 as those of splitlines() do; each keeps its own end.
    for line in io.StringIO(text, newline=""):
        if not line.strip() or line.startswith(("#", ";")):
            # Only a blank line ends a value: a comment in the middle is
            # what oslo.config ends it at, too.
            key = None
        elif line.startswith("["):
            section, key = line.strip()[1:-1], None
        elif not line.startswith((" ", "\t")):
            key = re.split("[=:]", line, maxsplit=1)[0].strip()
        yield line, section, key


def _same(name: str | None) -> str:
    """oslo.config ignores the case of group names, except DEFAULT's."""
    return name if name is None or name == "DEFAULT" else name.lower()


def oslo_merge(text: str, settings: Settings) -> str:
    """Put settings into the text of a configuration file.

    Everything else stays as it is, comments included. A setting is replaced
    where it first stands, further ones of the same name go; a new one comes
    directly below the head of its section.
    """
    wanted = {_same(s): _assignments(s, keys) for s, keys in settings.items()}
    written: set[tuple[str, str]] = set()
    heads: dict[str, int] = {}
    merged: list[str] = []
    if text and not text.endswith(("\n", "\r")):
        text += "\n"
    for line, section, key in _lines(text):
        name = _same(section)
        if key is None or key not in wanted.get(name, {}):
            merged.append(line)
            if line.startswith("["):
                heads.setdefault(name, len(merged))
        elif (name, key) not in written:
            merged.append(wanted[name][key])
            written.add((name, key))

    # From the last section to the first, so that positions stay right.
    for name, position in sorted(heads.items(), key=lambda h: -h[1]):
        merged[position:position] = [
            line
            for key, line in wanted.get(name, {}).items()
            if (name, key) not in written
        ]
    for section in settings:
        if _same(section) not in heads and settings[section]:
            merged += ["\n"] if merged else []
            merged += [f"[{section}]\n"]
            merged += wanted[_same(section)].values()
    return "".join(merged)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"oslo_value": oslo_value, "oslo_merge": oslo_merge}
