# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on machines, while a service notifies the whole time.

Each test counts what was confirmed, and prints it with the slowest send: the
time for which nothing was confirmed.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .clusters import BIN, Cluster
from .load import Load, load
from .machine import CHECKOUT
from .network import cut_off
from .plays import make_certificates, play

BUS = Cluster("faults", ("machine1", "machine2", "machine3"))
DATA = "/var/lib/kafka/data"
#: Seconds of a fault, longer than brokers wait for one that is silent.
FAULT = 15


def docker(*words: str) -> str:
    return subprocess.run(
        ["docker", *words], check=True, capture_output=True, text=True
    ).stdout


@contextmanager
def counted_load() -> Iterator[Load]:
    """Notify during what is inside; nothing of it may be lost or repeated."""
    with load(BUS) as counted:
        yield counted
        BUS.wait_until_well()
    assert counted.confirmed
    assert counted.failed == []
    assert counted.lost == counted.duplicated == 0


def test_a_broker_that_is_killed() -> None:
    with counted_load():
        BUS.machine("machine2").check_output(
            "systemctl kill --signal=KILL kafka"
        )
        time.sleep(FAULT)


def test_a_machine_that_loses_its_power() -> None:
    with counted_load():
        docker("kill", "--signal", "KILL", "machine2")
        time.sleep(FAULT)
        docker("start", "machine2")


def test_a_machine_that_stands_still() -> None:
    with counted_load():
        docker("pause", "machine3")
        time.sleep(FAULT)
        docker("unpause", "machine3")


def test_a_machine_that_is_cut_off() -> None:
    with counted_load(), cut_off("machine3"):
        time.sleep(FAULT)


def test_a_disk_that_is_full() -> None:
    machine = BUS.machine("machine3")
    with counted_load():
        machine.run("dd if=/dev/zero of=/var/lib/kafka/filler bs=64k")
        time.sleep(FAULT)
        machine.check_output("rm /var/lib/kafka/filler")


def test_a_segment_whose_bytes_have_changed() -> None:
    """Of a broker that ended at once: such a one checks what it has."""
    machine = BUS.machine("machine3")
    segment = f"{DATA}/notifications.info-0/00000000000000000000.log"
    with counted_load():
        machine.check_output("systemctl kill --signal=KILL kafka")
        machine.check_output("systemctl stop kafka")
        size = machine.file(segment).size
        assert size > 1000
        machine.check_output(
            "sh -c %s",
            f"printf 'not what was there' | dd of={segment} bs=1 "
            f"seek={size // 2} conv=notrunc",
        )
        machine.check_output("systemctl start kafka")
    said = machine.check_output(
        "env KAFKA_HEAP_OPTS=-Xmx128m LOG_DIR=/tmp/tools %s/kafka-dump-log.sh "
        "--files %s",
        BIN,
        segment,
    )
    assert "isvalid: true" in said
    assert "isvalid: false" not in said


def test_a_certificate_that_has_ended() -> None:
    folder = BUS.inventory / "group_vars" / "kafka" / "pki"
    with counted_load():
        make_certificates(
            folder,
            certificates=[{"name": "machine3", "addresses": ["machine3"]}],
            days=0,
            renew_days=36500,
        )
        ended = (folder / "machine3.key").read_text()
        ended += (folder / "machine3.pem").read_text()
        machine = BUS.machine("machine3")
        # Without its name in an argument of the shell: it holds a key.
        subprocess.run(
            [
                *("docker", "exec", "--interactive", "machine3"),
                *("sh", "-c", "cat > /etc/kafka/tls/node.pem"),
            ],
            input=ended,
            text=True,
            check=True,
        )
        machine.check_output("systemctl restart kafka")
        time.sleep(FAULT)
        # The first one is also a service, whose settings are not made here.
        told = play(
            CHECKOUT / "playbooks" / "verify.yml",
            *("--limit", ",".join(BUS.brokers[1:])),
        )
        assert told.code != 0
        assert "Node 3 does not answer" in told.words
        renewed = play(CHECKOUT / "playbooks" / "site.yml", "--tags", "kafka")
        assert renewed.code == 0
