# SPDX-License-Identifier: Apache-2.0
"""From when on notifications are shown. Pure."""

import dataclasses
import datetime
import re

from kafka_driver.cli import common

_DURATION = re.compile(r"(\d{1,9})([smhd])")
#: Seconds that clocks of two machines may lie apart.
_CLOCKS_DIFFER = 60
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
    :raises WrongOption: when it means nothing, or is still to come
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
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        raise common.WrongOption(
            f"--since {text!r} is no time: write now, beginning, a duration "
            "such as 10m (s, m, h, d) or a time such as 2026-01-31T12:00 "
            "(UTC unless it says otherwise)"
        ) from None
    # Most often a local time without its zone: of what was meant to be shown
    # nothing would be.
    if seconds > now + _CLOCKS_DIFFER:
        present = datetime.datetime.fromtimestamp(now, datetime.UTC)
        raise common.WrongOption(
            f"--since {text!r} is still to come, now it is "
            f"{present:%Y-%m-%dT%H:%M}+00:00: write an earlier time, in UTC "
            "or with its zone such as 2026-01-31T12:00+01:00"
        )
    return Since("time", max(0, round(seconds * 1000)))
