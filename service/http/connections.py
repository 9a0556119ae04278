"""What a worker does when its connections, or the bodies that arrive on them, become too many.

A client that is slow to send gives way to the others.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.http.protocol import HttpProtocol

SPARE_CONNECTIONS = 64  # above the limit, for health
PATIENCE_SECONDS = 1.0  # for which no client counts as slow
SEARCH_SECONDS = 0.1  # between two searches for a quiet connection that found none

# Refused bodies are read slowly, so that reading them does not make the loop late for the others.
DISCARDED_BYTES_PER_SECOND = 64 << 20
DISCARDED_BYTES_AT_ONCE = 4 << 20

HEALTH_PATHS = frozenset({b"/v2/health/live", b"/v2/health/ready"})


class Connections:
    """The open connections of a worker, and the choice of those that give way."""

    def __init__(self, limit: int, health_paths: Iterable[bytes] = ()) -> None:
        """Serve `limit` connections, and a few more that may only request health."""
        self.health_paths = HEALTH_PATHS.union(health_paths)
        self._limit = limit
        self._open: set[HttpProtocol] = set()
        self._searched_at = -SEARCH_SECONDS
        self._discardable = DISCARDED_BYTES_AT_ONCE
        self._discarded_at = 0.0

    def add(self, connection: "HttpProtocol") -> None:
        """Add a connection that was made."""
        self._open.add(connection)

    def discard(self, connection: "HttpProtocol") -> None:
        """Remove a connection that was lost."""
        self._open.discard(connection)

    @property
    def too_many(self) -> bool:
        """Whether the limit is exceeded."""
        return len(self._open) > self._limit

    @property
    def far_too_many(self) -> bool:
        """Whether not even a request for health can be served."""
        return len(self._open) > self._limit + SPARE_CONNECTIONS

    def make_room(self, new: "HttpProtocol", now: float) -> bool:
        """Close the connection that has been quiet longest; False if none has been for long."""
        if now - self._searched_at < SEARCH_SECONDS:
            return False
        quiet = [
            (other.timer.quiet_seconds(now), id(other), other)
            for other in self._open
            if not other.ended
        ]
        seconds, _, other = max(quiet, default=(0.0, 0, new))
        if other is new or seconds < PATIENCE_SECONDS:
            self._searched_at = now
            return False
        if other.transport.get_write_buffer_size():  # closing would wait for the client
            other.abort()
        elif other.timer.request_began is None:
            other.end()
        else:
            other.reject_slow("request: incomplete, and the server has too many connections")
        return True

    def drop_slower_body(self, new: "HttpProtocol", now: float) -> bool:
        """Drop the slowest body that is arriving, if it is slower than that of `new`."""
        own = _rate(new, now)
        slower = [
            (rate, id(other), other)
            for other in self._open
            if other is not new and other.body_bytes and (rate := _rate(other, now)) < own
        ]
        if not slower:
            return False
        min(slower)[2].drop_body()
        return True

    def drop_unread(self) -> None:
        """Close the connection whose client leaves the most bytes unread."""
        most = max(self._open, key=lambda connection: connection.flow.unread_bytes)
        most.abort()

    def may_discard(self, size: int, now: float) -> bool:
        """Count bytes of a refused body; False if its connection must pause."""
        refill = int((now - self._discarded_at) * DISCARDED_BYTES_PER_SECOND)
        self._discardable = min(self._discardable + refill, DISCARDED_BYTES_AT_ONCE) - size
        self._discarded_at = now
        return self._discardable > 0

    def abort(self) -> None:
        """Close all connections at once: the server ends."""
        for connection in list(self._open):
            connection.abort()


def _rate(connection: "HttpProtocol", now: float) -> float:
    """Return the rate at which a body arrives, in bytes per second; infinite for a new one."""
    seconds = connection.timer.quiet_seconds(now)
    return float("inf") if seconds < PATIENCE_SECONDS else connection.body_bytes / seconds
