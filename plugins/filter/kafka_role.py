# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: its catalogue, and Java's properties format."""

import re

from ..module_utils.kafka_archive import version_key

# As they are in the names of files; a "$" would let a line end through.
NUMBER = "(?:0|[1-9][0-9]*)"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}")
SCALA = re.compile(rf"{NUMBER}\.{NUMBER}")


def _known(catalogue, test):
    return sorted(filter(test, catalogue), key=version_key, reverse=True)


def _refuse_mode(version, row, catalogue):
    if "kraft" in row["modes"]:
        return ""
    others = _known(
        catalogue, lambda known: "kraft" in catalogue[known]["modes"]
    )
    least = ".".join(others[-1].split(".")[:2])
    return (
        f"kafka_version is {version}, and this role runs {least} and newer, "
        f"without ZooKeeper: set kafka_version to one of {', '.join(others)}."
    )


def kafka_release(catalogue, version, scala, archive_sha512=""):
    """What the role must know of one Kafka version.

    Returns a dict; its "problem" is empty, or the one sentence for the user.
    A version that is not in the catalogue takes the Java range and the mode
    of the newest known one that is of no later minor release, and must come
    with a digest.
    """
    version, scala = str(version), str(scala)
    result = {"name": f"kafka_{scala}-{version}", "problem": ""}
    if not VERSION.fullmatch(version):
        result["problem"] = (
            f"kafka_version is {version!r}, which is no version of Kafka: "
            "write its three numbers with dots, like "
            f"{_known(catalogue, bool)[0]}."
        )
        return result
    if not SCALA.fullmatch(scala):
        result["problem"] = (
            f"kafka_scala_version is {scala!r}, which is no version of "
            "Scala: write two numbers with a dot, like 2.13."
        )
        return result
    wanted = version_key(version)
    if wanted >= (4,) and scala != "2.13":
        result["problem"] = (
            f"Kafka {version} exists for Scala 2.13 only: set "
            f"kafka_scala_version to 2.13 instead of {scala}."
        )
        return result
    row = catalogue.get(version)
    build = (row or {}).get("scala", {}).get(scala, {})
    if not build and not archive_sha512:
        result["problem"] = (
            "kafka_version is {} and kafka_scala_version is {}, which is not "
            "in the catalogue ({}): choose one that is, or set "
            "kafka_archive_sha512 to the SHA-512 of its archive.".format(
                version,
                scala,
                ", ".join(
                    "{} for Scala {}".format(
                        known, " and ".join(catalogue[known]["scala"])
                    )
                    for known in _known(catalogue, bool)
                ),
            )
        )
        return result
    if row is None:
        older = _known(
            catalogue, lambda known: version_key(known)[:2] <= wanted[:2]
        )
        row = catalogue[older[0] if older else min(catalogue, key=version_key)]
    result.update(
        # Apache writes it in capitals, and it is compared with Python's.
        archive_sha512=(
            archive_sha512.lower() or build.get("archive_sha512", "")
        ),
        assembled_sha512=build.get("assembled_sha512", ""),
        jars=result["name"] + ".txt" if "assembled_sha512" in build else "",
        java_min=row["java"]["min"],
        java_max=row["java"]["max"],
        problem=_refuse_mode(version, row, catalogue),
    )
    return result


def kafka_upgrade_problem(installed, version):
    """Why the installed version cannot become another; empty if it can."""
    if not installed:
        return ""
    old, new = version_key(installed), version_key(version)
    if new < old:
        return (
            f"kafka_version is {version}, and {installed} is installed: "
            "an older version may not read what a newer one has written; set "
            f"kafka_version to {installed} or newer, or take the nodes back "
            "as docs/deployment.md (Upgrades) says."
        )
    if new >= (4,) and old < (3, 3):
        return (
            f"kafka_version is {version}, and {installed} is installed: "
            "4.0 and newer can follow 3.3 and newer only; set kafka_version "
            "to a 3.9 release first."
        )
    return ""


def kafka_directories(paths, owner, group, mode="0750"):
    """Directories as the module files_written takes them."""
    return [
        {"path": path, "owner": owner, "group": group, "mode": mode}
        for path in paths
    ]


def _escape(text, also=""):
    out = []
    for position, char in enumerate(text):
        if char == "\\" or char in also or (char == " " and not position):
            out.append("\\" + char)
        elif char in "\n\r\t":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char])
        elif " " <= char <= "~":
            out.append(char)
        else:
            units = char.encode("utf-16-be")
            out += [
                f"\\u{units[at]:02x}{units[at + 1]:02x}"
                for at in range(0, len(units), 2)
            ]
    return "".join(out)


def kafka_properties(settings):
    """A dict as a Java properties file, sorted by key."""
    lines = []
    for key in sorted(settings):
        value = settings[key]
        text = str(value).lower() if isinstance(value, bool) else str(value)
        lines.append("{}={}\n".format(_escape(key, " :=#!"), _escape(text)))
    return "".join(lines)


def kafka_properties_read(text):
    """A dict from what kafka_properties has written."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        key, _sign, value = re.sub(r"\\=", "\0", line).partition("=")
        found[_unescape(key.replace("\0", "\\="))] = _unescape(
            value.replace("\0", "\\=")
        )
    return found


def _unescape(text):
    def replace(match):
        code = match.group(1)
        if code.startswith("u"):
            return chr(int(code[1:], 16))
        return {"n": "\n", "r": "\r", "t": "\t"}.get(code, code)

    plain = re.sub(r"\\(u[0-9a-f]{4}|.)", replace, text)
    # Two halves of a character beyond the first 65536.
    return plain.encode("utf-16", "surrogatepass").decode("utf-16")


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_release": kafka_release,
            "kafka_properties": kafka_properties,
            "kafka_properties_read": kafka_properties_read,
            "kafka_directories": kafka_directories,
            "kafka_upgrade_problem": kafka_upgrade_problem,
        }
