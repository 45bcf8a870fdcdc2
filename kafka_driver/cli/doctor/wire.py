# SPDX-License-Identifier: Apache-2.0
"""The two requests that a broker answers before anybody has logged in.

No client library tells what a listener expects from its clients: these do.
Both have kept their form since Kafka 1.0.
"""

import socket
import struct
import time

_SASL_HANDSHAKE = 17
_API_VERSIONS = 18
_LARGEST = 1 << 20

#: Error codes of an answer to a SASL handshake.
NONE = 0
UNSUPPORTED_MECHANISM = 33
ILLEGAL_STATE = 34

#: Requests whose numbers tell how old a broker is.
_PRODUCE = 0
_LIST_OFFSETS = 2
_ALTER_REASSIGNMENTS = 45
_GROUP_HEARTBEAT = 68

#: Number of each request -> its oldest and its newest version.
Versions = dict[int, tuple[int, int]]


class NoKafka(Exception):
    """What answered does not speak Kafka's protocol."""


def api_versions(connection: socket.socket) -> Versions:
    """Which requests the listener knows.

    :param connection: with a timeout, in which the whole answer has to come
    :raises OSError: when the connection fails
    :raises NoKafka: when the answer is of something else
    """
    body = _ask(connection, _API_VERSIONS, b"")
    try:
        _error, count = struct.unpack_from(">hi", body)
        rows = [
            struct.unpack_from(">hhh", body, 6 + 6 * number)
            for number in range(count)
        ]
    except struct.error:
        raise NoKafka from None
    return {key: (oldest, newest) for key, oldest, newest in rows}


def sasl_handshake(
    connection: socket.socket, mechanism: str
) -> tuple[int, list[str]]:
    """Error code, and the mechanisms that the listener has.

    It takes and raises what `api_versions` does.
    """
    name = mechanism.encode()
    body = _ask(
        connection, _SASL_HANDSHAKE, struct.pack(">h", len(name)) + name
    )
    try:
        error, count = struct.unpack_from(">hi", body)
        place = 6
        names = []
        for _ in range(count):
            (length,) = struct.unpack_from(">h", body, place)
            names.append(body[place + 2 : place + 2 + length].decode())
            place += 2 + length
    except (struct.error, UnicodeDecodeError):
        raise NoKafka from None
    return error, names


def caps_minimum(versions: Versions) -> bool:
    """Whether the broker wants no more replicas in sync than there are.

    Since 3.7 it takes min.insync.replicas as that at most.
    """
    return versions.get(_PRODUCE, (0, 0))[1] >= 10


def has_new_groups(versions: Versions) -> bool:
    """Whether the broker knows the group protocol that Kafka 4.0 brought."""
    return versions.get(_GROUP_HEARTBEAT, (0, 0))[1] >= 1


def age(versions: Versions) -> str:
    """Which releases of Kafka know these requests."""
    if versions.get(_LIST_OFFSETS, (0, 0))[0] >= 1:
        return "4.0 or newer"
    if caps_minimum(versions):
        return "3.7 to 3.9"
    if _ALTER_REASSIGNMENTS in versions:
        return "2.4 to 3.6"
    return "older than 2.4"


def _ask(connection: socket.socket, request: int, body: bytes) -> bytes:
    """Send a request in its first version; return what follows its number."""
    client = b"kafka-driver"
    version = 1 if request == _SASL_HANDSHAKE else 0
    header = struct.pack(">hhih", request, version, 1, len(client)) + client
    message = header + body
    until = time.monotonic() + (connection.gettimeout() or 0)
    connection.sendall(struct.pack(">i", len(message)) + message)
    (size,) = struct.unpack(">i", _receive(connection, 4, until))
    if not 4 <= size <= _LARGEST:
        raise NoKafka
    answer = _receive(connection, size, until)
    if struct.unpack_from(">i", answer)[0] != 1:
        raise NoKafka
    return answer[4:]


def _receive(connection: socket.socket, size: int, until: float) -> bytes:
    """The next bytes; the socket's own timeout is for each piece of them."""
    found = b""
    while len(found) < size:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connection.settimeout(left)
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionResetError("it closed the connection")
        found += part
    return found
