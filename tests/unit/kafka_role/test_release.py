# SPDX-License-Identifier: Apache-2.0
"""The catalogue of versions, and what is refused because of it."""

import importlib.machinery
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from ansible_collections.kafka_bus.openstack.plugins.filter import kafka_role
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_archive as ka,
)

CHECKOUT = Path(__file__).resolve().parents[3]
VARS = CHECKOUT / "roles" / "kafka" / "vars"
CATALOGUE = yaml.safe_load((VARS / "versions.yml").read_text())[
    "__kafka_versions"
]
DIGEST = "a" * 128
BUILDS = [
    (version, scala)
    for version, row in CATALOGUE.items()
    for scala in row["scala"]
]


def load_tool():
    path = str(CHECKOUT / "tools" / "add_kafka_version")
    loader = importlib.machinery.SourceFileLoader("add_kafka_version", path)
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def release(version, scala="2.13", digest=""):
    return kafka_role.kafka_release(CATALOGUE, version, scala, digest)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["v4"], "argument version: not a version like 4.3.1"),
        (["4.3.1", "--scala", "2"], "argument --scala: not a version like"),
        (["4.3.1", "--modes", "raft"], "--modes: not kraft, zookeeper or"),
        (["4.3.1", "--java", "25-17"], "--java: not two numbers like 17-25"),
    ],
)
def test_the_tool_takes_no_arguments_that_spoil_the_catalogue(
    monkeypatch, capsys, arguments, sentence
):
    monkeypatch.setattr("sys.argv", ["add_kafka_version", *arguments])
    with pytest.raises(SystemExit):
        load_tool().parse_arguments()
    assert sentence in capsys.readouterr().err


def test_the_promised_versions_are_known():
    assert {"4.3.1", "4.2.1", "4.1.2", "3.9.2", "3.9.1", "2.0.0"} <= set(
        CATALOGUE
    )


@pytest.mark.parametrize(("version", "scala"), BUILDS)
def test_each_build_has_two_digests_and_a_jar_list(version, scala):
    build = CATALOGUE[version]["scala"][scala]
    assert re.fullmatch("[0-9a-f]{128}", build["archive_sha512"])
    assert re.fullmatch("[0-9a-f]{128}", build["assembled_sha512"])
    text = (VARS / "jars" / f"kafka_{scala}-{version}.txt").read_text()
    jars = ka.parse_jars(text)
    assert f"kafka_{scala}-{version}.jar" in map(ka.file_name, jars)
    assert len({ka.file_name(jar) for jar in jars}) == len(jars)
    assert all(re.fullmatch("[0-9a-f]{128}", jar.sha512) for jar in jars)


def test_the_tool_writes_the_catalogue_as_it_is(tmp_path):
    tool = load_tool()
    catalogue = tool.load()
    before = tool.VERSIONS.read_text()
    tool.VERSIONS = tmp_path / "versions.yml"
    tool.save(catalogue)
    assert tool.VERSIONS.read_text() == before


def test_default_version_is_known_whole():
    found = release("4.3.1")
    assert found["problem"] == ""
    assert found["name"] == "kafka_2.13-4.3.1"
    assert found["jars"] == "kafka_2.13-4.3.1.txt"
    assert (found["java_min"], found["java_max"]) == (17, 25)


@pytest.mark.parametrize(
    ("version", "scala", "digest", "words"),
    [
        ("4.1.2", "2.12", "", "Scala 2.13 only: set kafka_scala_version"),
        ("4.1.2", "2.12", DIGEST, "Scala 2.13 only: set kafka_scala_version"),
        ("4.9.9", "2.13", "", "set kafka_archive_sha512"),
        ("3.9.2", "2.12", "", "set kafka_archive_sha512"),
        ("2.0.0", "2.12", "", "runs 3.9 and newer, without ZooKeeper"),
        ("2.8.1", "2.13", DIGEST, "runs 3.9 and newer, without ZooKeeper"),
        # It could run without; the role has never set it up.
        ("3.8.1", "2.13", DIGEST, "is 3.8.1, and this role runs 3.9 and new"),
        *[
            (version, "2.13", digest, "no version of Kafka: write its three")
            for version in (
                *("latest", "4.3.x", "4.3", "4.3.1\n", " 4.3.1", "4.1.0_0"),
                *("04.3.1", "4.03.1", "4.1.0.0.0", "4.1.0/../x", ""),
                "\u0664.1.0",
            )
            for digest in ("", DIGEST)
        ],
        *[
            (version, scala, DIGEST, "no version of Scala: write two numbers")
            for version in ("4.3.2", "3.9.2")
            for scala in ("2.13/../x", "2.13\n", "2.13.1", "2", "")
        ],
    ],
)
def test_version_that_cannot_work_is_one_sentence(
    version, scala, digest, words
):
    problem = release(version, scala, digest)["problem"]
    assert words in problem
    assert problem.endswith(".")
    assert "\n" not in problem


