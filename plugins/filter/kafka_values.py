# SPDX-License-Identifier: Apache-2.0
"""Filters of the role kafka: values that Kafka or the machine would refuse.

Each returns one sentence for each thing, with the variable to set. They run
before anything is changed; Kafka itself would tell when it starts.
"""

import difflib
import ipaddress
import posixpath
import re

from ..module_utils import kafka_directories

# All but NUMERIC are for fullmatch(): a "$" would let a line end through,
# which a block of YAML leaves at the end of a value.
LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*\.?")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]*\$?")
TOPIC = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]{1,249}")
#: Names of settings that end so have a number, but for lists of copies.
NUMERIC = re.compile(
    r"(?<!throttled)(^|\.)(bytes|factor|hours|isr|minutes|ms|partitions"
    r"|replicas|retries|seconds|threads)\Z"
)
NUMBER = re.compile(r"-?[0-9]+")
FRACTION = re.compile(r"[0-9]*\.?[0-9]+([Ee]-?[0-9]+)?")
#: What needs no quotes in a shell, a unit of systemd, YAML and Kafka's own
#: files, all of which have some of these paths.
PATH = re.compile(r"/[A-Za-z0-9._+@~:-][A-Za-z0-9./_+@~:-]*")
#: Where a colon parts two paths: in Java's class path and in $PATH.
WITHOUT_COLON = frozenset({"kafka_admin_venv", "kafka_install_dir"})

#: Variable, what its value must match, what to write. Empty values of the
#: second group are left to others.
PATTERNS = (
    ("kafka_user", ACCOUNT, "write the name of an account, like kafka"),
    ("kafka_group", ACCOUNT, "write the name of a group, like kafka"),
    (
        "kafka_service_name",
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*"),
        "write a name of letters, digits and dashes, like kafka",
    ),
    (
        "kafka_heap",
        re.compile(r"0*[1-9][0-9]*[kKmMgG]"),
        "write a number and a unit, like 512m",
    ),
    (
        "kafka_log_file_size",
        re.compile(r"[1-9][0-9]*([KMG]B)?"),
        "write a number and a unit, like 32MB",
    ),
    (
        "kafka_admin_client_version",
        re.compile(r"[0-9]+(\.[0-9]+)+"),
        "write a version of confluent-kafka, like 2.16.1",
    ),
    (
        "kafka_cluster_id",
        re.compile(r"([A-Za-z0-9_-]{22})?"),
        "write the 22 characters that kafka-storage.sh random-uuid prints, "
        "or leave it empty",
    ),
    (
        "kafka_archive_sha512",
        re.compile(r"([0-9A-Fa-f]{128})?"),
        "write the 128 hexadecimal digits that sha512sum prints, or leave it "
        "empty",
    ),
    (
        "kafka_rack",
        re.compile(r"[^\x00-\x1f]*"),
        "write a name of one line",
    ),
)
#: Variable, the smallest number that makes sense.
MINIMA = (
    ("kafka_download_timeout", 1),
    ("kafka_log_file_count", 1),
    ("kafka_message_max_bytes", 1024),
    ("kafka_node_id", 0),
    ("kafka_ready_timeout", 1),
    ("kafka_required_space", 0),
    ("kafka_tls_renew_days", 1),
)
#: Kafka keeps these as numbers of 32 bits.
MAXIMA = (
    ("kafka_message_max_bytes", 2**31 - 1),
    ("kafka_node_id", 2**31 - 1),
    ("kafka_retention_hours", 2**31 - 1),
)
#: Settings of the broker of which there has to be one at least.
COUNTS = (
    "background.threads",
    "default.replication.factor",
    "min.insync.replicas",
    "num.io.threads",
    "num.network.threads",
    "num.partitions",
    "num.recovery.threads.per.data.dir",
    "offsets.topic.num.partitions",
    "offsets.topic.replication.factor",
    "share.coordinator.state.topic.min.isr",
    "share.coordinator.state.topic.num.partitions",
    "share.coordinator.state.topic.replication.factor",
    "transaction.state.log.min.isr",
    "transaction.state.log.num.partitions",
    "transaction.state.log.replication.factor",
)
#: A setting for one of the role's own listeners wins over the general one.
OWN_LISTENER = re.compile(
    r"listener\.name\.(?:controller|plaintext|ssl|sasl_plaintext|sasl_ssl)\."
    r"(?:(?:gssapi|oauthbearer|plain|scram-sha-[0-9]+)\.)?"
)
#: What not everybody may read, unless the value says where it is. Anywhere in
#: a name: better one that is hidden in vain, as an encoder's iterations are.
SECRET = re.compile(
    r"credential|jaas\.config|keystore\.key|passphrase|password|secret"
    r"|(access|master|private)\.key",
    re.IGNORECASE,
)
LOGGER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*(\.[A-Za-z_$][A-Za-z0-9_$]*)*")
LEVELS = ("OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL")
#: What other variables tell the JVM.
JVM_OWN = {
    "-Xms": "kafka_heap",
    "-Xmx": "kafka_heap",
    "-Djava.io.tmpdir": "kafka_tmp_dir",
    "-Dkafka.logs.dir": "kafka_log_dir",
    "-Dlog4j": "kafka_log_levels",
}
#: With these it only prints something, and ends.
JVM_ENDS = (
    *("--dry-run", "--full-version", "--help", "--help-extra", "--version"),
    *("--list-modules", "--validate-modules", "-?", "-X", "-fullversion"),
    *("-h", "-help", "-version"),
)
#: Days for which the role's authority makes certificates.
CERTIFICATE_DAYS = 397

