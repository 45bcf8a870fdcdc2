# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that can lose what passes, hold it back, or refuse."""

import contextlib
import selectors
import socket
import threading


class Proxy:
    """Forwards a port of 127.0.0.1 to another.

    :param target: the port behind it
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._refuse = False
        # Cleared: what comes from that side waits in the sockets' buffers.
        self._requests = threading.Event()
        self._answers = threading.Event()
        self.restore()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._requests.clear()
        self._answers.clear()

    def stall_answers(self) -> None:
        """Requests arrive; answers are held back."""
        self._answers.clear()

    def refuse(self) -> None:
        """Break every connection, and take no new one."""
        self._refuse = True
        self._break()

    def restore(self) -> None:
        self._refuse = False
        self._requests.set()
        self._answers.set()

    def close(self) -> None:
        self._closed = True
        self._listener.close()
        self.restore()
        self._break()

    def _break(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refuse:
                client.close()
                continue
            try:
                server = socket.create_connection(
                    ("127.0.0.1", self._target), 5
                )
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._pairs.append((client, server))
            threading.Thread(
                target=self._forward, args=(client, server), daemon=True
            ).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Both directions of a connection, until one side ends it."""
        with selectors.DefaultSelector() as ready, client, server:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in ready.select(1):
                    source, to = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    gate = self._requests if to is server else self._answers
                    if not gate.wait(0.1):
                        continue
                    try:
                        data = source.recv(65536)
                        if not data:
                            return
                        to.sendall(data)
                    except OSError:
                        return
