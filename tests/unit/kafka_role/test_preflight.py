# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of a broker is named before anything changes."""

import grp
import os
import pwd
import socket

import pytest
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_disks,
    kafka_listening,
    kafka_peers,
)
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    java_find,
    kafka_preflight,
)


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def look(port, address="127.0.0.1", config_file="/etc/kafka/x", user="nobody"):
    listener = {
        "address": address,
        "address_setting": "kafka_listen_address",
        "port": port,
        "port_setting": "kafka_port",
    }
    return list(kafka_listening.look_at_listener(listener, config_file, user))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_taken_port_is_named_with_its_process(taken_port):
    (problem,) = look(taken_port)
    assert f"Port {taken_port} is taken by process {os.getpid()}" in problem
    assert "set kafka_port to a free port" in problem


def test_port_of_the_roles_own_broker_is_no_problem(taken_port):
    with open("/proc/self/cmdline") as source:
        argument = source.read().split("\0")[-2]
    assert look(taken_port, config_file=argument) == []


def test_free_port_is_no_problem():
    assert look(free_port()) == []


@pytest.mark.parametrize("user", ["nobody", "is-yet-to-be-made"])
def test_a_port_that_is_not_for_the_brokers_account_is_named(
    tmp_path, monkeypatch, user
):
    """Root, who looks, may listen there."""
    monkeypatch.setattr(kafka_listening, "bind_error", lambda *where: 0)
    start = tmp_path / "start"
    monkeypatch.setattr(kafka_listening, "PORT_START", str(start))
    told = "Port {} is not for ordinary users: set kafka_port to {} or more."
    assert look(443, user=user) == [told.format(443, 1024)]
    assert look(1024, user=user) == []
    assert look(443, user="root") == []
    start.write_text("80\n")
    assert look(443, user=user) == []
    assert look(79, user=user) == [told.format(79, 80)]


def test_foreign_address_is_named():
    (problem,) = look(free_port(), address="192.0.2.1")
    assert problem == (
        "192.0.2.1 is no address of this machine: correct "
        "kafka_listen_address."
    )


@pytest.mark.parametrize("name", ["k1..example.org", "k" * 64 + ".org"])
def test_a_name_that_no_dns_can_have_is_told(name):
    """Python makes another error of it than of one that is not known."""
    (problem,) = look(free_port(), address=name)
    assert f"{name} is no address of this machine" in problem
    peer = {"address": name, "port": 9093, "setting": "s"}
    assert "no name that this machine" in kafka_peers.look_at_peer(peer)


def test_listening_sockets_are_found_in_both_tables():
    table = (
        "  sl  local_address rem_address   st tx rx tr tm retr uid t inode\n"
        "   0: 0100007F:2384 00000000:0000 0A 0:0 00:0 0 0 0 77 1\n"
        "   1: 0100007F:2384 0100007F:9999 01 0:0 00:0 0 0 0 78 1\n"
    )
    found = kafka_listening.listening_inodes(table, 0x2384)
    assert found == {"socket:[77]"}


def test_missing_space_is_named(tmp_path):
    space = {
        "path": str(tmp_path / "not" / "yet"),
        "megabytes": 1 << 40,
        "setting": "kafka_data_dirs",
    }
    (problem,) = kafka_disks.look_at_space(space)
    assert "make room, or change kafka_data_dirs" in problem
    assert not list(kafka_disks.look_at_space(space | {"megabytes": 0}))


def test_disks_too_small_for_full_topics_are_named(tmp_path):
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    (problem,) = kafka_disks.look_at_disks(paths, 10**12)
    assert "lower kafka_retention_bytes" in problem
    found = os.statvfs(tmp_path)
    total = found.f_blocks * found.f_frsize // 2**20
    assert list(kafka_disks.look_at_disks(paths, total)) == []
    # Two directories of one disk are not two disks.
    assert list(kafka_disks.look_at_disks(paths, total + 1))


def directory(path, executes=False):
    return {"path": str(path), "setting": "kafka_x", "executes": executes}


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        (os.ST_RDONLY, "mounted for reading only"),
        (os.ST_NOEXEC, "mounted noexec"),
    ],
)
def test_a_disk_that_cannot_be_used_is_named(
    tmp_path, monkeypatch, flag, words
):
    class Mounted:
        f_flag = flag

    monkeypatch.setattr(os, "statvfs", lambda path: Mounted)
    there = directory(tmp_path / "new", executes=True)
    (problem,) = kafka_disks.look_at_directory(there)
    assert words in problem
    assert "change kafka_x" in problem


