# SPDX-License-Identifier: Apache-2.0
"""The install record: what a removal may take away, and nothing else."""

import json
import os
import stat

import ansible_module
import pytest


@pytest.fixture
def record(tmp_path):
    return tmp_path / "state" / "installed.json"


def run_module(record, check=False, **arguments):
    """Run the module as Ansible does and return what it answers."""
    arguments.setdefault("file", str(record))
    arguments["_ansible_check_mode"] = check
    done = ansible_module.run("install_record", **arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def recorded(record):
    content = json.loads(record.read_text())
    assert content["version"] == 1
    return content["roles"]


def test_first_record_makes_directory_and_world_readable_file(record):
    answer = run_module(record, role="kafka", packages=["jre"], users=["k"])
    assert answer["changed"] is True
    assert recorded(record)["kafka"]["packages"] == ["jre"]
    assert recorded(record)["kafka"]["users"] == ["k"]
    assert stat.S_IMODE(record.stat().st_mode) == 0o644
    assert [p.name for p in record.parent.iterdir()] == [record.name]


@pytest.fixture
def private_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("private_umask")
def test_record_is_readable_whatever_the_umask_is(record):
    for role in ("kafka", "rabbitmq"):
        run_module(record, role=role, packages=["jre"])
        assert stat.S_IMODE(record.parent.stat().st_mode) == 0o755
        assert stat.S_IMODE(record.stat().st_mode) == 0o644


def test_same_things_again_change_nothing(record):
    run_module(record, role="kafka", paths=["/opt/kafka", "/etc/kafka"])
    before = record.stat().st_mtime_ns
    answer = run_module(record, role="kafka", paths=["/etc/kafka/"])
    assert answer["changed"] is False
    assert record.stat().st_mtime_ns == before


def test_records_of_one_role_and_of_others_are_united(record):
    run_module(record, role="kafka", paths=["/opt/kafka"])
    run_module(record, role="rabbitmq", packages=["rabbitmq-server"])
    run_module(record, role="kafka", paths=["/etc/kafka"], services=["kafka"])
    assert recorded(record)["kafka"]["paths"] == ["/etc/kafka", "/opt/kafka"]
    assert recorded(record)["kafka"]["services"] == ["kafka"]
    assert recorded(record)["rabbitmq"]["packages"] == ["rabbitmq-server"]


def test_check_mode_tells_and_writes_nothing(record):
    answer = run_module(record, check=True, role="kafka", users=["kafka"])
    assert answer["changed"] is True
    assert answer["roles"]["kafka"]["users"] == ["kafka"]
    assert not record.parent.exists()


def test_absent_takes_out_named_things_only(record):
    run_module(record, role="kafka", paths=["/opt/kafka"], users=["kafka"])
    answer = run_module(record, role="kafka", state="absent", users=["kafka"])
    assert answer["changed"] is True
    assert recorded(record)["kafka"]["users"] == []
    assert recorded(record)["kafka"]["paths"] == ["/opt/kafka"]


def test_absent_forgets_a_role_and_leaves_the_others(record):
    run_module(record, role="kafka", paths=["/opt/kafka"])
    run_module(record, role="rabbitmq", services=["rabbitmq-server"])
    run_module(record, role="kafka", state="absent")
    assert list(recorded(record)) == ["rabbitmq"]


def test_absent_with_empty_lists_takes_out_nothing(record):
    run_module(record, role="rabbitmq", data_paths=["/var/lib/rabbitmq"])
    answer = run_module(record, role="rabbitmq", state="absent", paths=[])
    assert answer["changed"] is False
    assert recorded(record)["rabbitmq"]["data_paths"] == ["/var/lib/rabbitmq"]


def test_record_without_roles_leaves_no_file_and_no_directory(record):
    run_module(record, role="kafka", paths=["/opt/kafka"])
    run_module(record, role="kafka", state="absent")
    assert not record.parent.exists()
    assert run_module(record, role="kafka", state="absent")["changed"] is False


def test_directory_with_other_files_stays(record):
    run_module(record, role="kafka", paths=["/opt/kafka"])
    (record.parent / "other").write_text("mine")
    run_module(record, role="kafka", state="absent")
    assert not record.exists()
    assert (record.parent / "other").exists()


def test_read_returns_the_record_and_changes_nothing(record):
    assert run_module(record, state="read")["exists"] is False
    run_module(record, role="kafka", paths=["/opt/kafka"])
    answer = run_module(record, state="read")
    assert answer["changed"] is False
    assert answer["exists"] is True
    assert answer["roles"]["kafka"]["paths"] == ["/opt/kafka"]


def test_empty_file_name_keeps_no_record(record):
    answer = run_module(record, file="", role="kafka", paths=["/opt/kafka"])
    assert answer["changed"] is False
    assert not record.parent.exists()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/", "belongs to the system"),
        ("//", "belongs to the system"),
        ("/etc/", "belongs to the system"),
        ("/var/lib/kafka/..", "belongs to the system"),
        ("kafka", "not an absolute path"),
    ],
)
@pytest.mark.parametrize("kind", ["paths", "data_paths"])
def test_path_that_must_not_be_deleted_is_refused(record, kind, path, reason):
    answer = run_module(record, role="kafka", **{kind: [path]})
    assert answer["failed"] is True
    assert reason in answer["msg"]
    assert not record.exists()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 1}', '{"version": 1, "roles": {"k": []}}'],
)
def test_damaged_record_is_one_sentence_and_stays_as_it_is(record, text):
    record.parent.mkdir()
    record.write_text(text)
    answer = run_module(record, role="kafka", paths=["/opt/kafka"])
    assert "damaged" in answer["msg"]
    assert record.read_text() == text


def test_record_of_another_version_is_refused(record):
    record.parent.mkdir()
    record.write_text('{"version": 2, "roles": {}}')
    answer = run_module(record, role="kafka", paths=["/opt/kafka"])
    assert "version 2" in answer["msg"]


def test_diff_shows_the_record_before_and_after(record):
    run_module(record, role="kafka", paths=["/opt/kafka"])
    diff = run_module(record, role="kafka", paths=["/etc/kafka"])["diff"]
    assert "/etc/kafka" not in diff["before"]
    assert "/etc/kafka" in diff["after"]
