# SPDX-License-Identifier: Apache-2.0
"""One verified Kafka archive in a folder: fetched, assembled or given."""

import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections import namedtuple
from xml.sax.saxutils import escape

Jar = namedtuple("Jar", "group artifact version sha512")

#: Time of every member of an assembled archive (1980, the oldest that the
#: zip format knows, so that no tool on the way finds it odd).
MEMBER_TIME = 315532800

#: Most bytes that a stored deflate block can hold.
STORED_BLOCK = 65535

EMPTY_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kafka-bus</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""

DEPENDENCY = """\
    <dependency>
      <groupId>{group}</groupId>
      <artifactId>{artifact}</artifactId>
      <version>{version}</version>
      <exclusions>
{exclusions}
      </exclusions>
    </dependency>"""

EXCLUSION = """\
        <exclusion>
          <groupId>*</groupId>
          <artifactId>{artifact}</artifactId>
        </exclusion>"""


class ArchiveError(Exception):
    """No archive; the message is one sentence that says what to do."""


class Unreachable(ArchiveError):
    """This source did not answer; another one may."""


# -- small pure parts --------------------------------------------------------


def file_name(jar):
    return f"{jar.artifact}-{jar.version}.jar"


def version_key(version):
    """Order versions by their numbers: 3.10 comes after 3.9."""
    return tuple(int(part) for part in str(version).split("."))


def data_lines(text):
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def parse_jars(text):
    """Read a jar list: "sha512  group:artifact:version" in each line."""
    jars = []
    for line in data_lines(text):
        sha512, coordinates = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, sha512))
    return jars


def parse_tools(text, version):
    """Map tool name to main class for one Kafka version."""
    wanted = version_key(version)
    tools = {}
    for line in data_lines(text):
        name, since, below, main_class = line.split("\t")
        if version_key(since) <= wanted and (
            below == "-" or wanted < version_key(below)
        ):
            tools[name] = main_class
    return tools


def make_pom(jars, excluded=("*",)):
    """A POM with these jars and nothing that they depend on."""
    exclusions = "\n".join(
        EXCLUSION.format(artifact=escape(name)) for name in excluded
    )
    return EMPTY_POM.format(
        dependencies="\n".join(
            DEPENDENCY.format(
                group=escape(jar.group),
                artifact=escape(jar.artifact),
                version=escape(jar.version),
                exclusions=exclusions,
            )
            for jar in jars
        )
    )


