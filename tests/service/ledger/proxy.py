"""A TCP proxy whose connections can be cut, frozen and restored."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from urllib.parse import urlsplit


class Proxy:
    """Forwards data in both directions."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = Event()
        self._open.set()
        self._flowing = Event()
        self._flowing.set()
        self._sockets: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close all connections, and refuse new ones."""
        self._open.clear()
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def freeze(self) -> None:
        """Drop all data, but keep the connections."""
        self._flowing.clear()

    def restore(self) -> None:
        """Forward again; connections with dropped data are closed."""
        if not self._flowing.is_set():
            self.cut()
        self._flowing.set()
        self._open.set()

    def close(self) -> None:
        """Close all connections and the port."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._open.is_set():
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._sockets += [near, far]
                for pair in ((near, far), (far, near)):
                    Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._flowing.is_set():
                    sink.sendall(data)
        for connection in (source, sink):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def proxy(url: str) -> Iterator[Proxy]:
    """Run a proxy for the server at `url` until the block ends."""
    parts = urlsplit(url)
    connection = Proxy(parts.hostname or "127.0.0.1", parts.port or 5432)
    try:
        yield connection
    finally:
        connection.close()
