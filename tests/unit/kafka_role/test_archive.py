# SPDX-License-Identifier: Apache-2.0
"""An archive is verified before it is kept, and assembled alike everywhere."""

import gzip
import hashlib
import http.server
import io
import os
import socket
import tarfile
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_archive as ka,
)

ROLE = Path(__file__).resolve().parents[3] / "roles" / "kafka"
ASSEMBLY = ROLE / "files" / "assembly"
NAME = "kafka_2.13-4.3.1"
CONTENT = b"an archive" * 1000
DIGEST = hashlib.sha512(CONTENT).hexdigest()


@pytest.fixture
def cache(tmp_path):
    cache = ka.Cache(str(tmp_path / "cache"))
    with cache.locked():
        pass
    return cache


def kept(tmp_path):
    return sorted(
        path.name
        for path in (tmp_path / "cache").iterdir()
        if path.name != ".lock"
    )


@pytest.mark.parametrize(
    ("url", "account"),
    [
        ("https://nova:hush@mirror.example/kafka/", "nova:hush@"),
        # What is no URL may hold a password all the same.
        ("https://nova:hu/sh@mirror.example/", "nova:hu/sh@"),
        ("https://mirror.example/kafka/", ""),
    ],
)
def test_the_account_in_a_url_is_known(url, account):
    assert ka.account_of(url) == account


# -- assembling --------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 131070, 200001])
def test_stored_gzip_is_read_by_any_gzip(size):
    data = os.urandom(size)
    target = io.BytesIO()
    writer = ka.StoredGzip(target)
    for start in range(0, size, 4096):
        writer.write(data[start : start + 4096])
    writer.close()
    assert gzip.decompress(target.getvalue()) == data


def assemble(members):
    target = io.BytesIO()
    ka.write_archive(target, NAME, members)
    return target.getvalue()


def test_assembled_bytes_are_the_same_on_every_machine():
    members = [("libs/a.jar", 0o644, b"jar"), ("bin/x.sh", 0o755, b"sh")]
    assert assemble(members) == assemble(members[::-1])
    # A change here changes every digest of the catalogue.
    digest = hashlib.sha256(assemble(members)).hexdigest()
    assert digest.startswith("91fbd9ba4c5818753085c5f6d7837811")


def test_assembled_archive_has_the_layout_of_apaches():
    with tarfile.open(
        fileobj=io.BytesIO(assemble([("bin/x.sh", 0o755, b"#!/bin/sh\n")]))
    ) as archive:
        (member,) = archive.getmembers()
        assert member.name == NAME + "/bin/x.sh"
        assert (member.mode, member.uid, member.gid) == (0o755, 0, 0)
        assert archive.extractfile(member).read() == b"#!/bin/sh\n"


def test_assembled_archive_holds_jars_launchers_and_logging(tmp_path):
    jar = ka.Jar("g", "kafka", "1", "")
    (tmp_path / "kafka-1.jar").write_bytes(b"jar")
    names = {
        version: {
            name
            for name, _mode, _data in ka.archive_members(
                version, [jar], str(tmp_path), str(ASSEMBLY)
            )
        }
        for version in ("4.3.1", "3.9.2")
    }
    assert {
        "bin/kafka-run-class.sh",
        "bin/kafka-server-start.sh",
        "bin/kafka-storage.sh",
        "bin/kafka-topics.sh",
        "libs/kafka-1.jar",
    } <= names["4.3.1"] & names["3.9.2"]
    assert "config/log4j2.yaml" in names["4.3.1"] - names["3.9.2"]
    assert "config/log4j.properties" in names["3.9.2"] - names["4.3.1"]


def test_tools_follow_the_version():
    text = (ASSEMBLY / "tools.tsv").read_text()
    old, new = ka.parse_tools(text, "3.9.2"), ka.parse_tools(text, "4.10.0")
    assert old["kafka-acls"] == "kafka.admin.AclCommand"
    assert new["kafka-acls"] == "org.apache.kafka.tools.AclCommand"
    assert "zookeeper-shell" in old
    assert "zookeeper-shell" not in new


def test_jar_with_another_digest_is_refused(tmp_path):
    (tmp_path / "a-1.jar").write_bytes(b"other")
    with pytest.raises(ka.ArchiveError, match=r"a-1\.jar .* SHA-512"):
        ka.check_jars([ka.Jar("g", "a", "1", DIGEST)], str(tmp_path))


def from_maven(cache, jars):
    return ka.from_maven(
        cache,
        NAME,
        "4.3.1",
        jars_file=jars,
        assembly_dir=ASSEMBLY,
        sha512=DIGEST,
        timeout=1,
    )


