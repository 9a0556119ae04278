"""A transport in memory: the requests and responses of a connection stay in the process."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any


class MemoryTransport(asyncio.Transport):
    """Delivers requests to a protocol; `responded` is called with each response.

    A response is what the protocol writes at once: the direct path writes a response in one call.
    """

    def __init__(self, protocol: asyncio.Protocol, responded: Callable[[bytes], None]) -> None:
        super().__init__()
        self._protocol = protocol
        self._responded = responded
        self._undelivered: deque[bytes] = deque()
        self._paused = False
        self._socket = socket.socket()  # the protocol sets its options
        protocol.connection_made(self)

    def deliver(self, parts: Sequence[bytes]) -> None:
        """Let the protocol receive a request in these parts, as far as it reads."""
        self._undelivered.extend(parts)
        self._continue()

    def _continue(self) -> None:
        while self._undelivered and not self._paused:
            self._protocol.data_received(self._undelivered.popleft())

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Pass a response on."""
        self._responded(bytes(data))  # of bytes, this is no copy

    def pause_reading(self) -> None:
        """Deliver no more."""
        self._paused = True

    def resume_reading(self) -> None:
        """Deliver again, once the protocol has returned."""
        self._paused = False
        asyncio.get_running_loop().call_soon(self._continue)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return an unconnected socket, and an address of the loopback as the client's."""
        return {"socket": self._socket, "peername": ("127.0.0.1", 1)}.get(name, default)

    def get_write_buffer_size(self) -> int:
        """Return 0: what is written is gone."""
        return 0

    def can_write_eof(self) -> bool:
        """Return False: nothing is sent to a client."""
        return False

    def is_closing(self) -> bool:
        """Return whether the connection was closed."""
        return self._socket.fileno() < 0

    def close(self) -> None:
        """Close the connection."""
        if not self.is_closing():
            self._socket.close()
            self._protocol.connection_lost(None)

    def abort(self) -> None:
        """Close the connection."""
        self.close()