#: Settings of topics in Kafka 4.3; a newer one may have more.
TOPIC_SETTINGS = (
    *("cleanup.policy", "compression.gzip.level", "compression.lz4.level"),
    *("compression.type", "compression.zstd.level", "delete.retention.ms"),
    *("file.delete.delay.ms", "flush.messages", "flush.ms"),
    *("follower.replication.throttled.replicas", "index.interval.bytes"),
    *("leader.replication.throttled.replicas", "local.retention.bytes"),
    *("local.retention.ms", "max.compaction.lag.ms", "max.message.bytes"),
    *("message.timestamp.after.max.ms", "message.timestamp.before.max.ms"),
    *("message.timestamp.type", "min.cleanable.dirty.ratio"),
    *("min.compaction.lag.ms", "min.insync.replicas", "preallocate"),
    *("remote.log.copy.disable", "remote.log.delete.on.disable"),
    *("remote.storage.enable", "retention.bytes", "retention.ms"),
    *("segment.bytes", "segment.index.bytes", "segment.jitter.ms"),
    *("segment.ms", "unclean.leader.election.enable"),
)
INT, LONG = 2**31 - 1, 2**63 - 1
#: The least and the most that Kafka takes for a setting of a topic; for
#: segments since 4.0 one MiB at least.
TOPIC_RANGES = {
    "delete.retention.ms": (0, LONG),
    "file.delete.delay.ms": (0, LONG),
    "flush.messages": (1, LONG),
    "flush.ms": (0, LONG),
    "index.interval.bytes": (0, INT),
    "local.retention.bytes": (-2, LONG),
    "local.retention.ms": (-2, LONG),
    "max.compaction.lag.ms": (1, LONG),
    "max.message.bytes": (0, INT),
    "message.timestamp.after.max.ms": (0, LONG),
    "message.timestamp.before.max.ms": (0, LONG),
    "min.compaction.lag.ms": (0, LONG),
    "min.insync.replicas": (1, INT),
    "retention.ms": (-1, LONG),
    "segment.bytes": (14, INT),
    "segment.index.bytes": (4, INT),
    "segment.jitter.ms": (0, LONG),
    "segment.ms": (1, LONG),
}
#: The words that it takes, some with commas between for the first.
TOPIC_WORDS = {
    "cleanup.policy": ("compact", "delete"),
    "compression.type": (
        *("gzip", "lz4", "producer", "snappy", "uncompressed", "zstd"),
    ),
    "message.timestamp.type": ("CreateTime", "LogAppendTime"),
}
#: Settings that are true or false; Kafka knows no other words for it.
TOPIC_SWITCHES = (
    *("preallocate", "remote.log.copy.disable", "remote.storage.enable"),
    *("remote.log.delete.on.disable", "unclean.leader.election.enable"),
)
#: More partitions the client library asks for of no topic.
MOST_PARTITIONS = 100000
#: Offsets of groups and the like: without them much is lost.
KAFKAS_OWN = (
    *("__cluster_metadata", "__consumer_offsets", "__share_group_state"),
    "__transaction_state",
)