def test_missing_mvn_is_one_sentence_that_names_the_ways_out(
    cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    jars = tmp_path / "jars.txt"
    jars.write_text(f"{DIGEST}  g:a:1\n")
    with pytest.raises(ka.Unreachable, match=r"mvn .* archive .* file"):
        from_maven(cache, jars)
    assert kept(tmp_path) == []


def test_mvn_that_fails_is_told_in_its_own_words(cache, tmp_path, monkeypatch):
    mvn = tmp_path / "mvn"
    mvn.write_text("#!/bin/sh\necho '[ERROR] no such host'\nexit 1\n")
    mvn.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    jars = tmp_path / "jars.txt"
    jars.write_text(f"{DIGEST}  g:a:1\n")
    with pytest.raises(ka.Unreachable, match="no such host"):
        from_maven(cache, jars)


# -- downloading -------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        extra = 10 if self.path == "/short" else 0
        self.send_header("Content-Length", str(len(CONTENT) + extra))
        self.end_headers()
        self.wfile.write(CONTENT[::-1] if self.path == "/wrong" else CONTENT)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        server.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(cache, *urls, timeout=5):
    return ka.from_archive(
        cache,
        NAME,
        urls,
        sha512=DIGEST,
        timeout=timeout,
        opener=urllib.request.urlopen,
    )


def test_second_place_is_asked_when_the_first_has_nothing(
    cache, tmp_path, server
):
    path, url = fetch(cache, server.url + "missing", server.url + "good")
    assert url == server.url + "good"
    assert Path(path).read_bytes() == CONTENT
    assert kept(tmp_path) == [NAME + ".tgz"]


def test_wrong_digest_is_refused_and_nothing_is_left(cache, tmp_path, server):
    with pytest.raises(ka.ArchiveError, match="has the SHA-512") as raised:
        fetch(cache, server.url + "wrong", server.url + "good")
    # A wrong archive is no silence: nobody else is asked instead.
    assert not isinstance(raised.value, ka.Unreachable)
    assert server.asked == ["/wrong"]
    assert kept(tmp_path) == []


def test_download_that_ends_early_is_not_kept(cache, tmp_path, server):
    with pytest.raises(ka.Unreachable):
        fetch(cache, server.url + "short")
    assert kept(tmp_path) == []


def test_silence_is_given_up(cache, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(ka.Unreachable, match="timed out"):
            fetch(cache, f"http://127.0.0.1:{port}/", timeout=0.5)
        assert time.monotonic() - start < 5
    assert kept(tmp_path) == []


def opener(url, timeout):
    """Leave the account out, as Ansible's own does."""
    account = "nova:hush@" if "@" in url else ""
    if "broken" in url:
        raise ValueError(f"{account} is odd")
    plain = url.replace(account, "")
    return urllib.request.urlopen(plain, timeout=timeout)  # noqa: S310


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("missing", "/missing: HTTP Error 404"),
        ("short", "/short: the connection ended early"),
        ("broken", "/broken:  is odd"),
        ("wrong", "/wrong has the SHA-512"),
        ("good", ""),
    ],
)
def test_the_account_of_a_mirror_is_not_told(cache, server, page, words):
    url = server.url.replace("//", "//nova:hush@") + page
    try:
        said = ka.from_archive(
            cache, NAME, [url], sha512=DIGEST, timeout=5, opener=opener
        )[1]
    except ka.ArchiveError as error:
        said = str(error)
    assert "hush" not in said
    assert server.url + page in said
    assert words in said


def test_unknown_digest_is_refused_before_anything_is_fetched(cache, server):
    with pytest.raises(ka.ArchiveError, match="kafka_archive_sha512"):
        ka.from_archive(
            cache, NAME, [server.url], sha512="", timeout=5, opener=None
        )
    assert server.asked == []


# -- keeping -----------------------------------------------------------------


def test_cached_archive_with_a_wrong_digest_is_removed(cache, tmp_path):
    path = Path(cache.path(NAME, "archive"))
    path.write_bytes(b"half of it")
    assert cache.find(NAME, "archive", DIGEST) is None
    assert kept(tmp_path) == []


def test_leftovers_of_a_killed_download_are_removed(cache, tmp_path):
    folder = tmp_path / "cache" / ".part-left"
    folder.mkdir()
    (folder / "archive").write_bytes(b"half of it")
    with cache.locked():
        assert kept(tmp_path) == []


def test_given_file_may_be_of_either_kind(cache, tmp_path):
    given = tmp_path / "given.tgz"
    given.write_bytes(CONTENT)
    for source in ("archive", "maven"):
        path, copied = ka.from_file(cache, NAME, str(given), {DIGEST: source})
        assert (path, copied) == (cache.path(NAME, source), True)
        again = ka.from_file(cache, NAME, str(given), {DIGEST: source})
        assert again == (path, False)


def test_given_file_with_another_digest_is_refused(cache, tmp_path):
    given = tmp_path / "given.tgz"
    given.write_bytes(b"something else")
    with pytest.raises(ka.ArchiveError, match="kafka_archive_file"):
        ka.from_file(cache, NAME, str(given), {DIGEST: "archive"})
    assert kept(tmp_path) == []


def test_given_file_that_is_not_there_is_one_sentence(cache):
    with pytest.raises(ka.ArchiveError, match="no file on the controller"):
        ka.from_file(cache, NAME, "/nowhere", {DIGEST: "archive"})
