# SPDX-License-Identifier: Apache-2.0
"""Fixtures that the short form in the functional tests has as well."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.cluster import Cluster
from faults.load import Account
from faults.trial import Trial

ACCOUNTS: list[Account] = []


@pytest.fixture
def accounts() -> list[Account]:
    """The lines of the report."""
    return ACCOUNTS


@pytest.fixture
def trial(
    tmp_path: Path, accounts: list[Account]
) -> Iterator[Callable[..., Trial]]:
    """trial(name, cluster): a trial that is closed, and the cluster whole."""
    made: list[Trial] = []

    def make(name: str, cluster: Cluster, **how: Any) -> Trial:
        made.append(Trial(name, cluster, tmp_path, accounts, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()
        one.cluster.wait_ready()