def _is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    # What follows the % of an IPv6 address may be anything to Python.
    return not re.search(r"\s", text)


def _address_problem(setting, value):
    text = str(value)
    if not value or _is_address(text):
        return ""
    if HOST.fullmatch(text) and not re.fullmatch(r"[0-9.]+", text):
        return ""
    return (
        f"{setting} is {text!r}: write a name or an address alone, without "
        "port and brackets."
    )


def _addresses(values):
    yield "kafka_listen_address", values["kafka_listen_address"]
    yield "kafka_advertised_address", values["kafka_advertised_address"]
    for one in values["kafka_listeners"]:
        for key in ("address", "advertised_address"):
            yield f"{key} of {one['name']} in kafka_listeners", one.get(key)
    for address in values["kafka_tls_addresses"]:
        yield "An entry of kafka_tls_addresses", address


def _port_problems(values):
    ports = [
        (name, values[name])
        for name in ("kafka_port", "kafka_controller_port")
    ] + [
        (f"the port of {one['name']} in kafka_listeners", one["port"])
        for one in values["kafka_listeners"]
    ]
    for name, port in ports:
        if not 0 < int(port) < 65536:
            yield f"{name} is {port}: write a number from 1 to 65535."


def _jvm_problems(options):
    for option in options:
        own = [JVM_OWN[one] for one in JVM_OWN if option.startswith(one)]
        if not re.fullmatch(r"-[^\s\"'`$\\]+", option):
            yield (
                f"kafka_jvm_options has {option!r}: write each option by "
                "itself, with its dash, without spaces, quotes and dollar "
                "signs."
            )
        elif option in JVM_ENDS:
            yield (
                f"kafka_jvm_options has {option}, with which Java prints "
                "something and ends: remove it there."
            )
        elif own:
            yield (
                f"kafka_jvm_options has {option}, which {own[0]} sets: "
                "remove it there."
            )


def _level_problems(levels):
    for name, level in levels.items():
        if not LOGGER.fullmatch(str(name)):
            yield (
                f"kafka_log_levels has {name!r}: write the name of a logger, "
                "like kafka.request.logger, or root."
            )
        elif level not in LEVELS:
            yield (
                f"kafka_log_levels has {level!r} for {name}: write one of "
                f"{', '.join(LEVELS)}, in quotes."
            )


def _retention_problems(values):
    for name, unit in (
        ("kafka_retention_hours", "hours"),
        ("kafka_retention_bytes", "bytes"),
    ):
        number = int(values[name])
        if number < -1 or number == 0:
            yield (
                f"{name} is {number}: write the {unit} that are kept, 1 or "
                "more, or -1 for no limit."
            )


