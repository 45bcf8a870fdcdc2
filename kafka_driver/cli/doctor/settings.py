# SPDX-License-Identifier: Apache-2.0
"""The configuration as the service reads it."""

import contextlib
import difflib
import importlib.metadata
import os
import platform
from collections.abc import Iterable
from typing import Any

import confluent_kafka
from oslo_config import cfg
from oslo_messaging.notify import notifier

from kafka_driver import errors, options
from kafka_driver.cli import quoting, urls
from kafka_driver.cli.doctor import findings
from kafka_driver.cli.doctor.findings import Finding
from kafka_driver.cli.urls import NOTIFICATIONS, Source

CONFIGURATION = "configuration"
DRIVER = "driver"
URL = "url"
SCHEME = "scheme"
OPTIONS = "options"

_DRIVER_VARIABLE = "OS_OSLO_MESSAGING_NOTIFICATIONS__DRIVER"
_KAFKA = "oslo_messaging_kafka"
#: Options of notifications that have checks of their own.
_SEEN_ELSEWHERE = frozenset({"driver", "topics", "transport_url"})


def software() -> Finding:
    """Which Python and libraries this is: a service may have others."""
    versions = [
        f"Python {platform.python_version()}",
        f"oslo.messaging {importlib.metadata.version('oslo.messaging')}",
        f"confluent-kafka {confluent_kafka.__version__}",
        f"librdkafka {confluent_kafka.libversion()[0]}",
    ]
    return findings.ok("software", ", ".join(versions))


def files(read: list[str]) -> Finding:
    """Where the configuration came from."""
    variables = [name for name in urls.VARIABLES if name in os.environ]
    places = [*read, *(f"{name} of the environment" for name in variables)]
    if not places:
        return findings.ok(CONFIGURATION, "no file was read")
    return findings.ok(CONFIGURATION, f"read {', '.join(places)}")


def secrets(conf: cfg.ConfigOpts, given: str | None) -> set[str]:
    """Every spelling of the passwords of both URLs, and the other secrets."""
    found = set()
    with contextlib.suppress(errors.ConfigurationError):
        found |= quoting.secrets(urls.of_notifications(conf, given).text)
    with contextlib.suppress(errors.ConfigurationError):
        found |= quoting.secrets(urls.of_rpc(conf).text)
    found |= options.secrets(conf)
    return {one for one in found if len(one) >= quoting.SHORTEST}


def misspelt(files: list[str]) -> list[Finding]:
    """What the sections of notifications set and nobody reads."""
    known = {
        NOTIFICATIONS: _names(notifier._notifier_opts),
        _KAFKA: _names(options.ALL_OPTS),
    }
    found = []
    for path in files:
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(path, sections).parse()
        for section, names in known.items():
            for name in sections.get(section, {}):
                if name.replace("-", "_") not in names:
                    close = difflib.get_close_matches(name, names, 1)
                    found.append(
                        findings.warning(
                            OPTIONS,
                            f"{name} in section [{section}] of {path} is no "
                            "option: nothing reads it",
                            f"write {close[0]}, or leave it out"
                            if close
                            else "correct its spelling, or leave it out",
                        )
                    )
    return found


def _names(opts: Iterable[cfg.Opt]) -> list[str]:
    """Every name that the options may have in a file."""
    return sorted(
        {opt.dest for opt in opts}
        | {
            str(old.name).replace("-", "_")
            for opt in opts
            for old in opt.deprecated_opts
        }
    )


def notification_drivers(conf: cfg.ConfigOpts) -> Finding:
    """Whether a Notifier of the service hands anything to a transport."""
    try:
        names = list(conf[NOTIFICATIONS].driver)
    except (cfg.Error, ValueError):
        return findings.failed(
            DRIVER,
            f"option driver of section [{NOTIFICATIONS}] cannot be read",
            "write driver = messagingv2",
        )
    if _DRIVER_VARIABLE in os.environ and {len(one) for one in names} == {1}:
        return findings.failed(
            DRIVER,
            f"oslo.config takes {_DRIVER_VARIABLE} of the environment apart "
            "into its letters, so nothing is sent",
            f"write driver = messagingv2 in section [{NOTIFICATIONS}] of a "
            "file",
        )
    return judge_drivers(
        names, urls.installed("oslo.messaging.notify.drivers")
    )


