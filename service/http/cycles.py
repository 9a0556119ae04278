"""Requests with one ready response each: inference on the direct path, and refusals.

A cycle is one request and its response. A connection begins its cycles one after another, in the
order of the requests; a body may arrive before its cycle begins.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from service.errors import QueueFullError
from service.http.body_limit import body_too_large
from service.http.body_turns import LARGE_BYTES
from service.http.endpoints import Endpoint
from service.http.error_responses import RawResponse
from service.http.request_handler import RequestHandler

if TYPE_CHECKING:
    from service.http.protocol import HttpProtocol
    from service.http.request_parser import Head

# A refused body up to here is read to its end, so that the connection can be used again.
MAX_DISCARDED_BYTES = 65_536
MAX_CHUNKS = 32  # parts of a body that are kept as they arrived


class Cycle:
    """One request and its response; it has no slots, since most attributes keep their defaults."""

    head = False  # the method is HEAD
    more_lines = b""  # header lines of the response, for a page in a browser
    begun = False
    discarding = False  # the rest of the body is not used
    awaits_turn = False  # the body is not received yet
    request_complete = False
    response_started = False
    response_complete = False

    def __init__(self, protocol: "HttpProtocol", *, keep_alive: bool) -> None:
        self.protocol = protocol
        self.keep_alive = keep_alive

    def begin(self) -> None:
        """Start to respond: all earlier requests have their responses."""
        raise NotImplementedError

    def process(self, body: bytes) -> None:
        """Process a request that arrived in one piece and whose turn it is."""
        self.begin()
        if not self.discarding:
            self.add_body(body)
        self.complete_request()

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

    def __init__(
        self, protocol: "HttpProtocol", response: RawResponse, *, keep_alive: bool, head: bool
    ) -> None:
        super().__init__(protocol, keep_alive=keep_alive)
        self.head = head
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


class HeadDecision(NamedTuple):
    """The caller and header lines of a request, which also hold for heads of the same `family`.

    `family` is None before the head has been checked.
    """

    family: object | None
    client: str
    more_lines: bytes = b""


class InferenceCycle(Cycle, RequestHandler):
    """One inference request on the direct path; one object, because each costs time."""

    _error: Exception | None = None
    _turn: Callable[[], None] | None = None  # of a large body
    _received = 0  # bytes of the body
    _chunks: list[bytes | bytearray] | None = None

    def __init__(
        self, protocol: "HttpProtocol", endpoint: Endpoint, head: "Head", decision: HeadDecision
    ) -> None:
        Cycle.__init__(self, protocol, keep_alive=head.keep_alive)
        self._head = head
        self._decision = decision
        self.more_lines = decision.more_lines
        policy = protocol.context.policy
        RequestHandler.__init__(self, policy, endpoint, head.headers, decision.client)

    def process(self, body: bytes) -> None:
        """Process a request that arrived in one piece."""
        self.begun = self.request_complete = True
        try:
            self._check_head()
        except Exception as error:  # of any kind: the connection must go on
            self.refuse(error)
            self._submit()
        else:
            self.submit(body)

    def begin(self) -> None:
        """Check the head: a full queue refuses before the body is received."""
        self.begun = True
        if self._error is None:
            try:
                self._check_head()
            except Exception as error:  # of any kind: the connection must go on
                self.refuse(error)
        if self.request_complete:
            self._submit()
        elif self._error is not None and self.protocol.body_is_long:
            self.stop_reading()
        elif self._head.length > LARGE_BYTES:
            self._await_turn()

    def _check_head(self) -> None:
        decision, head, protocol = self._decision, self._head, self.protocol
        self._endpoint.model.engine.check_room(decision.client)
        if decision.family is None:
            self._endpoint.check(head.headers)
            protocol.decision = HeadDecision(head.family, decision.client, self.more_lines)
        max_bytes = protocol.context.max_body_bytes
        if head.length > max_bytes:
            raise body_too_large(max_bytes)

    def add_body(self, chunk: bytes) -> None:
        """Store a part of the body, up to the limit."""
        self._received += len(chunk)
        max_bytes = self.protocol.context.max_body_bytes
        if self._received > max_bytes:
            self.refuse(body_too_large(max_bytes))
            self.stop_reading()
            return
        # Many small parts become one growing block: as thousands they would fragment the heap.
        chunks = self._chunks
        if chunks is None:
            self._chunks = [chunk]
        elif len(chunks) < MAX_CHUNKS:
            chunks.append(chunk)
        elif isinstance(chunks[-1], bytearray):
            chunks[-1] += chunk
        else:
            chunks.append(bytearray(chunk))

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
        self._chunks = None
        self.discarding = True

    def stop_reading(self) -> None:
        """Send the error now; the connection closes, because its body has not arrived."""
        if self.begun and not self.response_complete and self._error is not None:
            self.keep_alive = False
            self._end_turn()
            self.fail(self._error)

    def disconnect(self) -> None:
        """Drop the request; the memory of its body is freed at once."""
        self._chunks = None
        self._end_turn()
        if self.begun and self.request_complete and not self.response_complete:
            self.response_complete = True
            self.cancel()

    def _submit(self) -> None:
        if self.response_complete:
            return
        if isinstance(self._error, QueueFullError):
            self._endpoint.model.engine.refuse(partial(self.fail, self._error))
            return
        if self._error is not None:
            self.fail(self._error)
            return
        chunks, self._chunks = self._chunks, None
        self.submit(b"".join(chunks or ()))

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
            self._endpoint.model.engine.check_room(self._client)
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

    def respond(self, response: RawResponse) -> None:
        """Send the response on the connection, unless one was sent or the client has gone."""
        if not self.response_complete:
            self.protocol.respond(self, response)


def no_memory_error() -> QueueFullError:
    """Return the error for a body that does not fit beside those that are arriving."""
    return QueueFullError(
        "body: expected room beside the bodies that other clients are sending, found none; retry "
        "later",
        retry_after=1,
    )
