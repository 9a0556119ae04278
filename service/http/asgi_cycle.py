"""Requests that the application answers, over ASGI."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.types import Message

from service.http.cycles import Cycle
from service.http.endpoints import Header
from service.http.error_responses import response_to
from service.http.response_encoding import encode_head

if TYPE_CHECKING:
    from service.http.protocol import HttpProtocol

BUFFERED_BYTES = 65_536  # of a body that the application has not received; then reading pauses

_log = logging.getLogger(__name__)


class AsgiCycle(Cycle):
    """One request that the application answers in a task."""

    def __init__(
        self, protocol: "HttpProtocol", scope: dict[str, Any], *, keep_alive: bool, expects: bool
    ) -> None:
        """Begin with `begin`; a client that `expects` it gets 100 before its body is received."""
        super().__init__(protocol, keep_alive=keep_alive)
        self.head = scope["method"] == "HEAD"
        self._scope = scope
        self._expects = expects
        self._body = bytearray()
        self._arrived = asyncio.Event()
        self._error: Exception | None = None
        self._gone = False
        self._task: asyncio.Task[None] | None = None
        self._delivered = False  # the application has received the whole body
        self._start: Message | None = None  # of the response, sent with its first part
        self._chunked = False
        self._unsent = 0  # bytes of the body that Content-Length announces and that are not sent

    @property
    def buffered(self) -> int:
        """The number of bytes that the application has not received and may still use."""
        return 0 if self.discarding else len(self._body)

    def begin(self) -> None:
        """Start the application's task."""
        self.begun = True
        protocol = self.protocol
        self._task = protocol.loop.create_task(self._run())
        tasks = protocol.server_state.tasks  # a stopping server waits for them
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)

    def add_body(self, chunk: bytes) -> None:
        """Store a part of the body until the application receives it."""
        self._body += chunk
        self._arrived.set()
        if len(self._body) > BUFFERED_BYTES:
            self.protocol.flow.pause_reading()

    def complete_request(self) -> None:
        """Tell the application that the body is complete."""
        self.request_complete = True
        self._arrived.set()

    def refuse(self, error: Exception) -> None:
        """Raise the error in the application when it receives the body."""
        if self._error is None:
            self._error = error.with_traceback(None)
        self._body.clear()
        self.discarding = True
        self._arrived.set()

    def disconnect(self) -> None:
        """Tell the application that the client has disconnected."""
        self._gone = True
        self._body.clear()
        self._arrived.set()

    async def _run(self) -> None:
        try:
            await self.protocol.app(self._scope, self._receive, self._send)
        except asyncio.CancelledError:  # the server ends before the response
            self.protocol.abort()
        except Exception as error:
            _log.error("the response to a request failed", exc_info=error)
            self._fail(error)
        else:
            if not self.response_complete and not self._gone:  # cut off on purpose
                self.protocol.abort()

    def _fail(self, error: Exception) -> None:
        if self._gone or self.response_complete:
            return
        if self.response_started:
            self.protocol.abort()
        else:
            self.keep_alive = False
            self.protocol.respond(self, response_to(error))

    async def _receive(self) -> Message:
        if self._expects and not self._gone and self._error is None:
            self._expects = False
            self.protocol.flow.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (ended := self._gone or self.response_complete) and not self._has_news:
            self._arrived.clear()
            await self._arrived.wait()
        if ended:
            return {"type": "http.disconnect"}
        if self._error is not None:
            raise self._error
        body, self._body = bytes(self._body), bytearray()
        self.protocol.update_reading()
        self._delivered = self.request_complete
        return {"type": "http.request", "body": body, "more_body": not self._delivered}

    @property
    def _has_news(self) -> bool:
        if self._delivered:
            return False
        return self.request_complete or self._error is not None or len(self._body) > 0

    async def _send(self, message: Message) -> None:
        await self.protocol.flow.wait_until_writable()
        if self._gone or self.response_complete:
            return
        if message["type"] == "http.response.start":
            self._start = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        content = [] if self.response_started else [self._head()]
        self.response_started = True
        if not self.head:
            content += self._encode(body, more)
        self.protocol.flow.write(b"".join(content))
        if not more:
            self.protocol.response_ended(self)
            self._arrived.set()

    def _head(self) -> bytes:
        assert self._start is not None
        headers: list[Header] = list(self._start.get("headers", []))
        names = {name.lower(): value for name, value in headers}
        if b"close" in names.get(b"connection", b"").lower():
            self.keep_alive = False
        if not self.request_complete and (self._expects or self.protocol.body_is_long):
            self.keep_alive = False  # what comes next may be the body, or a request
        length = names.get(b"content-length")
        if length is not None:
            self._unsent = int(length)
        elif not self.head and self._start["status"] not in (204, 304):
            self._chunked = True
            headers.append((b"transfer-encoding", b"chunked"))
        close = self.protocol.closes_after(self) and b"connection" not in names
        lines = self.protocol.default_lines + self.more_lines
        return encode_head(self._start["status"], headers, lines, close=close)

    def _encode(self, body: bytes, more: bool) -> list[bytes]:
        if not self._chunked:
            self._unsent -= len(body)
            if self._unsent < 0 or (self._unsent and not more):
                raise RuntimeError("the length of the response differs from its Content-Length")
            return [body]
        parts = [b"%x\r\n" % len(body), body, b"\r\n"] if body else []
        return parts if more else [*parts, b"0\r\n\r\n"]
