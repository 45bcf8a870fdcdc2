# SPDX-License-Identifier: Apache-2.0
"""Where a group that starts with the newest records begins.

The brokers' own rule would begin at the end whenever a partition has no
committed offset: at every restart before the first commit, and for each
partition that is added later. So the end is looked up once, when the group
meets a topic for the first time, and committed for all of its partitions.
A partition that is added after that is read from its beginning.
"""

from typing import Any

from confluent_kafka import OFFSET_END, TopicPartition

from kafka_driver import admin
from kafka_driver.offsets import Place
from kafka_driver.ownership import Commit


def commits(
    client: Any, places: set[Place], timeout: float
) -> dict[Place, Commit]:
    """The group's commits, also of partitions that it has none of.

    A partition that the brokers refuse to tell about is left out.

    :raises KafkaException: when the brokers did not answer in time
    """
    if not places:
        return {}
    answer = client.committed(
        [TopicPartition(*place) for place in sorted(places)], timeout=timeout
    )
    return {
        (one.topic, one.partition): Commit(one.offset, one.metadata or "")
        for one in answer
        if one.error is None
    }


def committed(
    client: Any, places: set[Place], timeout: float
) -> dict[Place, int]:
    """The group's offsets, as far as there are any.

    :raises KafkaException: when the brokers did not answer in time
    """
    return offsets(commits(client, places, timeout))


def offsets(found: dict[Place, Commit]) -> dict[Place, int]:
    """Without the partitions that have no commit. Pure."""
    return {
        place: one.offset for place, one in found.items() if one.offset >= 0
    }


def ends(client: Any, places: set[Place], timeout: float) -> dict[Place, int]:
    """The offsets that the next records of some partitions will have."""
    if not places:
        return {}
    answer = client.offsets_for_times(
        [
            TopicPartition(topic, partition, OFFSET_END)
            for topic, partition in sorted(places)
        ],
        timeout=timeout,
    )
    return {
        (one.topic, one.partition): one.offset
        for one in answer
        if one.error is None and one.offset >= 0
    }


def first_offsets(
    client: Any, maker: admin.TopicMaker, topics: set[str], timeout: float
) -> dict[Place, int]:
    """The ends of those topics that the group has no offset of at all.

    :param maker: knows the topics' partitions
    """
    found: dict[Place, int] = {}
    for topic in sorted(topics):
        places = {
            (topic, partition)
            for partition in maker.partitions(topic, timeout)
        }
        if not committed(client, places, timeout):
            found |= ends(client, places, timeout)
    return found