def judge_drivers(names: list[str], known: set[str]) -> Finding:
    """What a list of notification drivers does. Pure."""
    fix = f"write driver = messagingv2 in section [{NOTIFICATIONS}]"
    unknown = [name for name in names if name not in known]
    if unknown:
        return findings.failed(
            DRIVER,
            f"there is no notification driver {unknown[0]!r} in this Python "
            "environment",
            fix,
        )
    text = ", ".join(names)
    if {"messaging", "messagingv2"} <= set(names):
        return findings.warning(
            DRIVER,
            f"{text}: each notification is sent twice, once by messaging and "
            "once by messagingv2",
            "leave messaging out",
        )
    if {"messaging", "messagingv2"} & set(names):
        return findings.ok(DRIVER, f"{text}: notifications are sent")
    if "routing" in names:
        return findings.warning(
            DRIVER,
            "routing: a file decides what is sent, and it is not looked at "
            "here",
            f"see that its rules name messagingv2, or {fix}",
        )
    if not names:
        text = f"no notification driver is set in section [{NOTIFICATIONS}]"
        return findings.failed(DRIVER, f"{text}: nothing is sent", fix)
    return findings.failed(DRIVER, f"{text}: nothing is sent", fix)


def unreadable(conf: cfg.ConfigOpts) -> list[Finding]:
    """Values that a Notifier cannot be made with."""
    found = []
    for opt in notifier._notifier_opts:
        if opt.dest in _SEEN_ELSEWHERE:
            continue
        try:
            conf[NOTIFICATIONS][opt.dest]
        except (cfg.Error, ValueError):
            found.append(
                findings.failed(
                    OPTIONS,
                    f"option {opt.dest} of section [{NOTIFICATIONS}] cannot "
                    "be read, so the service does not start",
                    "correct its value, or leave it out",
                )
            )
    return found


def unnamed(topics: list[str]) -> list[Finding]:
    """Topics whose name is the priority alone. Pure."""
    if "" not in topics:
        return []
    return [
        findings.warning(
            OPTIONS,
            f"option topics of section [{NOTIFICATIONS}] has an empty name, "
            "and each notification is sent to a topic such as .info as well",
            "take out the comma that is too many",
        )
    ]


def repeated(topics: list[str]) -> list[Finding]:
    """The topics that a Notifier sends everything to again. Pure."""
    twice = sorted({one for one in topics if topics.count(one) > 1})
    return [
        findings.warning(
            OPTIONS,
            f"option topics of section [{NOTIFICATIONS}] has {one!r} "
            f"{topics.count(one)} times, and each notification is sent to "
            "it as often",
            "write it once",
        )
        for one in twice
    ]


def parsed(conf: cfg.ConfigOpts, source: Source) -> tuple[Any, Finding]:
    """The TransportURL, None when it cannot be parsed; what was found."""
    try:
        url = urls.parse(conf, source)
    except urls.BadURL as exc:
        return None, findings.failed(URL, exc.what, exc.fix)
    hosts = ", ".join(str(host.hostname) for host in url.hosts)
    where = f"{source.where}, {url.transport}:// to {hosts or 'no host'}"
    return url, findings.ok(URL, where)


def scheme(url: Any, source: Source) -> Finding:
    """Whether the URL means Kafka, and which of the two drivers."""
    name = url.transport
    if name not in urls.installed("oslo.messaging.drivers"):
        fix = urls.WRITE_URL
        if name == urls.OURS:
            fix = (
                "install the driver into the Python environment of the "
                "service, and run its kafka-driver command"
            )
        return findings.failed(
            SCHEME,
            f"this Python environment has no driver for {name}://",
            fix,
        )
    if name == urls.OURS:
        return findings.ok(SCHEME, f"{name}: this driver")
    if name == urls.IN_TREE:
        return findings.warning(
            SCHEME,
            "kafka: oslo.messaging's own driver; a send returns before a "
            "broker has the notification",
            "write kafka-driver:// to have each one confirmed",
        )
    return findings.failed(
        SCHEME,
        f"{name}: notifications do not go to Kafka, for {source.where} is "
        "what they take",
        urls.WRITE_URL,
    )


def rpc_scheme(url: Any) -> Finding:
    """Whether RPC goes over something that carries it."""
    if url.transport in (urls.OURS, urls.IN_TREE):
        return findings.warning(
            "rpc",
            f"transport_url of section [DEFAULT] is {url.transport}://, and "
            "Kafka carries no RPC",
            "write a rabbit:// URL there when the service uses RPC, and "
            f"keep the other in section [{NOTIFICATIONS}]",
        )
    return findings.ok("rpc", f"RPC goes over {url.transport}://")
