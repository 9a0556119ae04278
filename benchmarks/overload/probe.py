"""Requests of an outsider, one after another, each on a connection of its own."""

import socket
import threading
from time import perf_counter, sleep
from typing import Self

PAUSE_SECONDS = 0.02
TIMEOUT_SECONDS = 10.0
CLOSE = b"Connection: close\r\n"


class Probe:
    """Sends a request over and over in a thread; `samples` are (begin, latency, status)."""

    def __init__(self, port: int, request: bytes) -> None:
        """Send `request`, after which the server has to close the connection."""
        self.samples: list[tuple[float, float, int]] = []
        self._port = port
        self._request = request
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def slowest(self, first: float, last: float) -> float:
        """Return the longest latency of the requests begun in this time, infinite for a failure."""
        return max(
            (
                latency if status == 200 else float("inf")
                for began, latency, status in self.samples
                if first <= began <= last
            ),
            default=float("nan"),
        )

    def recovered(self, end: float, limit: float) -> float:
        """Return the seconds from `end` to the first success within `limit` seconds."""
        for began, latency, status in self.samples:
            if began >= end and status == 200 and latency <= limit:
                return began + latency - end
        return float("inf")

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = perf_counter()
            status = self._send()
            self.samples.append((began, perf_counter() - began, status))
            sleep(PAUSE_SECONDS)

    def _send(self) -> int:
        try:
            with socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS) as connection:
                connection.sendall(self._request)
                received = connection.recv(4096)
        except OSError:
            return 0
        return int(received[9:12] or 0)
