#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Ansible module: one verified Kafka archive on the controller."""

DOCUMENTATION = r"""
module: kafka_archive
short_description: Have one verified Kafka archive in a folder
version_added: "0.1.0"
description:
  - Fetches an Apache Kafka archive, or assembles one from the jars that Maven
    brings, or takes a given file, and leaves it in O(cache_dir) only when its
    SHA-512 is right. Meant to run on the controller, unprivileged.
  - A file that is there already and right is used; nothing is fetched.
  - Different hosts may ask for the same archive at once; it is fetched once.
options:
  name:
    description: Top directory of the archive, for example C(kafka_2.13-4.3.1).
    type: str
    required: true
  version:
    description: Kafka version.
    type: str
    required: true
  source:
    description:
      - V(archive) asks O(urls) in turn, V(maven) assembles, V(file) takes
        O(file), V(auto) tries O(urls) and then Maven.
      - A digest that differs ends the search; only silence continues it.
    type: str
    choices: [auto, archive, maven, file]
    default: auto
  urls:
    description: Where the archive may be, best first.
    type: list
    elements: str
    default: []
  file:
    description: Archive that the user has, for O(source=file).
    type: path
  archive_sha512:
    description: SHA-512 of Apache's archive.
    type: str
  assembled_sha512:
    description: SHA-512 of the archive that is assembled from jars.
    type: str
  jars:
    description: List of the jars to fetch with Maven.
    type: path
  assembly_dir:
    description: Folder of the launchers for an assembled archive.
    type: path
    required: true
  cache_dir:
    description: Folder where archives are kept. It is created.
    type: path
    required: true
  timeout:
    description: Seconds of silence after which a source is given up.
    type: int
    default: 10
  offline:
    description: Use only what is in O(cache_dir), or O(file).
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Says whether something would be fetched.
  diff_mode:
    support: none
author: kafka-bus contributors
"""

EXAMPLES = r"""
- name: Have the archive
  kafka_bus.openstack.kafka_archive:
    name: kafka_2.13-4.3.1
    version: 4.3.1
    source: file
    file: /srv/kafka_2.13-4.3.1.tgz
    archive_sha512: "{{ digest }}"
    assembly_dir: "{{ role_path }}/files/assembly"
    cache_dir: "{{ lookup('env', 'HOME') }}/.cache/kafka-bus"
  delegate_to: localhost
"""

RETURN = r"""
path:
  description: The verified archive. Empty in check mode when it is not there.
  returned: success
  type: str
source:
  description: V(archive), V(maven) or V(file).
  returned: success
  type: str
sha512:
  description: Digest of the archive.
  returned: success
  type: str
url:
  description: >-
    Where it came from, when it was fetched from a URL; without the account
    that the URL may have.
  returned: success
  type: str
notes:
  description: Why sources that were tried first were not used.
  returned: success
  type: list
  elements: str
"""


from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.kafka_bus.openstack.plugins.module_utils import (
    kafka_archive,
)


def cached(cache, options):
    """The archive that is there already, as a result, or None."""
    digests = {
        "archive": options["archive_sha512"],
        "maven": options["assembled_sha512"],
    }
    sources = {"auto": ["archive", "maven"], "file": []}.get(
        options["source"], [options["source"]]
    )
    for source in sources:
        path = cache.find(options["name"], source, digests[source])
        if path:
            return {
                "path": path,
                "source": source,
                "sha512": digests[source],
                "changed": False,
            }
    return None


def from_archive(cache, options):
    path, url = kafka_archive.from_archive(
        cache,
        options["name"],
        options["urls"],
        sha512=options["archive_sha512"],
        timeout=options["timeout"],
        opener=lambda url, timeout: open_url(
            url, timeout=timeout, http_agent="kafka-bus"
        ),
    )
    return {"path": path, "source": "archive", "url": url}


def from_maven(cache, options):
    path = kafka_archive.from_maven(
        cache,
        options["name"],
        options["version"],
        jars_file=options["jars"],
        assembly_dir=options["assembly_dir"],
        sha512=options["assembled_sha512"],
        timeout=options["timeout"],
    )
    return {"path": path, "source": "maven"}


def from_file(cache, options):
    if not options["file"]:
        raise kafka_archive.ArchiveError(
            "kafka_install_source is file: set kafka_archive_file to the "
            "archive on the controller"
        )
    digests = {
        options["assembled_sha512"]: "maven",
        options["archive_sha512"]: "archive",
    }
    path, copied = kafka_archive.from_file(
        cache, options["name"], options["file"], digests
    )
    return {"path": path, "source": "file", "changed": copied}


def fetch(cache, options):
    """Ask the sources in turn until one has the archive."""
    if options["source"] == "file":
        return from_file(cache, options)
    if options["offline"]:
        raise kafka_archive.ArchiveError(
            "kafka_offline is true and {} is not in kafka_cache_dir: put it "
            "there, or set kafka_install_source to file".format(
                options["name"]
            )
        )
    sources = {
        "archive": [from_archive],
        "maven": [from_maven],
        "auto": [from_archive, from_maven],
    }[options["source"]]
    notes = []
    for source in sources:
        try:
            result = source(cache, options)
        except kafka_archive.Unreachable as error:
            notes.append(str(error))
        else:
            result["notes"] = notes
            return result
    raise kafka_archive.ArchiveError("; ".join(notes))


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "source": {
                "type": "str",
                "choices": ["auto", "archive", "maven", "file"],
                "default": "auto",
            },
            "urls": {"type": "list", "elements": "str", "default": []},
            "file": {"type": "path"},
            "archive_sha512": {"type": "str"},
            "assembled_sha512": {"type": "str"},
            "jars": {"type": "path"},
            "assembly_dir": {"type": "path", "required": True},
            "cache_dir": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 10},
            "offline": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    options = module.params
    # -vvv shows how a module was called.
    module.no_log_values.update(
        filter(None, map(kafka_archive.account_of, options["urls"]))
    )
    cache = kafka_archive.Cache(options["cache_dir"])
    if module.check_mode:
        nothing = {"changed": True, "path": "", "source": "", "sha512": ""}
        module.exit_json(**(cached(cache, options) or nothing))
    try:
        with cache.locked():
            result = cached(cache, options) or fetch(cache, options)
        result.setdefault("changed", True)
        result.setdefault("sha512", kafka_archive.sha512_of(result["path"]))
    except kafka_archive.ArchiveError as error:
        module.fail_json(
            msg="Kafka {} cannot be had: {}.".format(options["version"], error)
        )
    except OSError as error:
        module.fail_json(
            msg="kafka_cache_dir ({}) cannot be used: {}. Set it to a folder "
            "that this account may write.".format(options["cache_dir"], error)
        )
    result.setdefault("url", "")
    result.setdefault("notes", [])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
