# SPDX-License-Identifier: Apache-2.0
"""What the tests of commands that ask an AdminClient share."""

from concurrent.futures import Future
from typing import Any


class Admin:
    """Brokers that answer as told."""

    def __init__(self, **answers: BaseException | None) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def ask(what: list[Any], **_how: Any) -> dict[str, Any]:
            self.asked.append(name)
            future: Future[None] = Future()
            error = self._answers.get(name)
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
            return {getattr(one, "topic", one): future for one in what}

        return ask
