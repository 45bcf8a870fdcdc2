# SPDX-License-Identifier: Apache-2.0
"""What the commands share: where the configuration comes from."""

import argparse
import pathlib
import re
from typing import Any

import oslo_messaging
from oslo_config import cfg

from kafka_driver import errors


def add_source(parser: argparse.ArgumentParser, both: bool = False) -> None:
    """The options that say which bus is meant.

    :param both: whether --url may stand beside a configuration; it then
        replaces the URL only
    """
    where: Any = parser
    if not both:
        where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--config-file",
        metavar="FILE",
        action="append",
        help="a service's configuration file; may be given several times. "
        "Drop-in directories are read as a service of that name does: "
        "/etc/nova/nova.conf.d for nova.conf",
    )
    where.add_argument(
        "--url",
        help="a transport URL, such as kafka-driver://127.0.0.1:9092/. A "
        "password in it can be seen in the process list: prefer "
        "--config-file",
    )
    parser.add_argument(
        "--config-dir",
        metavar="DIR",
        action="append",
        help="a drop-in directory, instead of those found by name; may be "
        "given several times",
    )


def files_and_dirs(
    arguments: argparse.Namespace,
) -> tuple[list[str], list[str]]:
    """What is read, in the order of reading: later ones win."""
    files = arguments.config_file or []
    if arguments.config_dir:
        return files, arguments.config_dir
    found: list[str] = []
    for path in files:
        name = pathlib.Path(path).stem
        found += cfg.find_config_dirs(project=name, prog=name)
    return files, list(dict.fromkeys(found))


def files_read(files: list[str], dirs: list[str]) -> list[str]:
    """The files, and those of the directories, in the order of reading."""
    return [
        *files,
        *(
            str(path)
            for name in dirs
            for path in sorted(pathlib.Path(name).glob("*.conf"))
        ),
    ]


def load(arguments: argparse.Namespace) -> cfg.ConfigOpts:
    """The configuration that the command line names."""
    files, dirs = files_and_dirs(arguments)
    for path in dirs:
        if not pathlib.Path(path).is_dir():
            raise errors.ConfigurationError(
                f"{path} is no directory: correct the path"
            )
    conf = cfg.ConfigOpts()
    try:
        conf(
            args=[],
            project="kafka-driver",
            default_config_files=files,
            default_config_dirs=dirs,
        )
    except cfg.ConfigFileParseError as exc:
        # The text goes on with the line itself, which may be a password.
        found = re.search(r"at (\S+:\d+)", str(exc))
        where = found[1] if found else exc.config_file
        raise errors.ConfigurationError(
            f"{where} is no line of a configuration file: write name = value"
        ) from None
    except cfg.ConfigFilesNotFoundError as exc:
        raise errors.ConfigurationError(
            f"{', '.join(exc.config_files)} does not exist: correct the path"
        ) from None
    except (cfg.Error, OSError) as exc:
        raise errors.ConfigurationError(
            f"the configuration cannot be read ({exc}): correct the path, or "
            "run this as a user who may read it"
        ) from None
    except UnicodeDecodeError:
        raise errors.ConfigurationError(
            "a configuration file is no UTF-8 text: save it as such"
        ) from None
    return conf


def notification_topics(conf: cfg.ConfigOpts) -> list[str]:
    """The topics without priorities.

    :raises ConfigurationError: when they cannot be read
    """
    try:
        return list(conf.oslo_messaging_notifications.topics)
    except (cfg.Error, ValueError):
        raise errors.ConfigurationError(
            "option topics of section [oslo_messaging_notifications] cannot "
            "be read: write topics = notifications"
        ) from None


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
