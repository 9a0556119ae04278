"""Load generator: streams of one request each, at a fixed rate or in a closed loop.

Sockets and epoll alone, with encoded requests and the least parsing: it must be far cheaper than
the server. In an open loop, latency counts from the scheduled time.
"""

import select
import socket
from collections import deque
from dataclasses import dataclass
from time import perf_counter

READ_BYTES = 1 << 20
LAST_SECONDS = 2.0  # for responses after the end of the load
STATUS = slice(9, 12)
_LENGTH = b"\r\ncontent-length: "


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One client: the same request over and over from an address of the loopback network.

    `rate` in requests per second, None for a closed loop; `connections` at most.
    """

    request: bytes
    connections: int
    rate: float | None = None
    address: str = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Responses:
    """Statuses, latencies in seconds, and seconds from the begin to each response, by index.

    The status of a request whose connection was closed is 0. `unanswered` requests got no response
    in time, or were not even sent for want of a free connection. `began` is on the clock of
    `time.perf_counter`, which all processes share.
    """

    began: float
    statuses: list[int]
    latencies: list[float]
    ended: list[float]
    unanswered: int


def send(port: int, streams: list[Stream], seconds: float) -> list[Responses]:
    """Open all connections, load the server for `seconds`, and wait for the last responses."""
    return _Driver(port, streams, seconds).run()


class _Connection:
    """A keep-alive connection with at most one request under way."""

    __slots__ = ("due", "left", "needed", "received", "socket", "stream")

    def __init__(self, stream: "_StreamState", port: int) -> None:
        self.stream = stream
        self.due = 0.0  # of the request under way, 0 if there is none
        self.left = memoryview(b"")  # to be sent
        self.received = b""
        self.needed = 0  # length of the response, 0 until its head has arrived
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.bind((stream.plan.address, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)


class _StreamState:
    """The connections of a stream, and the responses so far."""

    def __init__(self, plan: Stream) -> None:
        self.plan = plan
        self.request = memoryview(plan.request)
        self.free: deque[_Connection] = deque()
        self.due: deque[float] = deque()  # scheduled requests without a connection
        self.next = 0.0  # scheduled
        self.running = 0
        self.statuses: list[int] = []
        self.latencies: list[float] = []
        self.ended: list[float] = []

    def responses(self, began: float) -> Responses:
        return Responses(
            began=began,
            statuses=self.statuses,
            latencies=self.latencies,
            ended=[at - began for at in self.ended],
            unanswered=self.running + len(self.due),
        )


class _Driver:
    def __init__(self, port: int, streams: list[Stream], seconds: float) -> None:
        self._port = port
        self._seconds = seconds
        self._poll = select.epoll()
        self._by_file: dict[int, _Connection] = {}
        self._streams = [_StreamState(stream) for stream in streams]
        self._end = 0.0

    def run(self) -> list[Responses]:
        for stream in self._streams:
            for _ in range(stream.plan.connections):
                stream.free.append(self._connect(stream))
        began = perf_counter()
        self._end = began + self._seconds
        for stream in self._streams:
            stream.next = began
        while (now := perf_counter()) < self._end:
            self._start_due(now)
            self._handle(0.0005)
        while self._pending and perf_counter() < self._end + LAST_SECONDS:
            self._start_waiting()
            self._handle(0.01)
        for connection in self._by_file.values():
            connection.socket.close()
        return [stream.responses(began) for stream in self._streams]

    @property
    def _pending(self) -> bool:
        return any(stream.running or stream.due for stream in self._streams)

    def _start_due(self, now: float) -> None:
        for stream in self._streams:
            rate = stream.plan.rate
            if rate is None:
                while stream.free:
                    self._begin(stream.free.popleft(), now)
                continue
            while stream.next <= now:
                stream.due.append(stream.next)
                stream.next += 1 / rate
        self._start_waiting()

    def _start_waiting(self) -> None:
        for stream in self._streams:
            while stream.due and stream.free:
                # The one used last: the server may be about to close one that was idle for long.
                self._begin(stream.free.pop(), stream.due.popleft())

    def _connect(self, stream: _StreamState) -> _Connection:
        connection = _Connection(stream, self._port)
        self._by_file[connection.socket.fileno()] = connection
        self._poll.register(connection.socket.fileno(), select.EPOLLIN)
        return connection

    def _begin(self, connection: _Connection, due: float) -> None:
        connection.due = due
        connection.stream.running += 1
        connection.left = connection.stream.request
        self._send(connection)
        if connection.left:
            self._poll.modify(connection.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _send(self, connection: _Connection) -> None:
        try:
            connection.left = connection.left[connection.socket.send(connection.left) :]
        except BlockingIOError:
            return
        except OSError:  # the server has closed: what it has sent is read first
            connection.left = connection.left[:0]

    def _handle(self, timeout: float) -> None:
        for file, event in self._poll.poll(timeout):
            connection = self._by_file[file]
            if event & select.EPOLLOUT:
                self._send(connection)
                if not connection.left:
                    self._poll.modify(file, select.EPOLLIN)
                    self._finish(connection)
            if event & ~select.EPOLLOUT:
                self._receive(connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._closed(connection)
            return
        connection.received += data
        self._finish(connection)

    def _finish(self, connection: _Connection) -> None:
        """Record a complete response; free the connection once its request is sent as well."""
        received = connection.received
        if not connection.needed:
            head = received.find(b"\r\n\r\n")
            if head < 0:
                return
            at = received.lower().find(_LENGTH, 0, head)
            connection.needed = (
                head + 4 + int(received[at + len(_LENGTH) : received.find(b"\r\n", at + 2)])
            )
        if len(received) < connection.needed:
            return
        if connection.due:
            self._record(connection, int(received[STATUS]))
        if not connection.left:
            connection.received, connection.needed = b"", 0
            connection.stream.free.append(connection)

    def _record(self, connection: _Connection, status: int) -> None:
        stream, now = connection.stream, perf_counter()
        stream.statuses.append(status)
        stream.latencies.append(now - connection.due)
        stream.ended.append(now)
        stream.running -= 1
        connection.due = 0.0

    def _closed(self, connection: _Connection) -> None:
        stream = connection.stream
        if connection.due:
            self._record(connection, 0)
        file = connection.socket.fileno()
        self._poll.unregister(file)
        del self._by_file[file]
        connection.socket.close()
        if connection in stream.free:
            stream.free.remove(connection)
        if perf_counter() < self._end:
            stream.free.append(self._connect(stream))
