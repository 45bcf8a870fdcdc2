# SPDX-License-Identifier: Apache-2.0
"""Settings go into a service's file and nothing else in it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from oslo_config import cfg
from running import load

plugin = load("plugins/filter/oslo_config.py")

SERVICE = """\
# A service's file.
[DEFAULT]
debug = true
# transport_url = rabbit://example/
transport_url = rabbit://old/
log_file = a,
  b

; not ours
[database]
connection = mysql://db/

[oslo_messaging_notifications]
driver = log
driver = messaging
"""


def test_only_our_keys_change() -> None:
    merged = plugin.oslo_merge(
        SERVICE,
        {
            "DEFAULT": {"transport_url": "rabbit://new/"},
            "oslo_messaging_notifications": {
                "driver": "messagingv2",
                "retry": -1,
            },
        },
    )
    assert merged == (
        SERVICE.replace("= rabbit://old/", "= rabbit://new/").replace(
            "driver = log\ndriver = messaging\n",
            "retry = -1\ndriver = messagingv2\n",
        )
    )


def test_a_second_merge_changes_nothing() -> None:
    settings = {"DEFAULT": {"transport_url": "x"}, "new": {"a": "1"}}
    once = plugin.oslo_merge(SERVICE, settings)
    assert plugin.oslo_merge(once, settings) == once


def test_an_empty_file_gets_the_sections_in_order() -> None:
    merged = plugin.oslo_merge("", {"DEFAULT": {"a": 1}, "b": {"c": True}})
    assert merged == "[DEFAULT]\na = 1\n\n[b]\nc = true\n"


def test_no_section_is_made_for_nothing() -> None:
    assert plugin.oslo_merge(SERVICE, {"oslo_messaging_kafka": {}}) == SERVICE


def test_a_replaced_value_takes_its_further_lines_along() -> None:
    merged = plugin.oslo_merge(SERVICE, {"DEFAULT": {"log_file": "c"}})
    assert merged == SERVICE.replace("log_file = a,\n  b\n", "log_file = c\n")


def test_a_section_that_stands_twice_keeps_one_value() -> None:
    text = "[a]\nx = 1\n[b]\n[A]\nx = 2\ny = 3\n"
    merged = plugin.oslo_merge(text, {"a": {"x": 9}})
    assert merged == "[a]\nx = 9\n[b]\n[A]\ny = 3\n"


@pytest.mark.parametrize(
    "mark",
    ["\f", "\v", "\x1c", "\x85", "\u2028"],
    ids=ascii,
)
def test_a_file_is_cut_only_where_oslo_config_cuts_it(
    mark: str, tmp_path: Path
) -> None:
    text = f"[group]\nother = a{mark}b\noption = 1\n"
    merged = plugin.oslo_merge(text, {"group": {"option": 2}})
    assert merged == text.replace("1", "2")
    path = tmp_path / "service.conf"
    path.write_text(merged, encoding="utf-8")
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("other"), group="group")
    conf(["--config-file", str(path)])
    assert conf.group.other == f"a{mark}b"


def test_lines_keep_their_ends() -> None:
    text = "[group]\r\nother = a\r\noption = 1\r\nlast = b"
    merged = plugin.oslo_merge(text, {"group": {"option": 2}})
    assert merged == "[group]\r\nother = a\r\noption = 2\nlast = b\n"


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "$debug and ${debug} and $$",
        " spaces around ",
        '"quoted"',
        "'quoted'",
        '"',
        "a = b : c # d ; e",
        "[brackets]",
        "100%",
        "back\\slash",
        "",
        "zoë",
    ],
)
def test_oslo_config_reads_the_value_that_was_given(
    value: str, tmp_path: Path
) -> None:
    path = tmp_path / "service.conf"
    path.write_text(
        plugin.oslo_merge("", {"group": {"option": value}}), encoding="utf-8"
    )
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("option"), group="group")
    conf.register_opt(cfg.StrOpt("debug", default="substituted"))
    conf(["--config-file", str(path)])
    assert conf.group.option == value


@pytest.mark.parametrize(
    "value", [None, {}, "two\nlines", "\\$", ["a", None]], ids=repr
)
def test_what_cannot_be_written_is_refused_by_name(value: object) -> None:
    with pytest.raises(AnsibleFilterError, match=r"\[group\] option"):
        plugin.oslo_merge("", {"group": {"option": value}})


def test_a_key_cannot_smuggle_another_line_in() -> None:
    with pytest.raises(AnsibleFilterError, match="no option name"):
        plugin.oslo_merge("", {"group": {"a = 1\nb": 2}})