@pytest.mark.parametrize("version", ["3.9.0", "3.9.3"])
def test_every_release_of_a_known_minor_one_is_taken_after_it(version):
    found = release(version, digest=DIGEST)
    assert found["problem"] == ""
    assert (found["java_min"], found["java_max"]) == (8, 21)
    assert release("4.1.0", digest=DIGEST)["java_min"] == 17


def test_unknown_version_with_a_digest_takes_after_the_one_before():
    found = release("4.3.2", digest=DIGEST)
    assert found["problem"] == ""
    assert found["archive_sha512"] == DIGEST
    # As Apache's own files have it.
    assert release("4.3.2", digest=DIGEST.upper()) == found
    assert found["assembled_sha512"] == found["jars"] == ""
    assert found["java_min"] == CATALOGUE["4.3.1"]["java"]["min"]


def test_versions_are_ordered_as_numbers():
    assert release("4.10.0", digest=DIGEST)["java_max"] == 25


def test_properties_are_sorted_and_escaped():
    assert kafka_role.kafka_properties(
        {
            "b": True,
            "a.b": 3,
            "path": "C:\\x y",
            "lead": " x",
            "key with=": "ü\n😀",
        }
    ).splitlines() == [
        "a.b=3",
        "b=true",
        "key\\ with\\==\\u00fc\\n\\ud83d\\ude00",
        "lead=\\ x",
        "path=C:\\\\x y",
    ]


@pytest.mark.parametrize(
    ("installed", "version"),
    [
        ("", "4.3.1"),
        ("4.1.2", "4.3.1"),
        ("4.3.1", "4.3.1"),
        ("3.9.2", "4.1.2"),
    ],
)
def test_a_newer_version_may_follow(installed, version):
    assert kafka_role.kafka_upgrade_problem(installed, version) == ""


@pytest.mark.parametrize(
    ("installed", "version", "words"),
    [
        ("4.3.1", "4.1.2", "set kafka_version to 4.3.1 or newer"),
        ("3.10.0", "3.9.2", "set kafka_version to 3.10.0 or newer"),
        ("2.0.0", "4.3.1", "a 3.9 release first"),
    ],
)
def test_what_cannot_follow_is_refused(installed, version, words):
    problem = kafka_role.kafka_upgrade_problem(installed, version)
    assert words in problem


#: The function of the DevStack plugin that looks at the version.
DEVSTACK_CHECK = """
function die { shift; echo "$*" >&2; exit 1; }
KAFKA_PLUGIN_DIR=$1 KAFKA_VERSION=$2 KAFKA_ARCHIVE_SHA512=$3
KAFKA_DIR=/nonexistent SCALA_VERSION=2.13 SCALA_BASEURL=none
for part in checks kafka scala; do source "$1/lib/$part"; done
_kafka_check_version
"""


@pytest.mark.parametrize("digest", ["", DIGEST], ids=["known", "given"])
@pytest.mark.parametrize(
    "version",
    [
        *("2.0.0", "3.2.3", "3.3.0", "3.8.1", "3.9.0", "3.9.1", "3.9.2"),
        *("3.9.3", "3.10.0", "4.0.0", "4.1", "4.1.2", "4.3.1", "10.0.0"),
    ],
)
def test_devstack_plugin_takes_the_versions_that_the_role_takes(
    version, digest
):
    problem = kafka_role.kafka_release(CATALOGUE, version, "2.13", digest)
    arguments = [str(CHECKOUT / "devstack"), version, digest]
    done = subprocess.run(
        ["bash", "-c", DEVSTACK_CHECK, "-", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert bool(done.stderr) is bool(problem["problem"]), done.stderr
    assert done.returncode == bool(problem["problem"])
