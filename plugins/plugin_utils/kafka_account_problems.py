# SPDX-License-Identifier: Apache-2.0
"""Accounts, passwords and rights that cannot work.

Each returns one sentence for each thing, with the variable to set. "spec" is
the dictionary that vars/main.yml of the role kafka puts together.
"""

import ipaddress
import re

from ..module_utils.kafka_quota import LIMITS, is_limit
from .kafka_identities import (
    CONTROLLER_USER,
    has_authorizer,
    has_sasl,
    kafka_admin_users,
    present,
)
from .kafka_nodes import (
    is_cluster,
)

#: What a name of a topic may begin with.
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
#: What grants need, which of them, an example, what there is without it.
NEEDED = (
    ("topics", {"notifier", "listener"}, "notifications.", "notifications."),
    ("groups", {"listener"}, "nova", "every group"),
)
# For fullmatch(): a "$" would let a line end through.
#: A name that JAAS, librdkafka and kafka-acls take without quoting.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
WEAK = 8
#: What everybody tries first; digits and signs around it change nothing.
KNOWN = {
    *("", "abcdefgh", "admin", "administrator", "changeit", "changeme"),
    *("devstack", "kafka", "letmein", "openstack", "passw0rd", "password"),
    *("q2w3e4r", "q2w3e4r5t", "qaz2wsx", "qazwsx", "qwerty", "qwertyuiop"),
    *("secret", "supersecret", "welcome"),
}
AROUND = ("0123456789.,:;!?#%&*+-_= ", "0123456789.,:;!?#$%&*+-_=@ ")
#: What everybody writes for letters.
FOR_LETTERS = [str.maketrans("@03$51", f"aoess{one}") for one in "li"]
#: What access rules can be about, by what it is done to.
OPERATIONS = {
    "topic": (
        *("ALL", "ALTER", "ALTER_CONFIGS", "CREATE", "DELETE", "DESCRIBE"),
        *("DESCRIBE_CONFIGS", "READ", "WRITE"),
    ),
    "group": (
        *("ALL", "ALTER_CONFIGS", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS"),
        "READ",
    ),
    "cluster": (
        *("ALL", "ALTER", "ALTER_CONFIGS", "CLUSTER_ACTION", "CREATE"),
        *("DESCRIBE", "DESCRIBE_CONFIGS", "IDEMPOTENT_WRITE"),
    ),
    "transactional_id": ("ALL", "DESCRIBE", "WRITE"),
}
#: Kafka compares it letter by letter with the name that it has of a client.
PRINCIPAL = re.compile(r"User:\S(.*\S)?")


def _once(word):
    """novanova is nova."""
    return re.sub(r"^(.+?)\1+$", r"\1", word)


def _words_of(password):
    """What a password is without what everybody does to a word."""
    word = _once(password.lower())
    cut = {word}
    for signs in AROUND:
        cut |= {word.strip(signs), word.lstrip(signs), word.rstrip(signs)}
    read = {one.translate(table) for one in cut for table in FOR_LETTERS}
    return {_once(one) for one in cut | read}


def password_problem(setting, word, name="", common=False):
    """What is wrong with a password.

    :param common: whether one that everybody knows will do
    """
    word = word or ""
    if not word:
        return (
            f"{setting} is missing: set it to a long random text, in a file "
            "of Ansible Vault."
        )
    if len(word) < WEAK:
        return (
            f"{setting} has fewer than {WEAK} characters: set it to a long "
            "random text, in a file of Ansible Vault."
        )
    known = KNOWN | {name.lower()}
    if not common and not known.isdisjoint(_words_of(word)):
        return (
            f"{setting} is one that is tried first (a common word, the name "
            "of the account, digits alone): set it to a long random text, in "
            "a file of Ansible Vault."
        )
    if len(set(word)) < WEAK // 2:
        return (
            f"{setting} repeats fewer than {WEAK // 2} characters: set it to "
            "a long random text, in a file of Ansible Vault."
        )
    if re.search(r"[\x00-\x1f\x7f]", word):
        return (
            f"{setting} holds a line end or another control character: "
            "write a text of one line."
        )
    return ""


def user_problems(spec):
    own = {*kafka_admin_users(spec), CONTROLLER_USER}
    seen = set()
    for user in spec["users"]:
        name = str(user.get("name", ""))
        if not NAME.fullmatch(name):
            yield (
                f"kafka_users has a user {name!r}: write a name of letters, "
                "digits, dots, dashes and underscores."
            )
            continue
        if name in own:
            yield (
                f"kafka_users has the user {name}, whom the brokers use "
                "themselves: write another name."
            )
        if name in seen:
            yield f"kafka_users has the user {name} twice: remove one."
        seen.add(name)
        if has_sasl(spec) and user.get("state") != "absent":
            yield password_problem(
                f"The password of {name} in kafka_users",
                user.get("password"),
                name,
                # Who lets it cross a network unencrypted is trying things
                # out, as DevStack's users do.
                common=spec["allow_plaintext"],
            )
        for quota, limit in (user.get("quotas") or {}).items():
            if quota not in LIMITS:
                yield (
                    f"The quotas of {name} in kafka_users have {quota}: write "
                    f"one of {', '.join(LIMITS)}."
                )
            elif limit is not None and not is_limit(limit):
                yield (
                    f"{quota} of {name} in kafka_users is {limit!r}: write a "
                    "number above 0, or null for no limit."
                )
        if spec["security"] in ("plaintext", "ssl"):
            yield (
                f"kafka_users has the user {name}, but kafka_security is "
                f"{spec['security']}, where nobody is asked for a name: set "
                "kafka_security to sasl_ssl, or empty kafka_users."
            )


def _prefix_problem(where, key, prefix):
    """What is wrong with one of a user's topics or groups; "*" is every."""
    if prefix == "*":
        return ""
    bare = prefix.rstrip("*")
    if bare != prefix and bare:
        return (
            f"{key} of {where} has {prefix!r}, and is the beginning of names "
            f"anyway: write {bare} without the asterisk."
        )
    if key == "topics" and not TOPIC.fullmatch(prefix):
        return (
            f"topics of {where} has {prefix!r}, with which no name begins: "
            "write letters, digits, dots, dashes and underscores, like "
            "notifications., or * for every topic."
        )
    if not bare:
        return (
            f"{key} of {where} has {prefix!r}: write the beginning of a "
            "name, or * for every one."
        )
    return ""


def grant_problems(spec):
    for user in present(spec):
        where = f"{user['name']} in kafka_users"
        for key, grants, like, default in NEEDED:
            needing = [
                one for one in user.get("grants") or [] if one in grants
            ]
            if needing and key in user and not user[key]:
                yield (
                    f"{key} of {where} is empty, and {needing[0]} is granted: "
                    f"write the beginnings of their names, like [{like}], "
                    f"leave it out for {default}, or remove the grant."
                )
            for prefix in user.get(key) or []:
                yield _prefix_problem(where, key, prefix)


def _operation_problem(where, rule):
    allowed = OPERATIONS[rule["resource"]]
    if rule.get("state") == "absent":
        # What another tool added without a use may be taken away.
        allowed = sorted({one for some in OPERATIONS.values() for one in some})
    wrong = [one for one in rule["operations"] if one.upper() not in allowed]
    if not rule["operations"]:
        return (
            f"{where} has no operations: write some of {', '.join(allowed)}."
        )
    if wrong:
        return (
            f"{where} has the operation {wrong[0]}, which a "
            f"{rule['resource']} has not: write one of {', '.join(allowed)}."
        )
    return ""


def _address_of_kafka(host):
    """An address as Kafka's Java writes it, in full; empty if it is none."""
    bare, percent, scope = host.partition("%")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.version == 4:
        return str(address)
    groups = address.exploded.split(":")
    return ":".join(f"{int(one, 16):x}" for one in groups) + percent + scope


def _useless_problems(where, rule):
    """What keeps a rule from ever being for anybody or anything."""
    who, host, name = rule["principal"], rule.get("host") or "*", rule["name"]
    if ":" in who and not PRINCIPAL.fullmatch(who):
        right = who.partition(":")[2].strip() or "NAME"
        yield (
            f"{where} is for none of the names of clients, which begin with "
            f"User: in Kafka: write User:{right}."
        )
    written = _address_of_kafka(host)
    if host != "*" and not written:
        yield (
            f"{where} has the host {host!r}, and Kafka knows clients by their "
            "addresses alone: write one address, without a mask, or * for "
            "any."
        )
    elif host not in ("*", written):
        yield (
            f"{where} has the host {host!r}, which Kafka writes in another "
            f"way: write {written}."
        )
    prefixed = rule.get("pattern") == "prefixed"
    if not name:
        yield f"{where} has an empty name: write one, or * for every one."
    elif name == "*" and prefixed:
        yield (
            f"{where} has the name * with the pattern prefixed, which is for "
            "names that begin with an asterisk: write the pattern literal."
        )
    elif (
        rule["resource"] == "topic"
        and name != "*"
        and not TOPIC.fullmatch(name)
    ):
        bare = name.rstrip("*")
        advice = "write letters, digits, dots, dashes and underscores"
        if bare != name and TOPIC.fullmatch(bare):
            advice = f"write {bare} with the pattern prefixed"
        yield f"{where} has the name {name!r}, which no topic has: {advice}."


def rights_problems(spec):
    for setting in ("acls", "super_users"):
        if spec[setting] and not has_authorizer(spec):
            yield (
                f"kafka_{setting} is set, but kafka_security is "
                f"{spec['security']}, where nobody is asked for a name: set "
                f"kafka_security to sasl_ssl, or empty kafka_{setting}."
            )
    for name in spec["super_users"]:
        known = PRINCIPAL if ":" in name else NAME
        # No asterisk: only access rules can be for everybody.
        if not known.fullmatch(name) or ";" in name or name == "User:*":
            yield (
                f"kafka_super_users has {name!r}: write the name of one of "
                "kafka_users, or User:NAME as Kafka knows it."
            )
    for rule in spec["acls"]:
        where = f"The rule for {rule['principal']} in kafka_acls"
        if ":" not in rule["principal"]:
            yield (
                f"{where} names no kind of principal: write "
                f"User:{rule['principal']}."
            )
        elif spec["security"] == "mtls" and not rule["principal"].startswith(
            ("User:CN=", "User:*")
        ):
            yield (
                f"{where} is for nobody, as kafka_security mtls knows clients "
                "by their certificates: write {}.".format(
                    rule["principal"].replace("User:", "User:CN=", 1)
                )
            )
        yield _operation_problem(where, rule)
        if rule.get("state") != "absent":
            yield from _useless_problems(where, rule)
        if rule["resource"] == "cluster" and rule["name"] != "kafka-cluster":
            yield (
                f"{where} names the cluster {rule['name']}: write "
                "kafka-cluster, which is what Kafka calls each."
            )


def admin_problems(spec):
    name = spec["admin_user"]
    if has_sasl(spec) and (
        not NAME.fullmatch(name) or name == CONTROLLER_USER
    ):
        yield (
            f"kafka_admin_user is {name!r}: write a name of letters, digits, "
            f"dots, dashes and underscores that is not {CONTROLLER_USER}."
        )
    if has_sasl(spec) and (is_cluster(spec) or spec["admin_password"]):
        yield password_problem(
            "kafka_admin_password", spec["admin_password"], name
        )
