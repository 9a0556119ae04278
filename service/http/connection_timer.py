"""The deadlines of one connection: to send a request, to read a response, and to be idle."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.http.protocol import HttpProtocol

CHECKS = 4  # in the shortest deadline, which is exceeded by at most a quarter
STALLED_SECONDS = 1.0  # for which a stopping server waits for a client that does not read
# Time for a request that is on its way when the server stops, and on a connection without any.
GRACE_SECONDS = 0.1
FIRST_GRACE_SECONDS = 1.0


class ConnectionTimer:
    """Checks one connection's deadlines; one timer for all costs nothing per request."""

    __slots__ = (
        *("_check_seconds", "_handle", "_keep_alive_seconds", "_protocol", "_read_seconds"),
        *("_send_seconds", "_unsent", "_unsent_since", "idle_since", "request_began", "used"),
    )

    def __init__(self, protocol: "HttpProtocol", keep_alive_seconds: float) -> None:
        context = protocol.context
        self._protocol = protocol
        self._keep_alive_seconds = keep_alive_seconds
        self._read_seconds = context.request_read_seconds
        self._send_seconds = context.send_seconds
        shortest = min(keep_alive_seconds, self._read_seconds, self._send_seconds)
        self._check_seconds = shortest / CHECKS
        self._handle: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._unsent_since = 0.0
        self.idle_since: float | None = None
        self.request_began: float | None = None  # None unless a request is arriving
        self.used = False  # a request has arrived

    def start(self, now: float) -> None:
        """Start when the connection is made."""
        self.idle_since = now
        self._schedule(self._check_seconds)

    def stop(self) -> None:
        """Stop when the connection is lost."""
        if self._handle is not None:
            self._handle.cancel()

    def request_arrives(self, now: float) -> None:
        """Start the deadline of a request."""
        self.idle_since = None
        self.request_began = now

    def request_arrived(self) -> None:
        """End the deadline of a request."""
        self.request_began = None
        self.used = True

    def request_passed(self) -> None:
        """Note a request that arrived in one piece."""
        self.idle_since = None
        self.used = True

    def idle(self, now: float) -> None:
        """Start the deadline of an idle connection."""
        if self.request_began is None:
            self.idle_since = now

    def quiet_seconds(self, now: float) -> float:
        """Return for how long the server has waited for this client's next complete request."""
        since = self.idle_since if self.request_began is None else self.request_began
        return 0.0 if since is None else now - since

    def server_stops(self) -> None:
        """Close the connection soon, unless a request arrives or the client reads."""
        self.stop()
        self._send_seconds = min(self._send_seconds, STALLED_SECONDS)
        self._check_seconds = min(self._check_seconds, STALLED_SECONDS / CHECKS)
        self._handle = self._protocol.loop.call_later(
            GRACE_SECONDS if self.used else FIRST_GRACE_SECONDS, self._close_if_idle
        )

    def _close_if_idle(self) -> None:
        if self._protocol.idle and self.request_began is None:
            self._protocol.end()
        self._schedule(self._check_seconds)

    def _schedule(self, seconds: float) -> None:
        self._handle = self._protocol.loop.call_later(seconds, self._check)

    def _check(self) -> None:
        protocol, now = self._protocol, self._protocol.loop.time()
        self._note_progress(now)
        if self._unsent and now - self._unsent_since >= self._send_seconds:
            protocol.abort()
        elif self.request_began is not None and now - self.request_began >= self._read_seconds:
            protocol.reject_slow(f"request: incomplete after {self._read_seconds:g} s")
        elif self.idle_since is not None and now - self.idle_since >= self._keep_alive_seconds:
            protocol.end()
        self._schedule(self._check_seconds)

    def _note_progress(self, now: float) -> None:
        unsent = self._protocol.transport.get_write_buffer_size()
        if unsent < self._unsent or self._unsent == 0:
            self._unsent_since = now
        self._unsent = unsent
