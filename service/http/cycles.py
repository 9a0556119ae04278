"""Requests with one ready response each: inference on the direct path, and refusals.

A cycle is one request and its response. A connection begins its cycles one after another, in the
order of the requests; a body may arrive before its cycle begins.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from service.errors import BodyTooLargeError, QueueFullError
from service.http.body_limit import BodyLimit
from service.http.body_turns import LARGE_BYTES
from service.http.endpoints import Endpoint, Header, Headers
from service.http.error_responses import RawResponse
from service.http.request_handler import RequestHandler

if TYPE_CHECKING:
    from service.http.protocol import HttpProtocol

# A refused body up to here is read to its end, so that the connection can be used again.
MAX_DISCARDED_BYTES = 65_536


class Cycle:
    """One request and its response."""

    __slots__ = (
        *("protocol", "keep_alive", "head", "begun", "discarding", "awaits_turn", "more_headers"),
        *("request_complete", "response_started", "response_complete"),
    )

    def __init__(self, protocol: "HttpProtocol", *, keep_alive: bool, head: bool = False) -> None:
        self.protocol = protocol
        self.keep_alive = keep_alive
        self.head = head  # the method is HEAD
        self.more_headers: tuple[Header, ...] = ()  # of the response, for a page in a browser
        self.begun = False
        self.discarding = False  # the rest of the body is not used
        self.awaits_turn = False  # the body is not received yet
        self.request_complete = False
        self.response_started = False
        self.response_complete = False

    @property
    def default_headers(self) -> Iterable[Header]:
        """The headers that every response has, and those of this one for a page in a browser."""
        headers = self.protocol.server_state.default_headers
        return [*headers, *self.more_headers] if self.more_headers else headers

    def begin(self) -> None:
        """Start to respond: all earlier requests have their responses."""
        raise NotImplementedError

    def add_body(self, chunk: bytes) -> None:
        """Store a part of the body."""
        raise NotImplementedError

    def complete_request(self) -> None:
        """Note that the whole body has arrived."""
        raise NotImplementedError

    def refuse(self, error: Exception) -> None:
        """Respond with an error, and use no more of the body."""
        raise NotImplementedError

    def stop_reading(self) -> None:
        """Respond without waiting for the rest of a long body."""

    def disconnect(self) -> None:
        """Cancel the request: the client has disconnected."""


class RefusalCycle(Cycle):
    """A request that gets a fixed response."""

    __slots__ = ("_response",)

    def __init__(
        self, protocol: "HttpProtocol", response: RawResponse, *, keep_alive: bool, head: bool
    ) -> None:
        super().__init__(protocol, keep_alive=keep_alive, head=head)
        self._response = response
        self.discarding = True

    def begin(self) -> None:
        """Respond once the body has arrived, or at once if it is long."""
        self.begun = True
        if self.request_complete or self.protocol.body_is_long:
            self.stop_reading()

    def complete_request(self) -> None:
        """Respond."""
        self.request_complete = True
        if self.begun:
            self.stop_reading()

    def stop_reading(self) -> None:
        """Respond now; without the whole body, the response is the connection's last."""
        if self.begun and not self.response_complete:
            self.keep_alive = self.keep_alive and self.request_complete
            self.protocol.respond(self, self._response)


