# SPDX-License-Identifier: Apache-2.0
"""``kafka-driver doctor``: why do notifications not flow?

It reads the configuration as the service does and looks at everything
between a notification and its reader, one check after the other.
"""

import argparse
from collections.abc import Iterator
from typing import Any

from kafka_driver import errors
from kafka_driver.cli import common
from kafka_driver.cli.doctor import examine, findings, group, settings
from kafka_driver.cli.doctor.findings import Finding

#: Seconds to wait for an answer: what the client library takes for its
#: socket.timeout.ms.
_SHORTEST, _LONGEST = 0.01, 300.0
_EPILOG = """\
exit code:
  0  no check failed; there may be warnings
  1  a check failed
  2  the command line is wrong
"""


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="find out why notifications do not flow",
        description="Look at everything between a notification and its "
        "reader: configuration, URL, names, connections, TLS, SASL, topics, "
        "replication, permissions and the consumer group. Each line says ok, "
        "warning, failed or skipped, and what to do.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common.add_source(parser, both=True)
    parser.add_argument(
        "--rpc",
        action="store_true",
        help="call a server over the RPC transport, too",
    )
    parser.add_argument(
        "--send",
        action="store_true",
        help="send a notification and read it back, over a topic that is "
        "made for it and removed",
    )
    parser.add_argument(
        "--group",
        metavar="NAME",
        help="consumer group or listener pool whose lag is looked at; "
        "default: consumer_group of the configuration",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="how long to wait for each answer, from "
        f"{_SHORTEST:g} to {_LONGEST:g}; default: %(default)s",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object, not lines"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    common.check_source(arguments)
    if not _SHORTEST <= arguments.timeout <= _LONGEST:
        arguments.usage(
            f"--timeout must be from {_SHORTEST:g} to {_LONGEST:g}: write a "
            "number of seconds"
        )
    if arguments.group is not None and not group.is_name(arguments.group):
        arguments.usage(
            "--group is empty or has a byte that is no UTF-8: write the name "
            "of a consumer group or a listener pool"
        )
    found: list[Finding] = []
    secrets: set[str] = set()
    for one in _checks(arguments, secrets):
        # Before it is JSON, which spells a secret in another way and has
        # words of its own that may be the same.
        shown = findings.hiding(secrets, one)
        found.append(shown)
        if not arguments.json:
            print(findings.as_line(shown), flush=True)
    end = (findings.as_json if arguments.json else findings.summary)(found)
    print(end, flush=True)
    return 1 if findings.has_failed(found) else 0


def _checks(
    arguments: argparse.Namespace, secrets: set[str]
) -> Iterator[Finding]:
    """Every finding; `secrets` gets what must not be shown."""
    try:
        conf = common.load(arguments)
    except errors.ConfigurationError as exc:
        yield examine.said(settings.CONFIGURATION, exc)
        return
    secrets |= settings.secrets(conf, arguments.url)
    files, dirs = common.files_and_dirs(arguments)
    request = examine.Request(
        url=arguments.url,
        timeout=arguments.timeout,
        rpc=arguments.rpc,
        send=arguments.send,
        group=arguments.group,
        config={"files": files, "dirs": dirs},
    )
    try:
        yield from examine.examine(conf, request)
    except Exception as exc:
        # A diagnosis that ends with a traceback helps nobody.
        yield findings.failed(
            "doctor",
            f"the next check ended with {type(exc).__name__}: {exc}",
            "report it as a defect of the driver",
        )
