# SPDX-License-Identifier: Apache-2.0
"""The ``kafka-driver`` command."""

import argparse
import contextlib
import io
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from oslo_messaging import exceptions

from kafka_driver import errors
from kafka_driver.cli import bench, common, doctor, send, tail


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kafka-driver",
        description="Send and read OpenStack notifications on Apache Kafka.",
    )
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND"
    )
    for command in (send, tail, doctor, bench):
        command.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    :returns: the exit code: 1 when it failed, 2 when the command line is
        wrong, with one sentence on stderr
    """
    _prepare_output()
    arguments = build_parser().parse_args(argv)
    # What goes wrong is said once, at the end; not in log lines as well.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        with _orderly_ends():
            code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        common.silence()
        return 128 + signal.SIGPIPE
    except (
        errors.ConfigurationError,
        exceptions.MessagingException,
        OSError,
    ) as exc:
        print(f"kafka-driver: {exc}", file=sys.stderr)
        return 2 if isinstance(exc, common.WrongOption) else 1


@contextlib.contextmanager
def _orderly_ends() -> Iterator[None]:
    """End by these signals as by an interrupt: topics made are removed."""
    before = {
        number: signal.getsignal(number)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    # Not where somebody ignores them, such as nohup.
    defaults = [
        number for number, how in before.items() if how is signal.SIG_DFL
    ]
    for number in defaults:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in defaults:
            signal.signal(number, before[number])


def _leave(number: int, _frame: Any) -> NoReturn:
    # A shell that ends sends SIGHUP, and the terminal sends it again.
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _prepare_output() -> None:
    """See that everything can be written, whatever standard output is."""
    # Closed (>&-), they are None, and their numbers free for sockets.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What its encoding lacks, as standard error writes it too.
        sys.stdout.reconfigure(errors="backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
