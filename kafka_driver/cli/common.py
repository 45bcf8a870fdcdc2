# SPDX-License-Identifier: Apache-2.0
"""What the commands share: where the configuration comes from."""

import argparse
import os
import pathlib
import re
import sys
from typing import Any

import oslo_messaging
from oslo_config import cfg

from kafka_driver import errors
from kafka_driver.cli import urls

#: Seconds that an option may ask to wait: a day.
_LONGEST = 86400.0
_CLOSED = "may not be read by this user: run this as the service's user"
#: As oslo.config quotes the line that begins with it.
_BYTE_ORDER_MARK = ("'\\ufeff", '"\\ufeff')
#: What begins oslo.config's text, and what to say.
_PARSE_ERRORS = {
    "Section must be started": "is the end of settings that stand above "
    "every section: write [DEFAULT], or another section, above them",
    "Unexpected continuation line": "begins with a blank and continues no "
    "value: write it from the first column on",
    "Invalid section": "is a section that is not closed: write [NAME]",
    "Empty section name": "is a section without a name: write [NAME]",
    "Key cannot be empty": "has no name: write name = value",
}


class WrongOption(errors.ConfigurationError):
    """An option of the command line that cannot be used."""


def add_source(parser: argparse.ArgumentParser, both: bool = False) -> None:
    """The options that say which bus is meant.

    :param both: whether --url may stand beside a configuration; it then
        replaces the URL only
    """
    parser.set_defaults(usage=parser.error)
    where: Any = parser
    if not both:
        where = parser.add_mutually_exclusive_group()
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


def check_source(arguments: argparse.Namespace) -> None:
    """End with the usage when nothing says which bus is meant."""
    if arguments.url == "":
        arguments.usage("--url is empty: write a transport URL")
    if "" in (arguments.config_file or []):
        arguments.usage("--config-file is empty: write the path of a file")
    if "" in (arguments.config_dir or []):
        arguments.usage("--config-dir is empty: write the path of a directory")
    if arguments.config_file or arguments.config_dir or arguments.url:
        return
    if not any(os.environ.get(name) for name in urls.VARIABLES):
        arguments.usage(
            "give --config-file, --config-dir or --url, or set "
            f"{urls.VARIABLES[0]}"
        )


def check_seconds(name: str, value: float | None) -> None:
    """See that an option is a time.

    :param value: None when it was not given
    :raises WrongOption: when it is none
    """
    if value is not None and not 0 < value <= _LONGEST:
        raise WrongOption(
            f"{name} must be more than 0 and at most {_LONGEST:g}: write a "
            "number of seconds"
        )


def silence() -> None:
    """Whoever read the output has gone: Python flushes it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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


def _is_directory(path: str) -> bool:
    """Whether it is one.

    :raises ConfigurationError: when a directory above it is closed
    """
    try:
        return pathlib.Path(path).is_dir()
    except PermissionError:
        raise errors.ConfigurationError(f"{path} {_CLOSED}") from None
    except OSError as exc:
        raise errors.ConfigurationError(
            f"{path} cannot be read ({exc.strerror}): correct the path"
        ) from None


def _is_text(path: str) -> bool:
    """Whether a file can be read as oslo.config reads it."""
    try:
        pathlib.Path(path).read_text()
    except UnicodeDecodeError:
        return False
    except OSError:
        pass  # said elsewhere
    return True


def _parse_error(path: str, text: str) -> str:
    """A sentence for what oslo.config says of a file. Pure.

    Its text ends with the line itself, which may be a password.
    """
    found = re.search(rf"at {re.escape(path)}:(\d+), ([^:]+)", text)
    if found is None:
        return f"{path} is no configuration file: write name = value"
    where = f"{path}:{found[1]}"
    if found[1] == "1" and any(one in text for one in _BYTE_ORDER_MARK):
        return f"{where} begins with a byte order mark: save it without one"
    for phrase, sentence in _PARSE_ERRORS.items():
        if found[2].startswith(phrase):
            return f"{where} {sentence}"
    return f"{where} is no line of a configuration file: write name = value"


def load(arguments: argparse.Namespace) -> cfg.ConfigOpts:
    """The configuration that the command line names.

    :raises ConfigurationError: when it cannot be read
    """
    check_source(arguments)
    files, dirs = files_and_dirs(arguments)
    for path in dirs:
        if not _is_directory(path):
            raise errors.ConfigurationError(
                f"{path} is no directory: correct the path"
            )
        # Of one that cannot be listed oslo.config reads nothing, silently.
        if not os.access(path, os.R_OK | os.X_OK):
            raise errors.ConfigurationError(f"{path} {_CLOSED}")
    for path in files:
        if _is_directory(path):
            raise errors.ConfigurationError(
                f"{path} is a directory: write the path of a file, or give "
                "it with --config-dir"
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
        raise errors.ConfigurationError(
            _parse_error(exc.config_file, str(exc))
        ) from None
    except cfg.ConfigFilesNotFoundError as exc:
        raise errors.ConfigurationError(
            f"{', '.join(exc.config_files)} does not exist: correct the path"
        ) from None
    except cfg.ConfigFilesPermissionDeniedError as exc:
        raise errors.ConfigurationError(
            f"{', '.join(exc.config_files)} {_CLOSED}"
        ) from None
    except (cfg.Error, OSError) as exc:
        raise errors.ConfigurationError(
            f"the configuration cannot be read ({exc}): correct the path, or "
            "run this as a user who may read it"
        ) from None
    except UnicodeDecodeError:
        names = [one for one in files_read(files, dirs) if not _is_text(one)]
        raise errors.ConfigurationError(
            f"{', '.join(names) or 'a configuration file'} is no UTF-8 text: "
            "save it as such"
        ) from None
    return conf


def notification_topics(conf: cfg.ConfigOpts) -> list[str]:
    """The topics without priorities.

    :raises ConfigurationError: when they cannot be read, or there are none
    """
    try:
        found = list(conf.oslo_messaging_notifications.topics)
    except (cfg.Error, ValueError):
        raise errors.ConfigurationError(
            "option topics of section [oslo_messaging_notifications] cannot "
            "be read: write topics = notifications"
        ) from None
    if not found:
        raise errors.ConfigurationError(
            "option topics of section [oslo_messaging_notifications] is "
            "empty, so nothing is sent: write topics = notifications"
        )
    return found


def transport(conf: cfg.ConfigOpts, url: str | None) -> Any:
    """The notification transport as a service would get it.

    :raises ConfigurationError: when it is none of this driver's
    """
    source = urls.of_notifications(conf, url)
    name = urls.parse(conf, source).transport
    if name not in urls.installed("oslo.messaging.drivers"):
        raise errors.ConfigurationError(
            f"this Python environment has no driver for {name}://: "
            f"{urls.WRITE_URL}, or give --url"
        )
    if name != urls.OURS:
        raise errors.ConfigurationError(
            f"{source.where} is {name}://, which is not for this driver: "
            f"{urls.WRITE_URL}, or give --url"
        )
    try:
        return oslo_messaging.get_notification_transport(conf, url=url)
    except oslo_messaging.DriverLoadFailure as exc:
        # Its own text names the driver once more.
        raise errors.ConfigurationError(str(exc.ex)) from None
