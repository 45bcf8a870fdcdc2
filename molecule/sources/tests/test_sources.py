# SPDX-License-Identifier: Apache-2.0
"""Each source of an archive, and what happens when one is wrong or away."""

import http.server
import json
import os
import re
import shutil
import socket
import threading
from pathlib import Path

import pytest
import yaml

SCENARIO = Path(__file__).resolve().parents[1]
CHECKOUT = SCENARIO.parents[1]
VERSION = "4.3.1"
NAME = f"kafka_2.13-{VERSION}"
BUILD = yaml.safe_load(
    (CHECKOUT / "roles/kafka/vars/versions.yml").read_text()
)["__kafka_versions"][VERSION]["scala"]["2.13"]
# Where converge has left the archive that it assembled.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ASSEMBLED = CACHE / "kafka-bus" / f"{NAME}-maven.tgz"


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A mirror of our own; its folder, its URL, and what it was asked."""
    root = tmp_path / "mirror"
    (root / VERSION).mkdir(parents=True)

    def handler(*arguments):
        return Handler(*arguments, directory=str(root))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []
        server.archive = root / VERSION / f"{NAME}.tgz"
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def apply(cache, playbook):
    """Apply the role with settings of its own; answers (code, output)."""

    def run(case, **settings):
        settings |= {"case": case, "kafka_cache_dir": str(cache)}
        return playbook("apply.yml", **settings)

    return run


def kept(cache):
    return sorted(p.name for p in cache.iterdir() if p.name != ".lock")


def installed(host, home):
    return json.loads(host.file(f"{home}/installed.json").content_string)


def test_unreachable_archive_falls_back_to_maven(host):
    assert installed(host, "/opt/kafka/current") == {
        "version": VERSION,
        "scala": "2.13",
        "source": "maven",
        "url": "",
        "sha512": BUILD["assembled_sha512"],
    }
    assert host.service("kafka").is_running
    assert host.service("kafka").is_enabled


def test_the_tools_of_the_assembled_archive_work(host):
    done = host.run(
        "/opt/kafka/current/bin/kafka-topics.sh "
        "--bootstrap-server 127.0.0.1:9092 --list"
    )
    assert done.rc == 0, done.stderr
    assert "notifications.info" in done.stdout.split()


def test_packages_that_came_along_are_recorded(host):
    record = json.loads(
        host.file("/var/lib/kafka-bus/installed.json").content_string
    )["roles"]
    wanted = {
        "kafka": ["python3-venv", r"python3\.\d+-venv"],
        "java": [r"openjdk-\d+-jre-headless", "ca-certificates-java"],
    }
    for role, patterns in wanted.items():
        for pattern in patterns:
            assert any(
                re.fullmatch(pattern, package)
                for package in record[role]["packages"]
            ), f"no {pattern} in the record of {role}"


def test_wrong_digest_is_refused_and_nothing_is_left(
    host, mirror, cache, apply
):
    mirror.archive.write_bytes(b"not what Apache has released")
    code, output = apply(
        "wrong", kafka_install_source="auto", kafka_mirror_url=mirror.url
    )
    assert code != 0
    assert "correct the mirror, or kafka_archive_sha512" in output
    assert "Traceback" not in output
    assert kept(cache) == []
    assert not host.file("/srv/wrong").exists


def test_archive_is_taken_from_the_next_place_when_the_first_is_silent(
    host, mirror, cache, apply
):
    shutil.copy(ASSEMBLED, mirror.archive)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        code, output = apply(
            "archive",
            kafka_install_source="archive",
            kafka_mirror_url=f"http://127.0.0.1:{port}",
            kafka_archive_url=mirror.url + "/",
            kafka_archive_sha512=BUILD["assembled_sha512"],
            kafka_download_timeout=2,
        )
    assert code == 0, output
    found = installed(host, "/srv/archive/install/current")
    assert found["source"] == "archive"
    assert found["url"] == f"{mirror.url}/{VERSION}/{NAME}.tgz"
    assert kept(cache) == [f"{NAME}.tgz"]


def test_given_file_is_installed_and_nobody_is_asked(
    host, mirror, cache, apply
):
    code, output = apply(
        "file",
        kafka_install_source="file",
        kafka_archive_file=str(ASSEMBLED),
        kafka_mirror_url=mirror.url,
        kafka_archive_url=mirror.url,
        kafka_offline=True,
    )
    assert code == 0, output
    home = "/srv/file/install/current"
    assert installed(host, home)["source"] == "file"
    assert mirror.asked == []
    # A service was not asked for: none is there, and no client either.
    assert not host.file("/srv/file/venv").exists
    assert host.file("/srv/file/data/meta.properties").exists


def test_offline_without_an_archive_is_refused(mirror, cache, apply):
    code, output = apply(
        "offline", kafka_offline=True, kafka_mirror_url=mirror.url
    )
    assert code != 0
    assert "kafka_offline is true" in output
    assert mirror.asked == []
