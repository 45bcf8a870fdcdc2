# SPDX-License-Identifier: Apache-2.0
"""The configuration as the service reads it."""

import contextlib
import dataclasses
import importlib.metadata
import platform
from typing import Any

import confluent_kafka
import oslo_messaging
from oslo_config import cfg
from oslo_messaging.notify import notifier

from kafka_driver import errors
from kafka_driver.cli.doctor import findings, quoting
from kafka_driver.cli.doctor.findings import Finding

CONFIGURATION = "configuration"
DRIVER = "driver"
URL = "url"
SCHEME = "scheme"

_NOTIFICATIONS = "oslo_messaging_notifications"
_WRITE_URL = (
    f"write transport_url = kafka-driver://HOST:9092/ in section "
    f"[{_NOTIFICATIONS}]"
)
OURS, IN_TREE = "kafka-driver", "kafka"


@dataclasses.dataclass(frozen=True)
class Source:
    """A transport URL and where it was found."""

    text: str
    where: str


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
    """Which files the configuration came from."""
    if not read:
        return findings.ok(CONFIGURATION, "no file was read")
    return findings.ok(CONFIGURATION, f"read {', '.join(read)}")


def register(conf: cfg.ConfigOpts) -> None:
    """Let the configuration know the options of notifications."""
    conf.register_opts(notifier._notifier_opts, group=_NOTIFICATIONS)
    # What is wrong with the URL is said where it is used.
    with contextlib.suppress(
        oslo_messaging.InvalidTransportURL, cfg.Error, ValueError
    ):
        # Registers the options of [DEFAULT].
        oslo_messaging.TransportURL.parse(conf)


def secrets(conf: cfg.ConfigOpts, given: str | None) -> set[str]:
    """Every spelling of the passwords of both URLs."""
    register(conf)
    found = set()
    with contextlib.suppress(errors.ConfigurationError):
        found |= quoting.secrets(notification_url(conf, given).text)
    with contextlib.suppress(errors.ConfigurationError):
        found |= quoting.secrets(rpc_url(conf).text)
    return found


def notification_drivers(conf: cfg.ConfigOpts) -> Finding:
    """Whether a Notifier of the service hands anything to a transport."""
    try:
        names = list(conf[_NOTIFICATIONS].driver)
    except (cfg.Error, ValueError):
        return findings.failed(
            DRIVER,
            f"option driver of section [{_NOTIFICATIONS}] cannot be read",
            "write driver = messagingv2",
        )
    return judge_drivers(names, _installed("oslo.messaging.notify.drivers"))


def judge_drivers(names: list[str], known: set[str]) -> Finding:
    """What a list of notification drivers does. Pure."""
    fix = f"write driver = messagingv2 in section [{_NOTIFICATIONS}]"
    unknown = [name for name in names if name not in known]
    if unknown:
        return findings.failed(
            DRIVER,
            f"there is no notification driver {unknown[0]!r} in this Python "
            "environment",
            fix,
        )
    text = ", ".join(names)
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
        text = f"no notification driver is set in section [{_NOTIFICATIONS}]"
        return findings.failed(DRIVER, f"{text}: nothing is sent", fix)
    return findings.failed(DRIVER, f"{text}: nothing is sent", fix)


def notification_url(conf: cfg.ConfigOpts, given: str | None) -> Source:
    """The URL that notifications take.

    :param given: on the command line
    :raises ConfigurationError: when it cannot be read
    """
    if given is not None:
        return Source(given, "--url")
    own = _option(conf, "transport_url", _NOTIFICATIONS)
    if own:
        return Source(own, f"transport_url of section [{_NOTIFICATIONS}]")
    return rpc_url(conf)


def rpc_url(conf: cfg.ConfigOpts) -> Source:
    """The URL that RPC takes.

    :raises ConfigurationError: when it cannot be read
    """
    text = _option(conf, "transport_url", None)
    return Source(text, "transport_url of section [DEFAULT]")


def parsed(conf: cfg.ConfigOpts, source: Source) -> tuple[Any, Finding]:
    """The TransportURL, None when it cannot be parsed; what was found."""
    wrong = quoting.problem(source.text)
    if wrong is not None:
        return None, findings.failed(
            URL, f"{source.where}: {wrong[0]}", wrong[1]
        )
    try:
        url = oslo_messaging.TransportURL.parse(conf, source.text)
        hosts = ", ".join(str(host.hostname) for host in url.hosts)
    except (ValueError, oslo_messaging.InvalidTransportURL):
        # Their text may hold a part of the password.
        return None, findings.failed(
            URL,
            f"{source.where} cannot be parsed",
            "write kafka-driver://USER:PASSWORD@HOST:9092/ with user and "
            "password percent-encoded",
        )
    where = f"{source.where}, {url.transport}:// to {hosts or 'no host'}"
    return url, findings.ok(URL, where)


def scheme(url: Any, source: Source) -> Finding:
    """Whether the URL means Kafka, and which of the two drivers."""
    name = url.transport
    if name not in _installed("oslo.messaging.drivers"):
        fix = _WRITE_URL
        if name == OURS:
            fix = (
                "install the driver into the Python environment of the "
                "service, and run its kafka-driver command"
            )
        return findings.failed(
            SCHEME,
            f"this Python environment has no driver for {name}://",
            fix,
        )
    if name == OURS:
        return findings.ok(SCHEME, f"{name}: this driver")
    if name == IN_TREE:
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
        _WRITE_URL,
    )


def rpc_scheme(url: Any) -> Finding:
    """Whether RPC goes over something that carries it."""
    if url.transport in (OURS, IN_TREE):
        return findings.warning(
            "rpc",
            f"transport_url of section [DEFAULT] is {url.transport}://, and "
            "Kafka carries no RPC",
            "write a rabbit:// URL there when the service uses RPC, and "
            f"keep the other in section [{_NOTIFICATIONS}]",
        )
    return findings.ok("rpc", f"RPC goes over {url.transport}://")


def _option(conf: cfg.ConfigOpts, name: str, group: str | None) -> Any:
    where = f"{name} of section [{group or 'DEFAULT'}]"
    try:
        return conf[group][name] if group else conf[name]
    except (cfg.TemplateSubstitutionError, cfg.NoSuchOptError):
        # The option is registered: the one that is missing is what follows
        # the $, a part of the password.
        raise errors.ConfigurationError(
            f"{where} has a '$', which starts the name of an option: write "
            "%24 for it"
        ) from None
    except (cfg.Error, ValueError):
        raise errors.ConfigurationError(
            f"{where} cannot be read: correct its value"
        ) from None


def _installed(group: str) -> set[str]:
    return {one.name for one in importlib.metadata.entry_points(group=group)}
