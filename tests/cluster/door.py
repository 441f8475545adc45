"""A door before a service on loopback that a test can shut: nobody gets in, and who is in is thrown out."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Door:
    """Passes bytes between its own port and ``host``:``port`` while it is open."""

    def __init__(self, host: str, port: int) -> None:
        self._there = (host, port)
        self._open = threading.Event()
        self._open.set()
        self._inside: set[socket.socket] = set()
        self._forbidden = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self) -> None:
        self._open.clear()
        for connection in list(self._inside):
            _close(connection)

    def unlock(self) -> None:
        self._open.set()

    def shut_at(self, words: bytes) -> None:
        """Shut by itself, once, as soon as a visitor begins with these ``words``; they are not passed on."""
        self._forbidden = words

    @property
    def is_shut(self) -> bool:
        return not self._open.is_set()

    def leave(self) -> None:
        self.shut()
        _close(self._listener)

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            if not self._open.is_set():
                _close(visitor)
                continue
            service = socket.create_connection(self._there)
            self._inside |= {visitor, service}
            for one, other in ((visitor, service), (service, visitor)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if self._forbidden and data.startswith(self._forbidden):
                    self._forbidden = b""
                    self.shut()
                    break
                other.sendall(data)
        for connection in (one, other):
            self._inside.discard(connection)
            _close(connection)


@contextlib.contextmanager
def door(address: str) -> Iterator[Door]:
    """A door before ``host:port``, for as long as the body runs."""
    host, _, port = address.partition(":")
    made = Door(host, int(port))
    try:
        yield made
    finally:
        made.leave()


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