def kafka_value_problems(values):
    """What single variables must not be; values has each by its name."""
    problems = []
    for name, pattern, advice in PATTERNS:
        value = values.get(name, "")
        if name in values and not pattern.fullmatch(str(value)):
            problems.append(f"{name} is {value!r}: {advice}.")
    problems += [
        f"{name} is {values[name]}: write {least} or more."
        for name, least in MINIMA
        if name in values and int(values[name]) < least
    ]
    problems += [
        f"{name} is {values[name]}: write {most} or less."
        for name, most in MAXIMA
        if name in values and int(values[name]) > most
    ]
    if int(values["kafka_tls_renew_days"]) >= CERTIFICATE_DAYS:
        problems.append(
            f"kafka_tls_renew_days is {values['kafka_tls_renew_days']}, and "
            f"certificates are made for {CERTIFICATE_DAYS} days, so that "
            "every run would renew them: write a smaller number, like 30."
        )
    if not values["kafka_listen_address"]:
        problems.append(
            "kafka_listen_address is empty: write an address of the machine, "
            "127.0.0.1 for itself alone or 0.0.0.0 for all of its addresses."
        )
    problems += [_address_problem(*one) for one in _addresses(values)]
    problems += _port_problems(values)
    problems += _retention_problems(values)
    problems += _jvm_problems(values["kafka_jvm_options"])
    problems += _level_problems(values["kafka_log_levels"])
    return [problem for problem in problems if problem]


def _key_problem(where, key):
    if isinstance(key, str) and key and not re.search(r"[\s=:#!\\]", key):
        return ""
    return (
        f"{where} has a setting {key!r}: write its name as Kafka has it, "
        "without spaces."
    )


def _setting_problem(where, key, value):
    if isinstance(value, (list, tuple, dict)) or value is None:
        return (
            f"{key} of {where} is no single value: write text or a number, "
            "lists as Kafka has them, with commas."
        )
    numeric = NUMERIC.search(key) or key in TOPIC_RANGES
    if numeric and not NUMBER.fullmatch(str(value)):
        return f"{key} of {where} is {value!r}: write a whole number."
    return ""


def _topic_setting_problem(where, key, value):
    if problem := _key_problem(where, key):
        return problem
    near = difflib.get_close_matches(key, TOPIC_SETTINGS, 1, 0.85)
    if key not in TOPIC_SETTINGS and near:
        return (
            f"{where} has the setting {key}, which Kafka does not know: write "
            f"{near[0]}."
        )
    return _setting_problem(where, key, value) or _topic_value_problem(
        where, key, str(value).strip()
    )


def _topic_number_problem(where, key, text):
    if key == "min.cleanable.dirty.ratio":
        if FRACTION.fullmatch(text) and float(text) <= 1:
            return ""
        return f"{key} of {where} is {text!r}: write a number from 0 to 1."
    least, most = TOPIC_RANGES[key]
    if least <= int(text) <= most:
        return ""
    limit = f"{least} or more" if int(text) < least else f"{most} or less"
    return f"{key} of {where} is {text}: write {limit}."


def _topic_value_problem(where, key, text):
    if key in TOPIC_RANGES or key == "min.cleanable.dirty.ratio":
        return _topic_number_problem(where, key, text)
    if key in TOPIC_SWITCHES and text.lower() not in ("true", "false"):
        return f"{key} of {where} is {text!r}: write true or false."
    words = TOPIC_WORDS.get(key)
    if not words:
        return ""
    several = key == "cleanup.policy"
    parts = [part.strip() for part in text.split(",")] if several else [text]
    # No policy at all is one of Kafka's, too.
    if (several and not text) or set(parts) <= set(words):
        return ""
    return (
        f"{key} of {where} is {text!r}: write "
        f"{', '.join(words[:-1])} or {words[-1]}"
        f"{', or both with a comma' if several else ''}."
    )


def kafka_topic_problems(topics):
    """Topics that Kafka would not make."""
    problems, seen = [], set()
    for topic in topics:
        name = topic["name"]
        where = f"{name} in kafka_topics"
        if not TOPIC.fullmatch(name):
            problems.append(
                f"kafka_topics has a topic {name!r}: write a name of at most "
                "249 letters, digits, dots, dashes and underscores."
            )
            continue
        if name in seen:
            problems.append(f"kafka_topics has {name} twice: remove one.")
        seen.add(name)
        partitions = topic.get("partitions")
        if partitions is not None and int(partitions) < 1:
            problems.append(
                f"partitions of {where} is {partitions}: write 1 or more."
            )
        elif partitions is not None and int(partitions) > MOST_PARTITIONS:
            problems.append(
                f"partitions of {where} is {partitions}: write "
                f"{MOST_PARTITIONS} or less."
            )
        if topic.get("state") == "absent" and name in KAFKAS_OWN:
            problems.append(
                f"{where} has the state absent, and Kafka keeps in it what "
                "it has to know: remove it there."
            )
        copies = int(topic.get("replication_factor", -1))
        if copies < -1 or copies == 0:
            problems.append(
                f"replication_factor of {where} is {copies}: write 1 or "
                "more, or -1 for the broker's own."
            )
        problems += [
            _topic_setting_problem(where, key, value)
            for key, value in (topic.get("config") or {}).items()
        ]
    return [problem for problem in problems if problem]


