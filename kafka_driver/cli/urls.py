# SPDX-License-Identifier: Apache-2.0
"""The transport URLs of a configuration, as a service would take them."""

import contextlib
import dataclasses
import importlib.metadata
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging.notify import notifier

from kafka_driver import errors
from kafka_driver.cli import quoting

NOTIFICATIONS = "oslo_messaging_notifications"
OURS, IN_TREE = "kafka-driver", "kafka"
WRITE_URL = (
    f"write transport_url = {OURS}://HOST:9092/ in section [{NOTIFICATIONS}]"
)
#: Where the environment may hold one, for a service without files.
VARIABLES = (
    "OS_OSLO_MESSAGING_NOTIFICATIONS__TRANSPORT_URL",
    "OS_DEFAULT__TRANSPORT_URL",
)


@dataclasses.dataclass(frozen=True)
class Source:
    """A transport URL and where it was found."""

    text: str
    where: str


class BadURL(errors.ConfigurationError):
    """A URL that cannot be parsed.

    :param fix: what to write
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}: {fix}")
        self.what, self.fix = what, fix


def register(conf: cfg.ConfigOpts) -> None:
    """Let the configuration know the options of notifications."""
    conf.register_opts(notifier._notifier_opts, group=NOTIFICATIONS)
    # What is wrong with the URL is said where it is used.
    with contextlib.suppress(
        oslo_messaging.InvalidTransportURL, cfg.Error, ValueError
    ):
        # Registers the options of [DEFAULT].
        oslo_messaging.TransportURL.parse(conf)


def of_notifications(conf: cfg.ConfigOpts, given: str | None) -> Source:
    """The URL that notifications take.

    :param given: on the command line
    :raises ConfigurationError: when it cannot be read
    """
    register(conf)
    if given is not None:
        return Source(given, "--url")
    own = _option(conf, "transport_url", NOTIFICATIONS)
    if own:
        return Source(own, f"transport_url of section [{NOTIFICATIONS}]")
    return of_rpc(conf)


def of_rpc(conf: cfg.ConfigOpts) -> Source:
    """The URL that RPC takes.

    :raises ConfigurationError: when it cannot be read
    """
    register(conf)
    text = _option(conf, "transport_url", None)
    found = conf.get_location("transport_url")
    if found is None or found.location is cfg.Locations.opt_default:
        return Source(
            text, "oslo.messaging's default (no transport_url is set)"
        )
    return Source(text, "transport_url of section [DEFAULT]")


def parse(conf: cfg.ConfigOpts, source: Source) -> Any:
    """The TransportURL.

    :raises BadURL: when it cannot be parsed
    """
    wrong = quoting.problem(source.text)
    if wrong is not None:
        raise BadURL(f"{source.where}: {wrong[0]}", wrong[1])
    try:
        return oslo_messaging.TransportURL.parse(conf, source.text)
    except (ValueError, oslo_messaging.InvalidTransportURL):
        # Their text may hold a part of the password.
        raise BadURL(
            f"{source.where} cannot be parsed",
            f"write {OURS}://USER:PASSWORD@HOST:9092/ with user and password "
            "percent-encoded",
        ) from None


def installed(group: str) -> set[str]:
    """The names of an entry point group in this Python environment."""
    return {one.name for one in importlib.metadata.entry_points(group=group)}


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
