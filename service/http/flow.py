"""How much a connection receives and holds: its pauses, and its bytes in the budget."""

import asyncio
import socket
import sys
from contextlib import suppress

from service.http.byte_budget import ByteBudget

# The system's buffer of each connection in each direction. By default it grows to megabytes, which
# count as the container's memory; reading them from many connections makes the loop late.
SOCKET_BUFFER_BYTES = 131_072
# Options of Linux that make the kernel drop segments with fewer hops left, by the family of the
# socket: IP_MINTTL and IPV6_MINHOPCOUNT. Hosts begin with 64 or 128, and hardly any with the most.
_LEAST_HOPS = {
    socket.AF_INET: (socket.IPPROTO_IP, 21),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 73),
}
MOST_HOPS = 255
LINGER_SECONDS = 2.0  # time for a client to read a last response while it still sends
SHORT_PAUSE_SECONDS = 0.1  # of a connection whose refused body arrives too fast


class Flow:
    """Flow control of one connection."""

    __slots__ = (
        *("_budget", "_linger", "_loop", "_transport", "_writable"),
        *("held", "read_paused", "unread", "unread_bytes"),
    )

    def __init__(
        self, transport: asyncio.Transport, budget: ByteBudget, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._budget = budget
        self._linger: asyncio.TimerHandle | None = None
        self._loop = loop
        self._transport = transport
        self._writable = asyncio.Event()
        self._writable.set()
        self.held = 0  # bytes of bodies
        self.read_paused = False
        self.unread = False  # the client does not read
        self.unread_bytes = 0  # of responses, when that began
        connection = transport.get_extra_info("socket")
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            connection.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
        set_least_hops(connection, 0)  # the listener of a stopping server has the most

    def take(self, size: int) -> bool:
        """Count bytes of a body; False if the budget has no room for them."""
        if not self._budget.take(size, self.held):
            return False
        self.held += size
        return True

    def release(self) -> None:
        """Give the bytes of bodies back to the budget."""
        self._budget.used -= self.held
        self.held = 0

    def pause_reading(self) -> None:
        """Receive nothing."""
        if not self.read_paused and not self._transport.is_closing():
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Receive again."""
        if self.read_paused and not self._transport.is_closing():
            self.read_paused = False
            self._transport.resume_reading()

    def pause_shortly(self) -> None:
        """Receive nothing for a moment."""
        self.pause_reading()
        self._loop.call_later(SHORT_PAUSE_SECONDS, self.resume_reading)

    def end(self, *, linger: bool) -> None:
        """Close the connection; `linger` if the client may still send.

        Closing at once would then reset the connection before the client reads the response.
        """
        if linger and self._transport.can_write_eof():
            self._transport.write_eof()
            self.resume_reading()
            self._linger = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()

    def write(self, data: bytes) -> None:
        """Send bytes, unless the connection is closing."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        """Count what the client has not read; receive nothing until it has."""
        self.unread = True
        self._writable.clear()
        self.unread_bytes = self._transport.get_write_buffer_size()
        self._budget.add(self.unread_bytes)
        self.pause_reading()

    def resume_writing(self) -> None:
        """Let those who wait write again."""
        self.unread = False
        self._writable.set()
        self._budget.give(self.unread_bytes)
        self.unread_bytes = 0

    async def wait_until_writable(self) -> None:
        """Wait for the client to read, or to disconnect."""
        if self.unread:
            await self._writable.wait()

    def close(self) -> None:
        """Release everything: the connection is lost."""
        if self._linger is not None:
            self._linger.cancel()
        self.release()
        self.resume_writing()


def set_least_hops(end: socket.socket, hops: int) -> None:
    """Receive only segments with so many hops left; the most are those of hardly any sender."""
    if sys.platform == "linux" and end.family in _LEAST_HOPS:
        with suppress(OSError):  # a sandbox may lack it
            end.setsockopt(*_LEAST_HOPS[end.family], hops)