def kafka_property_problems(properties, owned, own):
    """Settings that the role sets itself, and values that are none.

    owned has the keys that variables set, and which variables; own are the
    settings of this node, which would win without a word.
    """
    problems = [_key_problem("kafka_properties", key) for key in properties]
    if any(problems):
        return [problem for problem in problems if problem]
    meant = {key: _general(key) for key in properties}
    both = sorted(
        key
        for key, general in meant.items()
        if {key, general} & ({*owned} | {*own})
    )
    if both:
        variables = sorted(
            {
                owned.get(key) or owned.get(meant[key]) or "kafka_security"
                for key in both
            }
        )
        problems.append(
            f"kafka_properties sets {', '.join(both)}, which the role sets "
            f"itself: remove that there, and use {', '.join(variables)}."
        )
    problems += [
        _setting_problem("kafka_properties", key, value)
        or _count_problem(key, value)
        for key, value in properties.items()
        if key not in both
    ]
    return [problem for problem in problems if problem]


def _general(key):
    """The setting that a key is about, for whichever listener it is."""
    return OWN_LISTENER.sub("", key.lower())


def _count_problem(key, value):
    if key in COUNTS and int(value) < 1:
        return f"{key} of kafka_properties is {value}: write 1 or more."
    return ""


def kafka_has_secrets(properties):
    """Whether a setting holds what not everybody may read."""
    return any(
        SECRET.search(str(key)) and not str(value).startswith("${")
        for key, value in properties.items()
    )


def kafka_path_problems(directories):
    """Directories that cannot be, with the variables that set them."""
    bad = [
        f"{one['setting']} has {one['path']!r}: write an absolute path below "
        "/, of letters, digits and the signs / . _ - + @ ~ : alone, without "
        "a part that is two dots."
        for one in directories
        if not PATH.fullmatch(one["path"]) or ".." in one["path"].split("/")
    ]
    bad += [
        f"{one['setting']} has {one['path']!r}, and a colon ends a path where "
        "Java and Python look for programs: write one without."
        for one in directories
        if one["setting"] in WITHOUT_COLON and ":" in one["path"]
    ]
    return bad or list(kafka_directories.shared_problems(_places(directories)))


def kafka_directory_problems(data_dirs, others):
    """Directories of a broker, which must not be in each other's way, too.

    others are directories with the variables that set them.
    """
    if not data_dirs:
        return ["kafka_data_dirs is empty: write at least one directory."]
    directories = [
        {"setting": "kafka_data_dirs", "path": path} for path in data_dirs
    ] + others
    return kafka_path_problems(directories) or list(
        kafka_directories.overlap_problems(_places(directories))
    )


def _places(directories):
    """As they are written; where links lead, the module looks."""
    found = [
        (one["setting"], posixpath.normpath(one["path"]))
        for one in directories
    ]
    return [(setting, path, path) for setting, path in found]


class FilterModule:
    """The filters, by name."""

    def filters(self):
        return {
            "kafka_directory_problems": kafka_directory_problems,
            "kafka_has_secrets": kafka_has_secrets,
            "kafka_path_problems": kafka_path_problems,
            "kafka_property_problems": kafka_property_problems,
            "kafka_topic_problems": kafka_topic_problems,
            "kafka_value_problems": kafka_value_problems,
        }
