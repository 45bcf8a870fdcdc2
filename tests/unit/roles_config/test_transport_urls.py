# SPDX-License-Identifier: Apache-2.0
"""Transport URLs say to oslo.messaging exactly what was given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from oslo_config import cfg
from oslo_messaging import TransportURL
from running import ROOT, Ansible, load

CASES: list[dict[str, Any]] = json.loads(
    (ROOT / "tests/data/transport_urls.json").read_text(encoding="utf-8")
)
plugin = load("plugins/filter/transport_url.py")

each_case = pytest.mark.parametrize(
    "case", CASES, ids=[case["name"] for case in CASES]
)


def test_table_covers_every_reserved_character() -> None:
    passwords = "".join(case["password"] for case in CASES)
    assert set(":/?#[]@!$&'()*+,;=%") <= set(passwords)


def test_template_renders_the_table(ansible: Ansible, tmp_path: Path) -> None:
    rendered = tmp_path / "urls.json"
    table = ROOT / "tests/data/transport_urls.json"
    # Read by a lookup, so that no text in it is taken for a template.
    cases = f"lookup('ansible.builtin.file', '{table}') | from_json"
    url = (
        "item.hosts | kafka_bus.openstack.transport_url(item.transport,"
        " item.port, user=item.user, password=item.password,"
        " vhost=item.vhost)"
    )
    done = ansible.play(
        [
            {
                "set_fact": {
                    "urls": "{{ urls | default([]) + [" + url + "] }}"
                },
                "loop": "{{ " + cases + " }}",
            },
            {
                "copy": {
                    "content": "{{ urls | to_json }}",
                    "dest": str(rendered),
                }
            },
        ]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    urls = json.loads(rendered.read_text(encoding="utf-8"))
    assert urls == [case["url"] for case in CASES]


@each_case
def test_oslo_messaging_reads_what_was_given(case: dict[str, Any]) -> None:
    url = TransportURL.parse(cfg.ConfigOpts(), case["url"])
    assert url.transport == case["transport"]
    assert url.virtual_host == case["vhost"]
    assert len(url.hosts) == len(case["hosts"])
    for host, given in zip(url.hosts, case["hosts"], strict=True):
        assert (host.username or "") == case["user"]
        assert (host.password or "") == case["password"]
        assert host.hostname in given
        assert host.port == case["port"] or str(host.port) in given


@each_case
def test_oslo_config_hands_the_url_on_unchanged(
    case: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "service.conf"
    path.write_text(f"[DEFAULT]\ntransport_url = {case['url']}\n")
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("transport_url"))
    conf(["--config-file", str(path)])
    assert conf.transport_url == case["url"]


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"hosts": []}, "at least one"),
        ({"hosts": "h1,h2"}, "as a list"),
        ({"hosts": ["u:hush-hush@h"]}, "user and password have settings"),
        ({"hosts": ["h 1"]}, "no host name"),
        ({"hosts": ["10.0.0.300"]}, "no host name or address"),
        ({"hosts": ["10.0.0:5672"]}, "no host name or address"),
        ({"hosts": ["1:2:3:zz"]}, "no host name or address"),
        ({"hosts": ["a:b:c"]}, "no host name or address"),
        ({"hosts": ["[1:2]:5672"]}, "no host name or address"),
        ({"hosts": ["h:port"]}, "write host:port"),
        ({"hosts": ["h:70000"]}, "from 1 to 65535"),
        ({"port": 0}, "from 1 to 65535"),
        ({"transport": "kafka_driver"}, "kafka-driver"),
        ({"user": ""}, "write the user too"),
    ],
    ids=str,
)
def test_what_cannot_be_a_url_is_refused_in_a_sentence(
    given: dict[str, Any], setting: str
) -> None:
    arguments = {
        "hosts": ["h"],
        "transport": "rabbit",
        "port": 5672,
        "user": "u",
        "password": "hush-hush",
        **given,
    }
    with pytest.raises(AnsibleFilterError, match=setting) as refused:
        plugin.transport_url(**arguments)
    assert "hush-hush" not in str(refused.value)
