# SPDX-License-Identifier: Apache-2.0
"""What the commits in the brokers tell about one without an answer."""

import pytest

from kafka_driver import ownership
from kafka_driver.ownership import Commit

MINE = "me 5 first"


@pytest.mark.parametrize(
    ("found", "done"),
    [
        # Nobody has committed that far.
        (Commit(), False),
        (Commit(5, ""), False),
        (Commit(9, MINE), False),
        # This is it.
        (Commit(10, MINE), True),
        # The next owner began with it, or before it.
        (Commit(10, "next 10 me"), True),
        (Commit(30, "next 10 me"), True),
        (Commit(30, "next 5 first"), False),
        (Commit(10, "next 5 me"), False),
        # Somebody did, and who began there is not known any more.
        (Commit(30, "later 20 next"), None),
        (Commit(30, "next 10 other"), None),
        (Commit(30, "next 12 me"), None),
        # By hand, by another driver, or by an older one.
        (Commit(30, ""), None),
        (Commit(30, "three words here"), None),
        (Commit(30, "any thing"), None),
    ],
)
def test_a_commit_without_an_answer_is_judged_by_what_is_there(
    found: Commit, done: bool | None
) -> None:
    assert ownership.was_done("me", 10, found) is done


def test_an_owner_passes_on_whom_it_began_after() -> None:
    first = str(ownership.heir("a", Commit()))
    second = str(ownership.heir("b", Commit(7, first)))
    third = str(ownership.heir("c", Commit(9, second)))

    assert ownership.was_done("a", 7, Commit(7, first)) is True
    assert ownership.was_done("a", 7, Commit(9, second)) is True
    assert ownership.was_done("a", 8, Commit(9, second)) is False
    assert ownership.was_done("a", 7, Commit(12, third)) is None


def test_a_mark_survives_being_written_and_read() -> None:
    one = ownership.heir("me", Commit(3, "you 1 -"))
    assert ownership.mark(str(one)) == one
    alone = ownership.heir("me", Commit())
    assert ownership.mark(str(alone)) == alone
