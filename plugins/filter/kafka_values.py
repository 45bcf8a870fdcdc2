# SPDX-License-Identifier: Apache-2.0
"""A filter of the role kafka: values that Kafka or the machine would refuse.

It returns one sentence for each thing, with the variable to set, before
anything is changed; Kafka itself would tell when it starts. Topics, settings
of the broker and directories have filters of their own.
"""

import ipaddress
import re

# All are for fullmatch(): a "$" would let a line end through,
# which a block of YAML leaves at the end of a value.
LABEL = r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*\.?")
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]*\$?")

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
#: Kafka keeps these as numbers of 32 bits, and the last one of 64.
MAXIMA = (
    ("kafka_message_max_bytes", 2**31 - 1),
    ("kafka_node_id", 2**31 - 1),
    ("kafka_retention_hours", 2**31 - 1),
    ("kafka_retention_bytes", 2**63 - 1),
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


class FilterModule:
    """The filter, by name."""

    def filters(self):
        return {"kafka_value_problems": kafka_value_problems}