def sha512_of(path):
    digest = hashlib.sha512()
    with open(path, "rb") as source:
        for block in iter(lambda: source.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def account_of(url):
    """NAME:PASSWORD@ of a URL; empty where it has none."""
    found = re.search(r"(?<=://).*@", url, re.DOTALL)
    return found[0] if found else ""


def without_account(text, url):
    """What is said of a URL, for everybody to read."""
    account = account_of(url)
    return text.replace(account, "") if account else text


# -- the assembled archive ---------------------------------------------------


class StoredGzip:
    """Write a gzip file without compressing.

    The bytes must be the same on every machine, for one digest in the
    catalogue. Compressed bytes are not: zlib, zlib-ng and Intel's zlib, which
    distributions put under the same name, choose differently, and so do
    their releases. Stored blocks leave no choice, and jars are compressed
    already. No name and no time are in the header, like "gzip -n".
    """

    HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

    def __init__(self, target):
        self._target = target
        self._pending = b""
        self._crc = 0
        self._size = 0
        target.write(self.HEADER)

    def write(self, data):
        data = bytes(data)
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        self._pending += data
        start = 0
        # One block stays back: the last must be marked as the last.
        while len(self._pending) - start > STORED_BLOCK:
            self._block(self._pending[start : start + STORED_BLOCK], False)
            start += STORED_BLOCK
        self._pending = self._pending[start:]
        return len(data)

    def _block(self, data, last):
        length = len(data)
        self._target.write(
            bytes([1 if last else 0])
            + length.to_bytes(2, "little")
            + (length ^ 0xFFFF).to_bytes(2, "little")
            + data
        )

    def close(self):
        self._block(self._pending, True)
        self._target.write(
            self._crc.to_bytes(4, "little")
            + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        )


def launcher(main_class):
    return (
        "#!/bin/sh\n"
        f'exec "$(dirname "$0")/kafka-run-class.sh" {main_class} "$@"\n'
    ).encode()


def read_bytes(path):
    with open(path, "rb") as source:
        return source.read()


def archive_members(version, jars, jar_dir, assembly_dir):
    """Yield (name, mode, bytes) of every file, sorted by name."""
    members = {}
    for jar in jars:
        path = os.path.join(jar_dir, file_name(jar))
        members["libs/" + file_name(jar)] = (0o644, path)
    for script in ("kafka-run-class.sh", "kafka-server-start.sh"):
        path = os.path.join(assembly_dir, script)
        members["bin/" + script] = (0o755, path)
    kind = ".yaml" if version_key(version) >= (4,) else ".properties"
    prefix = "log4j2" if kind == ".yaml" else "log4j"
    for name in (prefix + kind, "tools-" + prefix + kind):
        path = os.path.join(assembly_dir, name)
        members["config/" + name] = (0o644, path)
    for name in sorted(members):
        mode, path = members[name]
        yield name, mode, read_bytes(path)
    tools_file = os.path.join(assembly_dir, "tools.tsv")
    tools = parse_tools(read_bytes(tools_file).decode(), version)
    for name in sorted(tools):
        yield f"bin/{name}.sh", 0o755, launcher(tools[name])


def write_archive(target, top, members):
    """Write members below the directory "top" as a reproducible .tgz."""
    compressed = StoredGzip(target)
    with tarfile.open(
        fileobj=compressed, mode="w|", format=tarfile.USTAR_FORMAT
    ) as archive:
        for name, mode, data in sorted(members):
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(data)
            info.mode = mode
            info.mtime = MEMBER_TIME
            archive.addfile(info, _Reader(data))
    compressed.close()


class _Reader:
    """The one method that tarfile calls, without a copy of the bytes."""

    def __init__(self, data):
        self._view = memoryview(data)

    def read(self, size):
        block, self._view = self._view[:size], self._view[size:]
        return bytes(block)


def check_jars(jars, jar_dir):
    for jar in jars:
        path = os.path.join(jar_dir, file_name(jar))
        if not os.path.exists(path):
            raise ArchiveError(f"Maven did not bring {file_name(jar)}")
        if sha512_of(path) != jar.sha512:
            raise ArchiveError(
                f"{file_name(jar)} from Maven has not the SHA-512 of the "
                "catalogue: remove it from the local Maven repository and "
                "from the mirror that delivered it"
            )


def fetch_jars(jars, jar_dir, timeout):
    """Let the mvn command fetch every jar of the list, and check each."""
    pom = os.path.join(jar_dir, "pom.xml")
    with open(pom, "w", encoding="utf-8") as target:
        target.write(make_pom(jars))
    run_maven(
        pom,
        timeout,
        "dependency:copy-dependencies",
        "-DoutputDirectory=" + jar_dir,
    )
    check_jars(jars, jar_dir)


def run_maven(pom, timeout, *arguments):
    # The user's Maven settings decide which repository is asked.
    command = [
        "mvn",
        "--batch-mode",
        "--quiet",
        "--file=" + pom,
        f"-Daether.connector.connectTimeout={timeout * 1000}",
        f"-Daether.connector.requestTimeout={timeout * 1000}",
        *arguments,
    ]
    if shutil.which("mvn") is None:
        raise Unreachable(
            "the mvn command is missing on the controller: install Maven "
            "there, or set kafka_install_source to archive (a mirror) or "
            "file (an archive that you have)"
        )
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
        raise Unreachable(
            "mvn could not fetch Kafka's jars ({})".format(
                (errors or done.stdout.splitlines() or ["no message"])[0]
            )
        )


# -- getting one -------------------------------------------------------------


class Cache:
    """A folder of verified archives; whole files only ever appear in it."""

    def __init__(self, folder):
        self._folder = folder

    def path(self, name, source):
        suffix = "-maven" if source == "maven" else ""
        return os.path.join(self._folder, name + suffix + ".tgz")

    def find(self, name, source, sha512):
        """Path of the cached archive, or None. A wrong one is removed."""
        path = self.path(name, source)
        if not sha512 or not os.path.exists(path):
            return None
        if sha512_of(path) == sha512:
            return path
        os.unlink(path)
        return None

    @contextlib.contextmanager
    def locked(self):
        """One process at a time; leftovers of a killed one are removed."""
        os.makedirs(self._folder, mode=0o755, exist_ok=True)
        with open(os.path.join(self._folder, ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in glob.glob(os.path.join(self._folder, ".part-*")):
                shutil.rmtree(path)
            yield

    @contextlib.contextmanager
    def workshop(self):
        """A folder for what is not finished, on the same file system."""
        folder = tempfile.mkdtemp(prefix=".part-", dir=self._folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def keep(self, path, name, source):
        os.chmod(path, 0o644)
        final = self.path(name, source)
        os.replace(path, final)
        return final


def download(url, target, timeout, opener):
    """Copy url to target; give up after "timeout" seconds of silence."""
    try:
        with contextlib.closing(opener(url, timeout=timeout)) as answer:
            with open(target, "wb") as output:
                shutil.copyfileobj(answer, output, 1 << 20)
            expected = answer.headers.get("Content-Length")
    except Exception as error:  # every layer of the network has its own
        said = without_account(f"{url}: {error}", url)
        raise Unreachable(said) from error
    if expected and int(expected) != os.path.getsize(target):
        shown = without_account(url, url)
        raise Unreachable(f"{shown}: the connection ended early")


def from_archive(cache, name, urls, *, sha512, timeout, opener):
    if not sha512:
        raise ArchiveError(
            f"no SHA-512 is known for {name}: set kafka_archive_sha512"
        )
    problems = []
    with cache.workshop() as folder:
        part = os.path.join(folder, "archive")
        for url in urls:
            try:
                download(url, part, timeout, opener)
            except Unreachable as error:
                problems.append(str(error))
                continue
            found, shown = sha512_of(part), without_account(url, url)
            if found != sha512:
                # Not a reason to ask somebody else: this is either an attack
                # or a wrong digest, and both want to be seen.
                raise ArchiveError(
                    f"{shown} has the SHA-512 {found} instead of {sha512}: "
                    "correct the mirror, or kafka_archive_sha512"
                )
            return cache.keep(part, name, "archive"), shown
    raise Unreachable("no archive answered ({})".format("; ".join(problems)))


def from_maven(
    cache, name, version, *, jars_file, assembly_dir, sha512, timeout
):
    if not jars_file:
        raise ArchiveError(
            f"no jar list is known for {name}: set kafka_install_source to "
            "archive or file"
        )
    jars = parse_jars(read_bytes(jars_file).decode())
    with cache.workshop() as folder:
        fetch_jars(jars, folder, timeout)
        part = os.path.join(folder, "archive")
        with open(part, "wb") as target:
            write_archive(
                target,
                name,
                archive_members(version, jars, folder, assembly_dir),
            )
        found = sha512_of(part)
        if found != sha512:
            raise ArchiveError(
                f"the assembled {name} has the SHA-512 {found}, the "
                f"catalogue says {sha512}: a launcher or the jar list was "
                "changed, run tools/add_kafka_version"
            )
        return cache.keep(part, name, "maven")


def from_file(cache, name, path, digests):
    """Take a given archive; digests maps a SHA-512 to its source.

    Returns the path in the cache and whether it was copied there now.
    """
    if not os.path.isfile(path):
        raise ArchiveError(
            f"kafka_archive_file is {path!r}, which is no file on the "
            "controller"
        )
    with cache.workshop() as folder:
        part = os.path.join(folder, "archive")
        shutil.copyfile(path, part)
        found = sha512_of(part)
        if found not in digests:
            raise ArchiveError(
                f"{path} has the SHA-512 {found}, which is not the one of "
                f"{name}: give the right archive in kafka_archive_file, or "
                "set kafka_archive_sha512"
            )
        known = cache.find(name, digests[found], found)
        if known:
            return known, False
        return cache.keep(part, name, digests[found]), True
