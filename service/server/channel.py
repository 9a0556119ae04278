"""Messages between the supervisor and a worker, over a pair of sockets.

A message is a line of JSON, followed by the bytes of artifacts if it carries any. Sending never
waits: what a stopped process does not read stays in the sender's memory.
"""

import asyncio
import json
import socket
from typing import Any, NamedTuple

MAX_LINE_BYTES = 1 << 24  # of JSON: an index of thousands of models
SIZE = "size"  # the member with the number of bytes that follow the line


class Message(NamedTuple):
    """One message: what it is about, its members, and the bytes that it carries."""

    kind: str
    members: dict[str, Any]
    content: bytes


class ChannelClosedError(ConnectionError):
    """The process at the other end has closed the channel or has ended."""


class Channel:
    """One end of the pair, for one event loop; `received` is the number of messages so far."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = 0
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> "Channel":
        """Use one end of `socket.socketpair()`."""
        if end.family == getattr(socket, "AF_UNIX", None):
            streams = await asyncio.open_unix_connection(sock=end, limit=MAX_LINE_BYTES)
        else:  # on Windows
            streams = await asyncio.open_connection(sock=end, limit=MAX_LINE_BYTES)
        return cls(*streams)

    def send(self, kind: str, content: bytes = b"", **members: Any) -> None:
        """Send a message; nothing happens if the other end is closed."""
        if not self._writer.is_closing():
            line = json.dumps({"kind": kind, **members, SIZE: len(content)})
            self._writer.write(line.encode() + b"\n" + content)

    async def receive(self) -> Message:
        """Wait for the next message; raise `ChannelClosedError` if there is none to come."""
        try:
            members = json.loads(await self._reader.readuntil(b"\n"))
            content = await self._reader.readexactly(members.pop(SIZE))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise ChannelClosedError from error
        self.received += 1
        return Message(members.pop("kind"), members, content)

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
