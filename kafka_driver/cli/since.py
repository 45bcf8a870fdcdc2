# SPDX-License-Identifier: Apache-2.0
"""From when on notifications are shown. Pure."""

import dataclasses
import datetime
import re

from kafka_driver.cli import common

_DURATION = re.compile(r"(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclasses.dataclass(frozen=True)
class Since:
    """A place in each partition.

    :param word: "now", "beginning", or "time" for a moment
    :param milliseconds: that moment, since the epoch
    """

    word: str
    milliseconds: int = 0


def parse(text: str, now: float) -> Since:
    """What --since means.

    :param now: seconds since the epoch
    :raises WrongOption: when it means nothing
    """
    if text in ("now", "beginning"):
        return Since(text)
    duration = _DURATION.fullmatch(text)
    if duration:
        seconds = now - int(duration[1]) * _SECONDS[duration[2]]
        return Since("time", max(0, round(seconds * 1000)))
    try:
        moment = datetime.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            # As the timestamps of notifications are.
            moment = moment.replace(tzinfo=datetime.UTC)
        return Since("time", max(0, round(moment.timestamp() * 1000)))
    except (ValueError, OverflowError):
        raise common.WrongOption(
            f"--since {text!r} is no time: write now, beginning, a duration "
            "such as 10m (s, m, h, d) or a time such as 2026-01-31T12:00 "
            "(UTC unless it says otherwise)"
        ) from None
