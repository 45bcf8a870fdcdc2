# SPDX-License-Identifier: Apache-2.0
"""What is written wrongly in a transport URL. Pure.

Nothing that it returns holds a part of the user's name or password, only
single characters that have to be quoted.
"""

import ipaddress
import re
from urllib.parse import quote, unquote

from kafka_driver import options

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_PORT = re.compile(r"[0-9]{1,5}")
#: Shorter secrets would blot out words of every sentence.
SHORTEST = 4
#: Characters that end or divide the part of a URL that has the hosts. oslo's
#: parser takes every other one as it is, also : and @.
_SPECIAL = "/?#,[]"
#: Schemes whose options are known; the others have too many.
_KAFKA = ("kafka-driver", "kafka")
_OPTIONS = frozenset(opt.dest for opt in options.ALL_OPTS)


def problem(url: str) -> tuple[str, str] | None:
    """What is wrong, and what to write; None when nothing is."""
    found = _SCHEME.fullmatch(url.strip())
    if found is None:
        return (
            "the transport URL does not start with a scheme",
            "write kafka-driver://HOST:9092/, the scheme with a hyphen",
        )
    scheme, rest = found.groups()
    if any(_is_no_text(one) for one in rest):
        return (
            "the transport URL has a byte that is no UTF-8",
            "correct it, or percent-encode it in user and password",
        )
    bad = _unquoted(rest, scheme in _KAFKA)
    if bad:
        return (
            "user or password in the transport URL has "
            + ", ".join(_name(one) for one in bad)
            + " unquoted",
            "write "
            + ", ".join(
                f"{quote(one, safe='')} for {_name(one)}" for one in bad
            ),
        )
    if scheme in _KAFKA and any(
        not login.partition(":")[0] and login.partition(":")[2]
        for login in _logins(_authority(rest))
    ):
        return (
            "the transport URL has a password and no user",
            f"write {scheme}://USER:PASSWORD@HOST:9092/",
        )
    for place in _authority(rest).split(","):
        wrong = _host_problem(place.rpartition("@")[2])
        if wrong:
            return wrong
    return None


def _unquoted(rest: str, is_kafka: bool) -> list[str]:
    """Characters in user and password that have to be percent-encoded.

    :param rest: the URL after its scheme
    """
    authority = _authority(rest)
    if _is_cut(authority, rest[len(authority) :], is_kafka):
        authority = rest[: rest.rindex("@") + 1]
    return sorted(
        {
            one
            for login in _logins(authority)
            for one in login
            if one in _SPECIAL
        }
    )


def secrets(url: str) -> set[str]:
    """All spellings of what may be a password in the URL, also a broken one.

    What stands between the first : and the last @ of it, whole and by host.
    """
    rest = url.partition("://")[2] or url
    found = set()
    logins = [rest.rpartition("@")[0], *_logins(_authority(rest))]
    for login in logins:
        password = login.partition(":")[2]
        quoted = quote(password, safe="", errors="surrogateescape")
        found |= {password, unquote(password), quoted}
    return {one for one in found if len(one) >= SHORTEST}


def _is_cut(authority: str, tail: str, is_kafka: bool) -> bool:
    """Whether a password goes on behind what looks like the hosts' end."""
    before, sign, _host = tail.rpartition("@")
    if not sign:
        return False
    if "=" not in before or not _is_hosts(authority):
        return True
    # user:9092/?pass=word@host has an = as well, but sets no option.
    return is_kafka and not _names(before) <= _OPTIONS


def _names(tail: str) -> set[str]:
    """The options that the end of a URL sets, or what stands for them."""
    query = tail.partition("?")[2]
    return {one.partition("=")[0] for one in query.split("&")}


def _authority(rest: str) -> str:
    return re.split(r"[/?#]", rest, maxsplit=1)[0]


def _logins(authority: str) -> list[str]:
    """USER:PASSWORD of each host; a comma in a password stays in it."""
    found = []
    login = ""
    for place in authority.split(","):
        login += place
        if "@" in place:
            found.append(login.rpartition("@")[0])
            login = ""
        elif _is_host(place):
            login = ""
        else:
            login += ","
    return found


def _is_hosts(authority: str) -> bool:
    return all(
        _is_host(place.rpartition("@")[2]) for place in authority.split(",")
    )


def _is_host(place: str) -> bool:
    return _host_problem(place) is None


def _host_problem(place: str) -> tuple[str, str] | None:
    if place.startswith("["):
        host, sign, port = place[1:].partition("]")
        wrong = _bracket_problem(host, sign, port)
        if wrong:
            return wrong
        port = port[1:] if port else "9092"
    elif ";" in place:
        return (
            "hosts in the transport URL are divided by ';'",
            "write a comma between them",
        )
    elif place.count(":") > 1:
        return (
            "an IPv6 address in the transport URL stands without brackets",
            "write it as [ADDRESS]:PORT",
        )
    else:
        host, sign, port = place.partition(":")
        port = port if sign else "9092"
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        return (
            "a port in the transport URL is no number from 1 to 65535",
            "write HOST:PORT, and quote user and password before the @",
        )
    if any(_is_odd(one) for one in host):
        return (
            "a host in the transport URL has a blank or another character "
            "that no host name has",
            "correct the host",
        )
    return None


def _bracket_problem(
    host: str, sign: str, port: str
) -> tuple[str, str] | None:
    if not sign or (port and not port.startswith(":")):
        return (
            "an IPv6 address in the transport URL is not closed",
            "write it as [ADDRESS]:PORT",
        )
    if not _is_ipv6(host):
        return (
            f"[{host}] in the transport URL is no IPv6 address",
            "write it as [ADDRESS]:PORT, and a name without brackets",
        )
    return None


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_no_text(character: str) -> bool:
    """Whether Python has it for a byte of an argument that is no UTF-8."""
    return "\ud800" <= character <= "\udfff"


def _is_odd(character: str) -> bool:
    return character <= " " or character == "\x7f"


def _name(character: str) -> str:
    return f"'{character}'"
