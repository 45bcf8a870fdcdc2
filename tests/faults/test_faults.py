# SPDX-License-Identifier: Apache-2.0
"""Each fault, and the promises while it lasts."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sending
from receiving import Reading, listen

from faults import load
from faults.cluster import Cluster, wait_until
from faults.load import IN_FLIGHT, Account, Counted, Load
from faults.trial import Trial, Worker, check

Make = Callable[..., Trial]


@pytest.fixture(params=["one_node", "three_nodes"])
def cluster(request: pytest.FixtureRequest) -> Cluster:
    found: Cluster = request.getfixturevalue(request.param)
    return found


def named(fault: str, cluster: Cluster) -> str:
    size = len(cluster.nodes)
    return f"{fault}, {size} node{'s' if size > 1 else ''}"


# -- brokers ------------------------------------------------------------------


def test_kill_the_leader(cluster: Cluster, trial: Make) -> None:
    tried = trial(named("kill -9 the leader", cluster), cluster)

    def fault(sent: Load) -> None:
        node = cluster.leader(tried.full)
        node.server.kill()
        if len(cluster.nodes) > 1:
            sent.wait_for(100)  # the others take over
        node.start()

    check(tried.run(fault))


def test_stop_the_leader_for_a_while(
    cluster: Cluster, trial: Make, pause: int
) -> None:
    tried = trial(named(f"SIGSTOP the leader for {pause} s", cluster), cluster)

    def fault(sent: Load) -> None:
        node = cluster.leader(tried.full)
        node.signal(signal.SIGSTOP)
        time.sleep(pause)
        node.signal(signal.SIGCONT)

    check(tried.run(fault))


def test_others_take_over_from_a_leader_that_stands_still(
    three_nodes: Cluster, trial: Make
) -> None:
    """Its connections stay, so that nothing but time tells."""
    tried = trial("SIGSTOP the leader for long, 3 nodes", three_nodes)

    def fault(sent: Load) -> None:
        node = three_nodes.leader(tried.full)
        node.signal(signal.SIGSTOP)
        try:
            # The client library alone would wait for a minute.
            sent.wait_for(100, timeout=40)
        finally:
            node.signal(signal.SIGCONT)

    check(tried.run(fault))


def test_restart_every_broker(cluster: Cluster, trial: Make) -> None:
    tried = trial(named("restart every broker", cluster), cluster)

    def fault(sent: Load) -> None:
        for node in cluster.nodes:
            node.server.stop()
            node.start()
            cluster.wait_ready()

    check(tried.run(fault))


def test_kill_the_leader_while_buffered_senders_fill_the_queue(
    cluster: Cluster, tmp_path: Path, accounts: list[Account], pause: int
) -> None:
    """What a buffered send has taken is delivered, though nobody waits."""
    topic = f"{sending.new_topic()}.info"
    cluster.create(topic)
    made = load.transport(
        tmp_path,
        cluster.url,
        kafka_driver_mode="buffered",
        kafka_driver_queue_max_messages=2000,
    )
    sent = Load(made, topic, pause=0.001)
    sent.wait_for(2000)
    node = cluster.leader(topic)
    node.server.kill()
    time.sleep(pause)
    node.start()
    sent.wait_for(2000)
    sent.stop()
    made.cleanup()
    found = load.account(
        named("kill -9 the leader, buffered", cluster),
        "topic",
        sent,
        load.in_topic(cluster.bootstrap, topic),
    )
    accounts.append(found)
    print(found)
    assert found.failed == found.lost == found.duplicated == 0, found


# -- network ------------------------------------------------------------------


def test_cut_the_network(cluster: Cluster, trial: Make, pause: int) -> None:
    tried = trial(named(f"cut the network for {pause} s", cluster), cluster)

    def fault(sent: Load) -> None:
        for node in cluster.nodes:
            node.proxy.cut()
        time.sleep(pause)
        for node in cluster.nodes:
            node.proxy.restore()

    check(tried.run(fault))


@pytest.mark.parametrize("answers", ["cut", "held"])
def test_an_outage_that_is_longer_than_the_groups_session(
    answers: str, one_node: Cluster, trial: Make, pause: int
) -> None:
    """A commit without an answer: only the brokers know whether it was done.

    With the answers held back it was; cut off, mostly not.
    """
    what = "cut the network" if answers == "cut" else "stall answers"
    tried = trial(
        f"{what} past the session, 1 node", one_node, session=load.SHORT
    )
    proxy = one_node.nodes[0].proxy

    def fault(sent: Load) -> None:
        for _ in range(3):
            if answers == "cut":
                proxy.cut()
            else:
                proxy.stall_answers()
            time.sleep(pause)
            proxy.restore()
            sent.wait_for(100)

    check(tried.run(fault))


def test_a_reader_that_is_cut_off_while_another_one_reads_on(
    one_node: Cluster, trial: Make, pause: int
) -> None:
    """The next owner's commits tell what became of the last one's."""
    tried = trial(
        "cut one of two readers off, past the session, 1 node",
        one_node,
        session=load.SHORT,
    )
    # The others do not come through the proxy.
    tried.join(f"kafka-driver://{one_node.bootstrap}/")

    def fault(sent: Load) -> None:
        for _ in range(3):
            one_node.nodes[0].proxy.stall_answers()
            time.sleep(pause)
            one_node.nodes[0].proxy.restore()
            sent.wait_for(100)

    check(tried.run(fault))


def test_break_connections_again_and_again(
    cluster: Cluster, trial: Make
) -> None:
    tried = trial(named("break every connection, 10 times", cluster), cluster)

    def fault(sent: Load) -> None:
        for _ in range(10):
            for node in cluster.nodes:
                node.proxy.refuse()
            time.sleep(0.3)
            for node in cluster.nodes:
                node.proxy.restore()
            time.sleep(0.7)

    check(tried.run(fault))


@pytest.mark.parametrize("retry", [-1, 0])
def test_stall_answers_past_a_try(
    retry: int, one_node: Cluster, trial: Make
) -> None:
    tried = trial(f"stall answers for 8 s, retry {retry}, 1 node", one_node)

    def fault(sent: Load) -> None:
        one_node.nodes[0].proxy.stall_answers()
        time.sleep(8)
        one_node.nodes[0].proxy.restore()

    found = tried.run(fault, retry)
    check(found)
    if retry == 0:
        # The tries were over before the answers came.
        assert found[0].failed > 0


# -- disks, rights, credentials -----------------------------------------------


def test_fill_the_disk(
    kafka_home: Path,
    small_disk: Path,
    tmp_path: Path,
    accounts: list[Account],
) -> None:
    cluster = Cluster(kafka_home, small_disk, 1)
    node = cluster.nodes[0]

    def fault(sent: Load) -> None:
        filler = small_disk / "filler"
        subprocess.run(
            ["dd", "if=/dev/zero", f"of={filler}", "bs=64k"],
            stderr=subprocess.DEVNULL,
            check=False,
        )
        running = node.server._process
        assert running is not None
        # The broker ends when it cannot write its only log.
        wait_until(lambda: running.poll() is not None, 300)
        filler.unlink()
        node.server.kill()
        node.start()

    try:
        cluster.start()
        tried = Trial("fill the disk, 1 node", cluster, tmp_path, accounts)
        try:
            check(tried.run(fault))
        finally:
            tried.close()
    finally:
        cluster.stop()


def test_revoke_the_permission(secure_node: Cluster, trial: Make) -> None:
    tried = trial("revoke the permission for 5 s, 1 node", secure_node)

    def fault(sent: Load) -> None:
        secure_node.forbid()
        before = sent.failed
        wait_until(lambda: sent.failed > before, 120)
        time.sleep(5)
        secure_node.allow()

    found = tried.run(fault)
    check(found)
    assert found[0].failed > 0


def test_expire_the_credentials(secure_node: Cluster, trial: Make) -> None:
    tried = trial("expire the credentials for 8 s, 1 node", secure_node)

    def fault(sent: Load) -> None:
        secure_node.remove_user()
        time.sleep(8)  # sessions end after 2 s
        seen = len(sent.confirmed)
        time.sleep(1)
        assert len(sent.confirmed) == seen
        secure_node.set_user()

    check(tried.run(fault))


# -- processes ----------------------------------------------------------------


def test_kill_the_sending_process(
    cluster: Cluster, tmp_path: Path, accounts: list[Account]
) -> None:
    name = named("kill -9 the sender, 3 times", cluster)
    for number in range(3):
        topic = sending.new_topic()
        cluster.create(f"{topic}.info")
        sender = Worker("send", tmp_path, cluster.url, topic)
        sender.wait_for(300 + 50 * number)
        sender.kill()
        sent = Counted(sender.numbers)
        found = load.account(
            name,
            "topic",
            sent,
            load.in_topic(cluster.bootstrap, f"{topic}.info"),
        )
        accounts.append(found)
        print(found)
        assert found.lost == found.duplicated == 0, found


@pytest.mark.parametrize("commit", ["after_dispatch", "before_dispatch"])
def test_kill_the_receiving_process(
    commit: str, cluster: Cluster, tmp_path: Path, accounts: list[Account]
) -> None:
    topic = sending.new_topic()
    cluster.create(f"{topic}.info")
    made = load.transport(tmp_path, cluster.url)
    sent = Load(made, f"{topic}.info", threads=8)
    options = {
        "session": load.SHORT,
        "consumer_group": topic,
        "kafka_driver_commit": commit,
        "kafka_driver_max_in_flight": IN_FLIGHT,
    }
    received: list[int] = []
    kills = 3
    for _ in range(kills):
        receiver = Worker("receive", tmp_path, cluster.url, topic, **options)
        receiver.wait_for(200)
        receiver.kill()
        received += receiver.numbers
    sent.wait_for(200)
    sent.stop()
    last = Worker("receive", tmp_path, cluster.url, topic, **options)
    bound = 0 if commit == "after_dispatch" else kills * IN_FLIGHT

    def is_read() -> bool:
        missing = set(sent.confirmed) - set(received) - set(last.numbers)
        return len(missing) <= bound and max(sent.confirmed) in last.numbers

    wait_until(is_read, 300)
    last.wait_silent(3)
    last.kill()
    made.cleanup()
    reader = "at least once" if bound == 0 else "at most once"
    found = load.account(
        named(f"kill -9 the receiver, {kills} times", cluster),
        reader,
        sent,
        received + last.numbers,
    )
    accounts.append(found)
    print(found)
    assert found.lost <= bound, found
    if commit == "before_dispatch":
        assert found.duplicated == 0, found


@pytest.mark.parametrize("commit", ["after_dispatch", "before_dispatch"])
def test_a_storm_of_rebalances(
    commit: str, cluster: Cluster, tmp_path: Path, accounts: list[Account]
) -> None:
    topic = sending.new_topic()
    cluster.create(f"{topic}.info", 6)
    made = load.transport(
        tmp_path,
        cluster.url,
        consumer_group=topic,
        kafka_driver_commit=commit,
    )
    members = [Reading(listen(made, topic), work=0.001)]
    sent = Load(made, f"{topic}.info")
    for number in range(12):
        members.append(Reading(listen(made, topic), work=0.001))
        time.sleep(1)
        if number % 3:
            members[-2].stop()
    sent.wait_for(100)
    sent.stop()

    def read() -> list[int]:
        return [number for one in members for number in one.payloads]

    wait_until(lambda: set(sent.confirmed) <= set(read()), 300)
    for one in members:
        if not one.listener.is_closed():
            one.stop()
    made.cleanup()
    reader = "at least once" if commit == "after_dispatch" else "at most once"
    found = load.account(
        named("12 rebalances in 12 s", cluster), reader, sent, read()
    )
    accounts.append(found)
    print(found)
    assert found.lost == 0, found
    if commit == "before_dispatch":
        assert found.duplicated == 0, found
