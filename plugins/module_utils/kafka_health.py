# SPDX-License-Identifier: Apache-2.0
"""Whether a cluster is well, and whether it would be without one node.

The functions that decide are pure: they take what was read, and return one
sentence for each thing that is wrong, with the command that shows more.
"""

#: Milliseconds that a follower of the metadata may be behind.
CAUGHT_UP_MS = 5000
#: Milliseconds after its last question to the leader that a controller counts
#: as there: those that live ask at least twice a second.
SILENT_MS = 2000

SHOW_TOPICS = "kafka-topics.sh --describe --under-replicated-partitions"
SHOW_QUORUM = "kafka-metadata-quorum.sh describe --replication"


def parse_quorum(text):
    """The replicas of the metadata from "describe --replication"."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    header = next(
        (at for at, line in enumerate(lines) if line[0] == "NodeId"), None
    )
    if header is None:
        return []
    names = lines[header]
    replicas = []
    for line in lines[header + 1 :]:
        row = dict(zip(names, line))  # noqa: B905
        replicas.append(
            {
                "id": int(row["NodeId"]),
                "directory": row.get("DirectoryId", ""),
                "end": int(row["LogEndOffset"]),
                "fetched": int(row["LastFetchTimestamp"]),
                "caught_up": int(row["LastCaughtUpTimestamp"]),
                "status": row["Status"],
            }
        )
    return replicas


def voters(replicas):
    """Those that are no observers."""
    return [r for r in replicas if r["status"] in ("Leader", "Follower")]


def has_caught_up(replicas, node):
    """Whether a node follows the metadata, and has what the leader has."""
    leaders = [r for r in replicas if r["status"] == "Leader"]
    return any(
        r["id"] == node and leaders and is_current(r, leaders[0])
        for r in replicas
    )


def is_current(replica, leader):
    """Whether a voter has, or had just now, all that the leader has."""
    return replica["status"] == "Leader" or (
        replica["end"] >= 0
        and leader["caught_up"] - replica["caught_up"] <= CAUGHT_UP_MS
    )


def silence(replica, replicas):
    """Milliseconds since a replica last asked the leader for anything.

    By the leader's clock alone. None without a leader.
    """
    for leader in replicas:
        if leader["status"] == "Leader":
            return leader["fetched"] - replica["fetched"]
    return None


def quorum_problems(replicas, without=None):
    """What is wrong with the controllers, were one node not there.

    None means that nobody has asked them.
    """
    if replicas is None:
        return []
    leaders = [r for r in replicas if r["status"] == "Leader"]
    if not leaders:
        return [
            "The controllers have no leader: start those that are down, and "
            f"look with {SHOW_QUORUM}."
        ]
    voting = voters(replicas)
    good = {r["id"] for r in voting if is_current(r, leaders[0])}
    others = {r["id"] for r in voting} - good - {without}
    if len(voting) == 1:
        return []
    left = good - {without}
    majority = len(voting) // 2 + 1
    if len(left) < majority:
        behind = f" ({ids(others)} behind)" if others else ""
        return [
            f"{len(left)} of {len(voting)} controllers would be left{behind}"
            f", and {majority} are needed: look with {SHOW_QUORUM}."
        ]
    if others:
        return [
            f"Controller {ids(others)} is behind the others: look with "
            f"{SHOW_QUORUM}."
        ]
    return []


def silent_problems(replicas, without):
    """Controllers that have just died: they still have all that there is."""
    silent = {
        replica["id"]
        for replica in voters(replicas or [])
        if (silence(replica, replicas) or 0) > SILENT_MS
    } - {without}
    if without is None or not silent:
        return []
    return [
        f"Controller {ids(silent)} has stopped asking the leader: look at its "
        "log."
    ]


def ids(numbers):
    return " and ".join(str(number) for number in sorted(numbers))


def named(partitions):
    """The first partitions of a list, and how many more there are."""
    names = sorted(f"{p['topic']}-{p['partition']}" for p in partitions)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def broker_problems(expected, answering, without=None):
    missing = set(expected) - set(answering) - {without}
    if missing:
        return [
            f"Node {ids(missing)} does not answer: start it, and look at its "
            "log."
        ]
    return []


def partition_problems(partitions, without=None):
    """What is wrong with the partitions, were one node not there.

    A partition with its only copy on that node is down with it whenever it
    is restarted: that is no reason to wait.
    """
    problems = []
    shared = [p for p in partitions if set(p["replicas"]) != {without}]
    offline = [p for p in shared if p["leader"] < 0]
    if offline:
        problems.append(
            f"{named(offline)} has no leader: start the nodes with its "
            f"copies, and look with {SHOW_TOPICS}."
        )
    short = [
        p for p in shared if set(p["replicas"]) - set(p["isr"]) - {without}
    ]
    if short:
        problems.append(
            f"{named(short)} has copies that are not up to date: wait until "
            f"they are, and look with {SHOW_TOPICS}."
        )
    tight = [
        p
        for p in shared
        if without in p["replicas"]
        and p not in short
        and p not in offline
        and len(set(p["isr"]) - {without}) < p["min_isr"]
    ]
    if tight:
        problems.append(
            f"{named(tight)} would take no messages without node {without}: "
            "give the topic more copies, or a lower min.insync.replicas."
        )
    return problems


def thin_problems(partitions, copies):
    """Topics with fewer copies than they have to have, or none at all.

    Kafka makes its own topics when somebody needs them.
    """
    there = {part["topic"] for part in partitions}
    missing = [
        name
        for name in sorted(copies)
        if name not in there and not name.startswith("__")
    ]
    found = sorted(
        {
            part["topic"]
            for part in partitions
            if len(part["replicas"]) < copies.get(part["topic"], 0)
        }
    )
    problems = []
    if missing:
        problems.append(
            f"{first(missing)} of kafka_topics is not there: run "
            "playbooks/site.yml, which makes it."
        )
    if found:
        problems.append(
            f"{first(found)} has fewer copies than it shall have: run "
            "playbooks/add_node.yml, which adds them."
        )
    return problems


def first(topics):
    """The first names of a sorted list, and how many more there are."""
    more = f" and {len(topics) - 3} more topics" if len(topics) > 3 else ""
    return ", ".join(topics[:3]) + more


def alone_on(partitions, node):
    """Partitions that have their only copy on a node."""
    return [p for p in partitions if set(p["replicas"]) == {node}]


def problems(state, without=None):
    """One sentence for each thing that is wrong; empty for a well cluster.

    state has "expected" and "answering" (ids of brokers), "controllers" (ids
    that are expected), "partitions" and "quorum" (None if it was not asked).
    With a node in "without": as the cluster would be without it.
    """
    return (
        broker_problems(state["expected"], state["answering"], without)
        + partition_problems(state["partitions"], without)
        + (
            quorum_problems(state["quorum"], without)
            or silent_problems(state["quorum"], without)
        )
    )


def not_back(state, node, since=None):
    """What a node that was restarted has not done yet.

    since: milliseconds from its start to the question for the quorum, whose
    answer may still be about the process before.
    """
    found = []
    if node in state["expected"] and node not in state["answering"]:
        found.append(f"Node {node} does not answer yet: look at its log.")
    if state["quorum"] is None or node not in state["controllers"]:
        return found
    own = [r for r in voters(state["quorum"]) if r["id"] == node]
    if not own:
        found.append(
            f"Node {node} is no controller any more: look with {SHOW_QUORUM}."
        )
    elif since is not None and (silence(own[0], state["quorum"]) or 0) > since:
        found.append(
            f"Node {node} has not asked the other controllers yet: look at "
            "its log."
        )
    return found
