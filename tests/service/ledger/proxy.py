"""A line to a server of TCP that can be cut, held still, and mended."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


class Proxy:
    """Hands on what comes, both ways, on a port of its own."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = Event()
        self._open.set()
        self._flowing = Event()
        self._flowing.set()
        self._lines: list[socket.socket] = []
        Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection off, and take no new one."""
        self._open.clear()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._lines.clear()

    def hold(self) -> None:
        """Swallow what comes, and keep the connections."""
        self._flowing.clear()

    def mend(self) -> None:
        """Go on; what was swallowed is lost with its connection."""
        if not self._flowing.is_set():
            self.cut()
        self._flowing.set()
        self._open.set()

    def close(self) -> None:
        """End."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._open.is_set():
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._target))
                self._lines += [near, far]
                for pair in ((near, far), (far, near)):
                    Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._flowing.is_set():
                    sink.sendall(data)
        for line in (source, sink):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


@contextmanager
def proxy(port: int = 5432) -> Iterator[Proxy]:
    """Run one until the block ends."""
    line = Proxy(port)
    try:
        yield line
    finally:
        line.close()
