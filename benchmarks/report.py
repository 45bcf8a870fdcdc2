# SPDX-License-Identifier: Apache-2.0
"""From measurements to a table, ratios and a plot."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from figures import IN_TREE, OURS, Figure, Goal


@dataclass(frozen=True)
class Row:
    """One figure of one peer: medians, and ours as a multiple of it.

    :param value: messages/s, or milliseconds
    :param cpu_us: microseconds of processor time for a message
    :param ratio: how many times better ours is; None for ours itself
    :param cpu_ratio: how many times the processor time ours takes
    :param goal: what the ratio has to be, or None
    """

    figure: str
    title: str
    peer: str
    unit: str
    value: float
    spread: tuple[float, float]
    cpu_us: float
    lost: int
    duplicated: int
    ratio: float | None
    cpu_ratio: float | None
    goal: str


def is_latency(figure: Figure) -> bool:
    return figure.unit == "ms"


def value(figure: Figure, found: dict[str, Any]) -> str:
    if is_latency(figure):
        return f"{found['latency']:.2f} ms"
    return f"{found['rate']:.0f}/s"


def judged(figure: Figure, goal: Goal, ratio: float) -> str:
    """What the goal was, and whether it is met."""
    if is_latency(figure):
        met = ratio <= goal.factor
        return f"{'met' if met else 'NOT MET'}: <= {goal.factor}"
    met = ratio >= goal.factor
    return f"{'met' if met else 'NOT MET'}: >= {goal.factor}"


def rows(figures: list[Figure], found: list[dict[str, Any]]) -> list[Row]:
    """A row for each figure and peer."""
    result = []
    for figure in figures:
        key = "latency" if is_latency(figure) else "rate"
        of_peer = {
            peer: [
                one
                for one in found
                if (one["figure"], one["peer"]) == (figure.name, peer)
            ]
            for peer in figure.peers
        }

        def middle(peer: str, key: str, of_peer: Any = of_peer) -> float:
            return median(one[key] for one in of_peer[peer])

        for peer in figure.peers:
            values = [one[key] for one in of_peer[peer]]
            ratio = cpu_ratio = None
            goal = ""
            if peer != OURS:
                ratio = middle(OURS, key) / (middle(peer, key) or 1e-9)
                cpu_ratio = middle(OURS, "cpu_us") / (
                    middle(peer, "cpu_us") or 1e-9
                )
                goal = "".join(
                    judged(figure, one, ratio)
                    for one in figure.goals
                    if one.peer == peer
                )
            result.append(
                Row(
                    figure.name,
                    figure.title,
                    peer,
                    figure.unit,
                    middle(peer, key),
                    (min(values), max(values)),
                    middle(peer, "cpu_us"),
                    sum(one["lost"] for one in of_peer[peer]),
                    sum(one["duplicated"] for one in of_peer[peer]),
                    ratio,
                    cpu_ratio,
                    goal,
                )
            )
    return result


def machine() -> str:
    """Where and with what this was measured."""
    packages = ", ".join(
        f"{name} {version(name)}"
        for name in ("oslo.messaging", "confluent-kafka")
    )
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores "
        f"({platform.machine()}), load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, {packages}"
    )


def text(machine: str, rows: list[Row]) -> str:
    """A table to read."""
    lines = [machine]
    figure = ""
    for row in rows:
        if row.figure != figure:
            figure = row.figure
            lines += ["", f"{row.figure}: {row.title}"]
        low, high = row.spread
        digits = 2 if row.unit == "ms" else 0
        line = (
            f"  {row.peer:13}{row.value:10.{digits}f} {row.unit:11}"
            f"({low:.{digits}f} to {high:.{digits}f})  "
            f"cpu {row.cpu_us:6.0f} us  "
            f"lost {row.lost}  duplicated {row.duplicated}"
        )
        if row.ratio is not None:
            line += f"  ours {row.ratio:.2f} times, cpu {row.cpu_ratio:.2f}"
        lines.append(line + (f"  {row.goal}" if row.goal else ""))
    return "\n".join(lines)


def plot(rows: list[Row], path: Path) -> None:
    """Bars: how many times the rate of its peers ours has.

    :raises SystemExit: without matplotlib
    """
    try:
        from matplotlib.figure import (  # noqa: PLC0415 - an extra
            Figure as Canvas,
        )
    except ImportError:
        raise SystemExit(
            "A plot needs matplotlib: pip install matplotlib"
        ) from None
    names = list(dict.fromkeys(row.figure for row in rows))
    peers = [
        peer
        for peer in dict.fromkeys(row.peer for row in rows)
        if peer != OURS
    ]
    canvas = Canvas(figsize=(9, 1 + 0.7 * len(names)), layout="constrained")
    axes = canvas.subplots()
    height = 0.8 / len(peers)
    for place, peer in enumerate(peers):
        bars = [
            (names.index(row.figure), row.ratio)
            for row in rows
            if row.peer == peer and row.ratio
        ]
        axes.barh(
            [at + height * (place - (len(peers) - 1) / 2) for at, _ in bars],
            # A latency is better when it is lower.
            [
                1 / ratio if names[at].startswith("latency") else ratio
                for at, ratio in bars
            ],
            height,
            label="in-tree kafka" if peer == IN_TREE else peer,
        )
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("kafka-driver is so many times as fast as")
    axes.legend()
    canvas.savefig(path)
