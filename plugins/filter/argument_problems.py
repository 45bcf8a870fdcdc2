# SPDX-License-Identifier: Apache-2.0
"""A filter: values that are not of the type that their variable has.

The types are those of the role's argument_specs, so that they are written
down once. Ansible checks them too, but not where only some of a role's tasks
are included, and it does not say what to write.
"""

import re
from collections.abc import Mapping

from ..plugin_utils.truth import is_boolean

#: Numbers that are texts. int() takes more, such as "29_092" and a number
#: between spaces, and what is written into files is the text as it stands.
NUMBERS = {
    "int": re.compile(r"-?[0-9]+"),
    "float": re.compile(r"-?[0-9]+(\.[0-9]+)?"),
}
MANY = 60
#: Added to options beside one that is secret: it may be in them by mistake.
GUARDED = "guarded"
KINDS = {
    "str": "text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a dictionary",
}
EMPTY = {"list": "[]", "dict": "{}", "str": '""', "path": '""'}


def is_list(value):
    return isinstance(value, (list, tuple))


def is_text(value):
    # Before ansible-core 2.19 what is encrypted in the midst of a file
    # (!vault) is no str.
    return isinstance(value, str) or getattr(value, "__ENCRYPTED__", False)


def _is_number(value, kind):
    if isinstance(value, bool):
        return False
    if isinstance(value, int) or (
        kind == "float" and isinstance(value, float)
    ):
        return True
    return is_text(value) and bool(NUMBERS[kind].fullmatch(value))


def _fits(value, kind):
    if kind in ("int", "float"):
        return _is_number(value, kind)
    if kind == "bool":
        return is_boolean(value)
    if kind == "list":
        return is_list(value)
    if kind == "dict":
        return isinstance(value, Mapping)
    return is_text(value)


def _hides(option):
    """Whether anything in a value may be a secret."""
    return bool(option.get("no_log")) or any(
        _hides(inner) for inner in (option.get("options") or {}).values()
    )


def _kind(value):
    if isinstance(value, bool):
        return KINDS["bool"]
    if isinstance(value, Mapping):
        return KINDS["dict"]
    if is_list(value):
        return KINDS["list"]
    return KINDS["str"] if is_text(value) else "a number"


def shown(value, option):
    """What a value is, in words; never a secret."""
    if value is None:
        return "is empty"
    nested = isinstance(value, Mapping) or is_list(value)
    if (
        _hides(option)
        or option.get("type") == "dict"
        or (nested and option.get(GUARDED))
    ):
        return f"is {_kind(value)}"
    text = f"{value!r}" if is_text(value) else f"{value}"
    return f"is {text[:MANY]}{'...' if len(text) > MANY else ''}"


def _advice(value, option):
    kind = option.get("type", "str")
    if option.get("choices"):
        some = "a list of some of" if kind == "list" else "one of"
        return f"write {some} " + ", ".join(map(str, option["choices"]))
    if value is None:
        none = f", or {EMPTY[kind]} for none" if kind in EMPTY else ""
        return f"write {KINDS[kind]}{none}, or leave it out"
    if kind == "str":
        return "write text, in quotes"
    return f"write {KINDS[kind]}"


def _named(item, position):
    """A list's item, as its reader knows it."""
    name = item.get("name") if isinstance(item, Mapping) else None
    return f"{name}" if is_text(name) and name else f"item {position}"


def _item_problems(where, item, option):
    kind = option.get("elements", "str")
    inner = {**option, "type": kind}
    if not _fits(item, kind):
        advice = _advice(item, inner)
        if kind == "dict" and option.get("options"):
            keys = option["options"]
            needed = [key for key in keys if keys[key].get("required")]
            like = ", ".join(f"{key}: ..." for key in needed)
            advice = f"write {{{like}}}"
        yield f"{where} {shown(item, inner)}: {advice}."
    elif option.get("choices") and item not in option["choices"]:
        yield f"{where} {shown(item, inner)}: {_advice(item, inner)}."
    elif kind == "dict" and option.get("options"):
        yield from _key_problems(where, item, option["options"])


def _key_problems(where, value, options):
    for key in value:
        if key not in options:
            yield (
                f"{where} has the key {key}, which means nothing there: "
                f"write one of {', '.join(options)}."
            )
    guarded = any(_hides(option) for option in options.values())
    for key, known in options.items():
        option = {**known, GUARDED: guarded}
        if key in value:
            # Where there is no default, null says so.
            if value[key] is not None or {"default", "required"} & {*option}:
                yield from _problems(f"{key} of {where}", value[key], option)
        elif option.get("required"):
            yield f"{where} has no {key}: write it."


def _problems(where, value, option, numbers=False):
    kind = option.get("type", "str")
    if numbers and _is_number(value, "float"):
        value = str(value)
    if not _fits(value, kind):
        advice = _advice(value, option)
        if kind in ("list", "dict") and is_text(value) and " " not in where:
            like = '["..."]' if kind == "list" else '{"...": "..."}'
            advice += (
                f" in YAML; on the command line, "
                f"--extra-vars '{{\"{where}\": {like}}}'"
            )
        yield f"{where} {shown(value, option)}: {advice}."
    elif option.get("choices") and kind != "list":
        if value not in option["choices"]:
            yield f"{where} {shown(value, option)}: {_advice(value, option)}."
    elif kind == "list":
        for position, item in enumerate(value, 1):
            name = _named(item, position)
            yield from _item_problems(f"{name} in {where}", item, option)
    elif kind == "dict" and option.get("options"):
        yield from _key_problems(where, value, option["options"])


def _marked(options):
    """The options, with no_log for passwords.

    It is not in argument_specs, because with it ansible-core before 2.19
    fails on a password that is encrypted in the midst of a file.
    """
    return {
        name: {
            **option,
            "no_log": option.get("no_log") or "password" in name,
            "options": _marked(option.get("options") or {}),
        }
        for name, option in options.items()
    }


def argument_problems(values, options, numbers=()):
    """One sentence for each value that is not of its variable's type.

    options is what argument_specs says of the variables; those in numbers
    may be numbers where text is meant, like a version without quotes.
    """
    problems, options = [], _marked(options)
    for name, value in values.items():
        problems += _problems(name, value, options[name], name in numbers)
    return problems


class FilterModule:
    """The filter, by name."""

    def filters(self):
        return {"argument_problems": argument_problems}