class InferenceCycle(Cycle):
    """One inference request on the direct path."""

    __slots__ = (
        *("_body", "_client", "_endpoint", "_engine", "_error", "_handler", "_headers", "_limit"),
        "_turn",
    )

    def __init__(
        self,
        protocol: "HttpProtocol",
        endpoint: Endpoint,
        headers: Headers,
        client: str,
        *,
        keep_alive: bool,
    ) -> None:
        super().__init__(protocol, keep_alive=keep_alive)
        context = protocol.context
        self._body: bytes | bytearray = b""
        self._client = client
        self._endpoint = endpoint
        self._engine = endpoint.model.engine
        self._error: Exception | None = None
        self._headers = headers
        self._limit = BodyLimit(context.max_body_bytes)
        self._handler = RequestHandler(context.policy, endpoint, headers, self._respond, client)
        self._turn: Callable[[], None] | None = None  # of a large body

    def begin(self) -> None:
        """Check the head: a full queue refuses before the body is received."""
        self.begun = True
        if self._error is None:
            try:
                self._engine.check_room(self._client)
                self._endpoint.check(self._headers)
                self._limit.check_announced(self._headers)
            except Exception as error:  # of any kind: the connection must go on
                self.refuse(error)
        if self.request_complete:
            self._submit()
        elif self._error is not None and self.protocol.body_is_long:
            self.stop_reading()
        elif int(self._headers.get(b"content-length", 0)) > LARGE_BYTES:
            self._await_turn()

    def add_body(self, chunk: bytes) -> None:
        """Store a part of the body, up to the limit."""
        try:
            self._limit.count(len(chunk))
        except BodyTooLargeError as error:
            self.refuse(error)
            self.stop_reading()
            return
        # One growing block for a body in parts: thousands of small ones fragment the heap.
        if not self._body:
            self._body = chunk
        elif isinstance(self._body, bytearray):
            self._body += chunk
        else:
            self._body = bytearray(self._body) + chunk

    def complete_request(self) -> None:
        """Submit the request to the model, or send the error found before."""
        self.request_complete = True
        self._end_turn()
        if self.begun:
            self._submit()

    def refuse(self, error: Exception) -> None:
        """Keep the error as the response; without a traceback, which would reference the cycle."""
        if self._error is None:
            self._error = error.with_traceback(None)
        self._body = b""
        self.discarding = True

    def stop_reading(self) -> None:
        """Send the error now; the connection closes, because its body has not arrived."""
        if self.begun and not self.response_complete and self._error is not None:
            self.keep_alive = False
            self._end_turn()
            self._handler.fail(self._error)

    def disconnect(self) -> None:
        """Drop the request; the memory of its body is freed at once."""
        self._body = b""
        self._end_turn()
        if self.begun and self.request_complete and not self.response_complete:
            self.response_complete = True
            self._handler.cancel()

    def _submit(self) -> None:
        if self.response_complete:
            return
        if isinstance(self._error, QueueFullError):
            self._engine.refuse(partial(self._handler.fail, self._error))
            return
        if self._error is not None:
            self._handler.fail(self._error)
            return
        body, self._body = self._body, b""
        self._handler.submit(body if isinstance(body, bytes) else bytes(body))

    def _await_turn(self) -> None:
        """Receive a large body when it is its client's turn."""
        self._turn = self._begin_turn
        self.awaits_turn = True
        protocol = self.protocol
        protocol.timer.request_arrived()  # it is the server that waits, not the client
        protocol.context.body_turns.take(protocol.loop, self._client, self._turn)
        protocol.update_reading()

    def _begin_turn(self) -> None:
        """Receive the body, unless there is no room for the request any more."""
        self.awaits_turn = False
        protocol = self.protocol
        if protocol.transport.is_closing() or self.request_complete:
            self._end_turn()
            return
        protocol.timer.request_arrives(protocol.loop.time())
        try:
            self._engine.check_room(self._client)
        except Exception as error:
            self.refuse(error)
            self.stop_reading()
        protocol.update_reading()

    def _end_turn(self) -> None:
        if self._turn is not None:
            turn, self._turn = self._turn, None
            protocol = self.protocol
            refused = self._error is not None
            protocol.context.body_turns.end(protocol.loop, turn, refused=refused)

    def _respond(self, response: RawResponse) -> None:
        if not self.response_complete:
            self.protocol.respond(self, response)


def no_memory_error() -> QueueFullError:
    """Return the error for a body that does not fit beside those that are arriving."""
    return QueueFullError(
        "body: expected room beside the bodies that other clients are sending, found none; retry "
        "later",
        retry_after=1,
    )
