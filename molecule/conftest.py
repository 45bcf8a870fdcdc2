# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

pytest.register_assert_rewrite("deployment")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what the tests have measured."""
    from deployment.figures import TOLD  # noqa: PLC0415  # after the rewrite

    if TOLD:
        terminalreporter.section("figures")
        for line in TOLD:
            terminalreporter.write_line(line)
