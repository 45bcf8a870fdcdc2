# SPDX-License-Identifier: Apache-2.0
"""What is measured: figures as data, each with the goals it has."""

from dataclasses import dataclass, field

OURS, IN_TREE, RABBIT, RAW = "kafka-driver", "kafka", "rabbit", "raw"
#: The raw client without a promise: its offsets are not committed.
UNCOMMITTED = "raw-uncommitted"


@dataclass(frozen=True)
class Goal:
    """How ours has to stand beside a peer.

    :param peer: whom it is compared with
    :param factor: at least so many times its rate; for a latency at most so
        many times its
    """

    peer: str
    factor: float


@dataclass(frozen=True)
class Figure:
    """One measurement, made by worker.py in a process of its own.

    :param work: function of worker.py
    :param count: notifications in a round
    :param peers: who does it
    :param size: bytes of the payload
    :param threads: senders, or 0 for the work's own number
    :param quick: what count is divided by in a short run
    """

    name: str
    work: str
    count: int
    peers: tuple[str, ...]
    goals: tuple[Goal, ...]
    title: str
    size: int = 1024
    threads: int = 1
    unit: str = "messages/s"
    quick: int = 10
    options: dict[str, str] = field(default_factory=dict)


KIB = 1024
BUFFERED = {"kafka_driver_mode": "buffered"}

FIGURES = (
    Figure(
        "send-buffered",
        "send",
        40_000,
        (OURS, IN_TREE, RAW),
        (Goal(IN_TREE, 2.5),),
        "Notifier.info, buffered, one thread",
        options=BUFFERED,
    ),
    Figure(
        "send-confirmed-16",
        "send",
        16_000,
        (OURS, IN_TREE, RABBIT, RAW),
        (Goal(IN_TREE, 0.95), Goal(RABBIT, 8.0)),
        "Notifier.info, confirmed, 16 threads (in-tree: unconfirmed)",
        threads=16,
    ),
    Figure(
        "send-confirmed-1",
        "send_confirmed",
        5_000,
        (OURS, RABBIT, RAW),
        (Goal(RABBIT, 1.5),),
        "Notifier.info, confirmed, one thread",
    ),
    Figure(
        "receive-batch",
        "receive_batch",
        40_000,
        (OURS, IN_TREE, RAW),
        (Goal(IN_TREE, 3.0),),
        "batch listener (500) to endpoint",
    ),
    Figure(
        "receive-single",
        "receive_single",
        20_000,
        (OURS, IN_TREE, RAW),
        (Goal(IN_TREE, 2.0),),
        "listener to endpoint, one by one",
    ),
    Figure(
        "send-64k",
        "send",
        3_000,
        (OURS, IN_TREE, RAW),
        (Goal(IN_TREE, 2.5),),
        "Notifier.info of 64 KiB, buffered, one thread",
        size=64 * KIB,
        options=BUFFERED,
    ),
    Figure(
        "receive-64k",
        "receive_batch",
        3_000,
        (OURS, IN_TREE, RAW),
        (Goal(IN_TREE, 2.5),),
        "batch listener (500) to endpoint, 64 KiB",
        size=64 * KIB,
        quick=2,  # one batch has no first and last to time
    ),
    Figure(
        "latency",
        "latency",
        100,
        (OURS, IN_TREE, RABBIT, RAW, UNCOMMITTED),
        (Goal(RAW, 1.5), Goal(UNCOMMITTED, 1.5)),
        "notify to endpoint at 20 messages/s, median",
        unit="ms",
        quick=4,
    ),
    Figure(
        "latency-after-dispatch",
        "latency",
        100,
        (OURS, UNCOMMITTED),
        (),
        "the same with the commit after dispatch",
        unit="ms",
        quick=4,
        options={"kafka_driver_commit": "after_dispatch"},
    ),
    Figure(
        "latency-buffered",
        "latency",
        100,
        (OURS, RAW),
        (),
        "the same with a buffered send",
        unit="ms",
        quick=4,
        options=BUFFERED,
    ),
)
