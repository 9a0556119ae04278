"""Accepts connections: all workers have about as many, and a worker that stops loses none."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sized

from service.http.flow import set_least_hops
from service.shared_counters import SharedCounters

KEY = "connections"
# A worker lets others accept while it has more connections than this multiple of another worker's,
# plus one.
SLACK = 1.125
CHECK_SECONDS = 0.001  # while another worker with fewer connections may accept
WAIT_SECONDS = 0.02  # at most: the other worker may hang
RETRY_SECONDS = 0.1  # after an error such as too many open files

_log = logging.getLogger(__name__)


class _Layout:
    """The segment of a worker: its number of connections."""

    size = 1


class Acceptor:
    """Accepts connections from a listener that several workers share.

    The kernel wakes all of them for each connection, and the first one accepts it. Most connections
    of a client that opens them at once would be in the worker that is awake, for as long as they
    live. A worker with more connections than another therefore lets it accept first, for a moment:
    a worker that hangs delays connections by `WAIT_SECONDS` and loses none.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        connections: Sized,
        counters: SharedCounters,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Begin to accept; `connections` are those that this worker has."""
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._protocol = protocol
        self._connections = connections
        self._counters = counters
        self._tls = tls
        self._own = counters.segment(KEY, _Layout())
        self._opening: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None  # while it does not accept
        listener.setblocking(False)
        self._loop.add_reader(listener, self._on_connection)

    def publish(self) -> None:
        """Let the other workers see how many connections this one has."""
        self._own[0] = len(self._connections) + len(self._opening)

    def close(self) -> None:
        """Accept the connections that wait, which the kernel would reset, and then no more."""
        while self._accept():
            pass
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._listener)

    async def wait_open(self, seconds: float) -> None:
        """Wait so long at most for the connections that are being opened."""
        if self._opening:
            await asyncio.wait(self._opening, timeout=seconds)

    async def wait_closed(self) -> None:
        """Wait for the connections that are being opened."""
        await asyncio.gather(*self._opening)

    def _on_connection(self) -> None:
        """Accept one connection, or let another worker accept it."""
        if self._is_ahead():
            self._loop.remove_reader(self._listener)
            self._wait(self._loop.time() + WAIT_SECONDS)
        else:
            self._accept()

    def _is_ahead(self) -> bool:
        """Return whether another worker has clearly fewer connections."""
        self.publish()
        if self._own[0] <= 1:  # too few to compare
            return False
        segments = self._counters.segments(KEY, _Layout())
        fewest = min(float(segment[0]) for segment, is_alive in segments if is_alive)
        return float(self._own[0]) > SLACK * fewest + 1

    def _wait(self, deadline: float) -> None:
        """Accept again once no worker has fewer connections, at the latest at the deadline."""
        if self._loop.time() < deadline and self._is_ahead():
            self._timer = self._loop.call_later(CHECK_SECONDS, self._wait, deadline)
            return
        self._resume()
        if self._is_ahead():  # the other worker hangs or has too much to do
            while self._timer is None and self._accept():
                pass

    def _resume(self) -> None:
        self._timer = None
        self._loop.add_reader(self._listener, self._on_connection)

    def _accept(self) -> bool:
        """Accept a connection; return whether there was one."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another worker has accepted it, or the client has left
        except OSError as error:
            _log.error("a connection cannot be accepted: %s", error)
            self._loop.remove_reader(self._listener)
            self._timer = self._loop.call_later(RETRY_SECONDS, self._resume)
            return False
        connection.setblocking(False)
        set_least_hops(connection, 0)  # before a handshake of TLS
        task = self._loop.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return True

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._tls)
        except OSError as error:  # the client has left, or its TLS handshake failed
            _log.debug("a connection was not opened: %s", error)
            connection.close()