def test_a_file_in_the_way_of_a_directory_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        (problem,) = kafka_disks.look_at_directory(directory(path))
        assert f"{tmp_path / 'file'} is no directory" in problem
        assert "correct kafka_x" in problem


def test_a_directory_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    below = directory(tmp_path / "a" / "b")
    assert list(kafka_disks.look_at_directory(below)) == []
    # Root may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (problem,) = kafka_disks.look_at_directory(below)
    assert f"{tmp_path} cannot be written by" in problem


def test_a_directory_that_everybody_writes_to_is_named(tmp_path):
    tmp_path.chmod(0o1777)
    (problem,) = kafka_disks.look_at_directory(directory(tmp_path))
    assert f"{tmp_path} is sticky" in problem
    assert f"such as {tmp_path}/kafka, into kafka_x" in problem
    below = directory(tmp_path / "kafka")
    assert list(kafka_disks.look_at_directory(below)) == []


def look_at_owners(path, **more):
    options = {
        "config_file": str(path.parent / "server.properties"),
        "directories": [{**directory(path), "owned": True}],
        "group": "nobody-has-this",
        "mark": "ours",
        "user": "nobody",
        **more,
    }
    return list(kafka_preflight.look_at_owners(options))


as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root to give files away"
)


@pytest.fixture
def full(tmp_path):
    path = tmp_path / "full"
    path.mkdir()
    (path / "nova.conf").touch()
    return path


@as_root
@pytest.mark.parametrize("owner", [(4242, 0), (0, 4343)])
def test_a_directory_of_somebody_else_is_left_alone(full, owner):
    assert look_at_owners(full) == []
    os.chown(full, *owner)
    (problem,) = look_at_owners(full)
    assert f"{full} belongs to" in problem
    assert str(max(owner)) in problem
    assert "holds nova.conf" in problem
    assert problem.endswith("write a directory of its own into kafka_x.")
    # One that the role gives no owner, and one with nothing in it.
    assert look_at_owners(full, directories=[{"owned": False}]) == []
    (full / "nova.conf").unlink()
    assert look_at_owners(full) == []


@as_root
def test_a_directory_of_the_roles_own_accounts_is_taken(full):
    """As a run leaves it that was interrupted."""
    account = pwd.getpwnam("nobody")
    os.chown(full, account.pw_uid, account.pw_gid)
    group = grp.getgrgid(account.pw_gid).gr_name
    assert look_at_owners(full)
    assert look_at_owners(full, group=group) == []


@as_root
def test_a_directory_that_was_set_up_may_change_its_account(full, tmp_path):
    os.chown(full, 4242, 4343)
    config = tmp_path / "server.properties"
    config.write_text("node.id=1\n")
    assert look_at_owners(full)
    config.write_text("# ours\nnode.id=1\n")
    assert look_at_owners(full) == []


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "mount")
    for path in (link, link / "data"):
        (problem,) = kafka_disks.look_at_directory(directory(path))
        assert f"{link} is a link to {tmp_path / 'mount'}" in problem
        assert "correct kafka_x" in problem
    (tmp_path / "mount").mkdir()
    assert list(kafka_disks.look_at_directory(directory(path))) == []


