# SPDX-License-Identifier: Apache-2.0
"""What the commands share: where the configuration comes from."""

import argparse
from typing import Any

import oslo_messaging
from oslo_config import cfg

from kafka_driver import errors


def add_source(parser: argparse.ArgumentParser) -> None:
    """The options that say which bus is meant."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--config-file",
        metavar="FILE",
        action="append",
        help="a service's configuration file; may be given several times",
    )
    source.add_argument(
        "--url",
        help="a transport URL, such as kafka-driver://127.0.0.1:9092/. A "
        "password in it can be seen in the process list: prefer "
        "--config-file",
    )


def load(arguments: argparse.Namespace) -> cfg.ConfigOpts:
    """The configuration that the command line names."""
    conf = cfg.ConfigOpts()
    try:
        conf(
            args=[],
            project="kafka-driver",
            default_config_files=arguments.config_file or [],
            default_config_dirs=[],
        )
    except cfg.Error as exc:
        raise errors.ConfigurationError(str(exc)) from None
    return conf


def transport(conf: cfg.ConfigOpts, url: str | None) -> Any:
    """The notification transport as a service would get it."""
    found = oslo_messaging.get_notification_transport(conf, url=url)
    name = type(found._driver).__module__
    if not name.startswith("kafka_driver."):
        found.cleanup()
        raise errors.ConfigurationError(
            "this transport URL is not for this driver: write "
            "kafka-driver://HOST:9092/ as transport_url of section "
            "[oslo_messaging_notifications], or give --url"
        )
    return found
