# SPDX-License-Identifier: Apache-2.0
"""Where the ``kafka-driver`` command begins."""

import signal


def main() -> int:
    """Load the command and run it.

    Loading takes some tenths of a second, in which Ctrl-C ends it at once;
    as Python's own exception it would come as a traceback.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:  # else it may be ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kafka_driver.cli import main as command  # noqa: PLC0415

    signal.signal(signal.SIGINT, interrupt)
    return command.main()
