# SPDX-License-Identifier: Apache-2.0
"""What tests have measured; pytest's summary shows it, failed or not."""

import os

TOLD: list[str] = []


def tell(figure: object) -> None:
    """Keep a figure, with the name of the test that runs."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
    TOLD.append(f"{test.rpartition('::')[2]}: {figure}")
