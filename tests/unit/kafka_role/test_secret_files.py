# SPDX-License-Identifier: Apache-2.0
"""Files with secrets are nobody else's from the moment they are there."""

from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
FILES = [
    *CHECKOUT.glob("roles/kafka/tasks/*.yml"),
    *CHECKOUT.glob("playbooks/*.yml"),
]
#: They make a file as the umask says, and give it its mode afterwards.
LATE = {"ansible.builtin.copy", "ansible.builtin.template"}


def walk(item):
    """Every dictionary in a file, those of blocks, too."""
    if isinstance(item, dict):
        yield item
    for one in item.values() if isinstance(item, dict) else item:
        if isinstance(one, (dict, list)):
            yield from walk(one)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_secret_is_in_a_file_before_it_has_its_mode(path):
    tasks = walk(yaml.safe_load(path.read_text()) or [])
    late = [
        task["name"] for task in tasks if "no_log" in task and LATE & {*task}
    ]
    assert late == []
