# SPDX-License-Identifier: Apache-2.0
"""Directories are formatted once, and never against what they hold."""

import base64
import hashlib

import pytest
from ansible_collections.kafka_bus.openstack.plugins.modules import (
    kafka_storage,
)

CLUSTER = "uwhPUHzhS96NLOgJeH29rA"
OTHER = "AAAAAAAAAAAAAAAAAAAAAA"
META = {"cluster.id": CLUSTER, "node.id": "1", "version": "1"}


def plan(metas, contents=None, cluster_id="", node_id=1):
    return kafka_storage.plan(
        list(metas),
        metas,
        {path: (contents or {}).get(path, []) for path in metas},
        cluster_id,
        node_id,
    )


def test_fresh_node_is_formatted():
    assert plan({"/a": None, "/b": None}) == ("", ["/a", "/b"])


def test_formatted_node_is_left_and_tells_its_cluster():
    assert plan({"/a": META, "/b": META}) == (CLUSTER, [])


def test_new_directory_of_a_formatted_node_is_formatted_with_its_id():
    assert plan({"/a": META, "/b": None}) == (CLUSTER, ["/b"])


def command(quorum, first_time, cluster_id="id"):
    options = {
        "home": "/k",
        "config_file": "/c",
        "quorum": quorum,
        "initial_controllers": "1@a",
    }
    return kafka_storage.format_command(options, cluster_id, first_time)


@pytest.mark.parametrize(
    ("quorum", "word"),
    [
        ("standalone", "--standalone"),
        ("initial", "--initial-controllers=1@a"),
        ("join", "--no-initial-controllers"),
    ],
)
def test_a_new_node_is_told_how_it_comes_to_its_controllers(quorum, word):
    assert word in command(quorum, first_time=True)
    assert "--ignore-formatted" not in command(quorum, first_time=True)


@pytest.mark.parametrize("quorum", ["standalone", "initial", "join"])
def test_a_node_that_is_formatted_gets_no_new_controllers(quorum):
    later = command(quorum, first_time=False)
    assert later[-2:] == ["--ignore-formatted", "--no-initial-controllers"]


@pytest.mark.parametrize("first_time", [True, False])
def test_voters_that_are_in_the_settings_are_not_told_again(first_time):
    said = " ".join(command("static", first_time))
    assert "controllers" not in said
    assert "standalone" not in said


def test_an_id_that_begins_with_a_dash_is_no_option():
    assert "--cluster-id=-id" in command("standalone", True, "-id")


def test_an_emptied_disk_of_a_controller_is_not_formatted(tmp_path):
    note = tmp_path / "formatted"
    kafka_storage.check_emptied("/a", None, str(note))
    note.write_text("id\n")
    kafka_storage.check_emptied("/a", META, str(note))
    with pytest.raises(kafka_storage.StorageError, match=r"remove_node\.yml"):
        kafka_storage.check_emptied("/a", None, str(note))


@pytest.mark.parametrize(
    ("entry", "named", "refused"),
    [
        ("notifications.info-0", [], True),
        ("notifications.info-0", ["more"], False),
        ("__cluster_metadata-0", [], False),
        ("t-0.3f6b-delete", [], False),
    ],
)
def test_a_directory_with_partitions_stays_named(
    entry, named, refused, tmp_path
):
    more, config = tmp_path / "more", tmp_path / "server.properties"
    (more / entry).mkdir(parents=True)
    config.write_text(f"log.dirs={tmp_path / 'data'},{more}\n")
    directories = [str(tmp_path / name) for name in ["data", *named]]
    if not refused:
        kafka_storage.check_left_out(str(config), directories)
        return
    with pytest.raises(kafka_storage.StorageError, match="put it back"):
        kafka_storage.check_left_out(str(config), directories)


@pytest.mark.parametrize("path", ["{}/data/", "{}//data", "{}/link"])
def test_a_directory_with_partitions_may_be_written_otherwise(path, tmp_path):
    config = tmp_path / "server.properties"
    (tmp_path / "data" / "notifications.info-0").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data")
    config.write_text(f"log.dirs={tmp_path / 'data'}\n")
    kafka_storage.check_left_out(str(config), [path.format(tmp_path)])


def test_another_directory_id_is_an_error():
    meta = {**META, "directory.id": "A" * 22}
    kafka_storage.check_directory_id("/a", meta, "A" * 22)
    with pytest.raises(kafka_storage.StorageError) as caught:
        kafka_storage.check_directory_id("/a", meta, "B" * 22)
    assert "kafka_nodes" in str(caught.value)


def test_an_account_is_handed_over_without_its_password(monkeypatch):
    monkeypatch.setattr(kafka_storage.os, "urandom", bytes)
    written = kafka_storage.scram_argument(
        {"name": "a", "password": "secret", "mechanism": "SCRAM-SHA-256"}
    )
    salted = hashlib.pbkdf2_hmac("sha256", b"secret", bytes(16), 8192)
    assert "secret" not in written
    assert written == (
        'SCRAM-SHA-256=[name="a",iterations=8192,'
        f'salt="{"A" * 22}==",'
        f'saltedpassword="{base64.b64encode(salted).decode()}"]'
    )


def test_an_invented_id_does_not_begin_with_a_dash(monkeypatch):
    uuids = iter([b"\xfb" + bytes(15), bytes(16)])

    class Fixed:
        def __init__(self):
            self.bytes = next(uuids)

    monkeypatch.setattr(kafka_storage.uuid, "uuid4", Fixed)
    assert kafka_storage.invent_cluster_id() == "A" * 22


@pytest.mark.parametrize(
    ("metas", "contents", "cluster_id", "node_id", "words"),
    [
        ({"/a": META}, {}, OTHER, 1, "belongs to the cluster"),
        (
            {"/a": META, "/b": META | {"cluster.id": OTHER}},
            {},
            "",
            1,
            "/b belongs to the cluster",
        ),
        ({"/a": META}, {}, "", 2, "node 2: set kafka_node_id to 1"),
        ({"/a": {"broker.id": "1"}}, {}, "", 1, "ZooKeeper-mode"),
        ({"/a": None, "/b": META}, {}, "", 1, "holds no metadata"),
        ({"/a": None}, {"/a": ["letters"]}, "", 1, "holds letters"),
    ],
)
def test_what_does_not_fit_is_refused(
    metas, contents, cluster_id, node_id, words
):
    with pytest.raises(kafka_storage.StorageError, match=words):
        plan(metas, contents, cluster_id, node_id)


def test_file_systems_own_directory_is_no_content():
    found = plan({"/a": None}, {"/a": ["lost+found"]})
    assert found == ("", ["/a"])


def test_meta_properties_are_read(tmp_path):
    (tmp_path / "meta.properties").write_text(
        "#\n#Mon Nov 23\nnode.id=1\ncluster.id=abc=\n"
    )
    assert kafka_storage.read_meta(str(tmp_path)) == {
        "node.id": "1",
        "cluster.id": "abc=",
    }
    assert kafka_storage.read_meta(str(tmp_path / "none")) is None
