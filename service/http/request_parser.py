"""Requests from the bytes of one connection: the parser, and the rules that it does not check."""

import logging
from typing import Any, NamedTuple, Protocol

import httptools

from service.http.cycles import MAX_DISCARDED_BYTES
from service.http.endpoints import LONGEST_NUMBER, Header, Headers
from service.http.framing import (
    MAX_HEAD_BYTES,
    METHODS,
    NOT_HTTP,
    FramingError,
    check_head,
    head_without_upgrade,
    unknown_method,
)

_log = logging.getLogger(__name__)


class Head(NamedTuple):
    """The head of a request; `headers` are its `fields` by name, the last of each."""

    method: bytes
    target: bytes
    version: str
    fields: list[Header]
    headers: Headers
    keep_alive: bool
    body_is_long: bool  # a refusal does not wait for the body: it is long, or the client waits


class Receiver(Protocol):
    """Takes the parts of requests as they arrive."""

    def request_begins(self) -> None:
        """Note the first byte of a request."""

    def head_arrived(self, head: Head) -> None:
        """Take the head of the request."""

    def body_arrived(self, body: bytes) -> None:
        """Take a part of its body."""

    def request_ends(self) -> None:
        """Note its last byte."""


class RequestParser:
    """Parses the bytes of one connection; `feed` raises `FramingError`."""

    __slots__ = ("_fields", "_head_bytes", "_head_complete", "_parser", "_receiver", "_target")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._target = b""
        self._fields: list[Header] = []
        self._head_bytes = 0  # received since the last complete head or part of a body
        self._head_complete = False
        self._parser = self._new_parser()

    def feed(self, data: bytes | memoryview) -> None:
        """Parse bytes; the receiver is called for what is complete."""
        self._head_bytes += len(data)
        while True:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = self._decline_upgrade(memoryview(data)[upgrade.args[0] :])
            except httptools.HttpParserInvalidMethodError:
                raise unknown_method(bytes(data)) from None
            except httptools.HttpParserCallbackError as error:
                raise _error_of_callback(error.__context__) from None
            except httptools.HttpParserError:
                raise FramingError(400, NOT_HTTP) from None
        if self._head_bytes > MAX_HEAD_BYTES:
            raise FramingError(431, f"headers: expected at most {MAX_HEAD_BYTES} bytes, found more")

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # Bytes after a request with `Connection: close` are ignored rather than rejected.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _decline_upgrade(self, rest: memoryview) -> bytes:
        """Return the bytes to parse instead: the head without its offer, and the rest."""
        method = self._parser.get_method()
        if method == b"CONNECT":  # a request to act as a proxy
            raise FramingError(405, "method: CONNECT is not supported", METHODS)
        version = self._parser.get_http_version().encode()
        self._parser = self._new_parser()
        return head_without_upgrade(method, self._target, version, self._fields) + bytes(rest)

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """Start a request."""
        self._target = b""
        self._fields = []
        self._head_complete = False
        self._receiver.request_begins()

    def on_url(self, url: bytes) -> None:
        """Store a part of the request target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header without trailing whitespace; ignore trailers."""
        if not self._head_complete:
            self._fields.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Check the head and pass it on."""
        self._head_bytes = 0
        parser = self._parser
        if parser.should_upgrade():
            return  # `_decline_upgrade` has this head parsed again
        self._head_complete = True
        version = parser.get_http_version()
        fields = self._fields
        headers = dict(fields)
        check_head(version, self._target, fields, headers)
        keep_alive = version == "1.1" and parser.should_keep_alive()
        long = b"expect" in headers or _length(headers) > MAX_DISCARDED_BYTES
        method = parser.get_method()
        self._receiver.head_arrived(
            Head(method, self._target, version, fields, headers, keep_alive, long)
        )

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._head_bytes = 0
        self._receiver.body_arrived(body)

    def on_message_complete(self) -> None:
        """End the request."""
        if not self._parser.should_upgrade():
            self._head_bytes = 0
            self._receiver.request_ends()


def _length(headers: Headers) -> int:
    text = headers.get(b"content-length", b"0")
    return int(text) if len(text) <= LONGEST_NUMBER else MAX_DISCARDED_BYTES + 1


def _error_of_callback(cause: BaseException | None) -> FramingError:
    if isinstance(cause, FramingError):
        return cause
    if isinstance(cause, httptools.HttpParserError):  # of the request target
        return FramingError(400, "target: malformed; expected a path")
    _log.error("a request could not be processed", exc_info=cause)
    return FramingError(500, "internal error; the server's log has the details")
