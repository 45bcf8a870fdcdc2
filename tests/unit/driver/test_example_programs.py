# SPDX-License-Identifier: Apache-2.0
"""The programs of examples/, as far as they can be tried without a broker."""

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.mark.parametrize("payload", [{}, {"name": "vm0"}, [1], None])
def test_the_listener_prints_what_others_sent(
    payload: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as ``kafka-driver send``, whose payload is {}."""
    printer = runpy.run_path(str(EXAMPLES / "listen.py"))["Printer"](1)
    printer.info({}, "p", "a.b", payload, {})
    assert capsys.readouterr().out == f"p a.b {payload}\n"
    assert printer.done.is_set()


@pytest.mark.parametrize("program", ["notify.py", "listen.py"])
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "No scheme specified"),
        ("kafka-driver://", "the transport URL names no host: write"),
    ],
)
def test_a_url_that_cannot_work_is_one_sentence(
    program: str,
    url: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [program, url])
    with pytest.raises(SystemExit):
        runpy.run_path(str(EXAMPLES / program), run_name="__main__")
    assert sentence in capsys.readouterr().err