def test_one_directory_by_two_names_is_told(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    places = [
        {"path": str(tmp_path / name), "setting": "kafka_data_dirs"}
        for name in ("real", "link")
    ]
    (problem,) = kafka_disks.look_at_real_paths(places)
    assert f"{places[0]['path']} of kafka_data_dirs and" in problem
    assert f"{places[1]['path']} of kafka_data_dirs are one" in problem
    below = {"path": str(tmp_path / "link" / "tmp"), "setting": "kafka_x"}
    (problem,) = kafka_disks.look_at_real_paths([places[0], below])
    assert f"{below['path']} of kafka_x is in {places[0]['path']}" in problem


def test_a_link_to_a_directory_of_the_machine_is_told(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("/usr/bin")
    place = {"path": str(link), "setting": "kafka_x"}
    (problem,) = kafka_disks.look_at_real_paths([place])
    assert f"{link} (/usr/bin) of kafka_x belongs to the whole" in problem


@pytest.mark.parametrize("path", ["", "venv", "a/b"])
def test_the_look_at_a_relative_path_ends(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert kafka_disks.existing_parent(path) == str(tmp_path)
    assert kafka_disks.broken_link(path) == ""


def test_a_peer_that_is_this_machine_to_itself_is_told():
    """What /etc/hosts of Debian says of a machine's own name."""
    (problem,) = kafka_peers.look_at_peers(
        [{"address": "localhost", "port": 9093, "setting": "kafka_x of k2"}]
    )
    assert "is this machine itself" in problem.replace(
        "which is this", "is this"
    )
    assert "correct kafka_x of k2" in problem
    assert "/etc/hosts" in problem


def test_a_peer_that_listens_or_refuses_is_reached(taken_port, monkeypatch):
    monkeypatch.setattr(kafka_peers, "loopback_of", lambda *where: "")
    peers = [
        {"address": "127.0.0.1", "port": port, "setting": "s"}
        for port in (taken_port, 1)
    ]
    assert list(kafka_peers.look_at_peers(peers)) == []


def test_a_peer_without_a_name_or_a_way_is_told(monkeypatch):
    def never(address, timeout):
        raise TimeoutError

    nobody = {"address": "nobody.invalid", "port": 9093, "setting": "s"}
    assert "no name that this machine" in kafka_peers.look_at_peer(nobody)
    monkeypatch.setattr(kafka_peers, "loopback_of", lambda *where: "")
    monkeypatch.setattr(socket, "create_connection", never)
    told = kafka_peers.look_at_peer(nobody)
    assert "nobody.invalid:9093 cannot be reached" in told
    assert "open the port" in told


def test_a_machine_with_two_ports_is_told_once():
    ports = [
        {"address": "nobody.invalid", "port": port, "setting": "s"}
        for port in (9092, 9093)
    ]
    assert len(list(kafka_peers.look_at_peers(ports))) == 1


def test_a_clock_that_is_wrong_is_told():
    (problem,) = kafka_preflight.look_at_clock(1000.0, 1100.0)
    assert "100 seconds" in problem
    assert list(kafka_preflight.look_at_clock(1000.0, 1030.0)) == []
    assert list(kafka_preflight.look_at_clock(None, 5.0)) == []


def test_memory_is_counted():
    assert 64 < kafka_preflight.memory() < 2**30


def test_configuration_of_somebody_else_is_left_alone(tmp_path):
    path = tmp_path / "server.properties"
    item = {"path": str(path), "setting": "kafka_config_dir"}
    assert list(kafka_preflight.look_at_file(item, "ours")) == []
    path.write_text("# ours\n")
    assert list(kafka_preflight.look_at_file(item, "ours")) == []
    path.write_text("node.id=7\n")
    (problem,) = kafka_preflight.look_at_file(item, "ours")
    assert "not this role's" in problem
    assert "change kafka_config_dir" in problem


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('IMPLEMENTOR="x"\nJAVA_VERSION="21"\n', 21),
        ("nothing of the kind", 0),
    ],
)
def test_java_versions_are_read(text, major):
    assert java_find.parse_major(text) == major


@pytest.mark.parametrize(
    ("found", "preferred", "home"),
    [
        ({"/17": 17, "/25": 25}, None, "/25"),
        ({"/17": 17, "/25": 25}, "/17", "/17"),
        ({"/11": 11, "/17": 17}, "/11", "/17"),
        ({"/11": 11, "/26": 26}, None, ""),
    ],
)
def test_java_of_the_range_is_chosen(found, preferred, home):
    assert java_find.choose(found, preferred, 17, 25) == home


def test_java_that_does_not_run_is_none(tmp_path):
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o755)
    assert java_find.major_of(str(tmp_path)) == 0


def test_own_broker_is_known_where_sockets_cannot_be_looked_up(
    taken_port, monkeypatch
):
    with open("/proc/self/cmdline") as source:
        argument = source.read().split("\0")[-2]
    # What root sees in a container that lacks CAP_SYS_PTRACE.
    monkeypatch.setattr(kafka_listening, "socket_owner", lambda _: (None, []))
    assert look(taken_port, config_file=argument) == []
    (problem,) = look(taken_port, config_file="/etc/kafka/no-such-broker")
    assert "taken by another process" in problem
