"""Requests from the bytes of one connection: the parser, and the rules that it does not check.

A client sends the same head with each request on a connection, but for the length of the body. So
the last head is kept, and compared instead of parsed.
"""

import logging
import re
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
    content_length,
    head_without_upgrade,
    unknown_method,
)
from service.http.root_path import RootPath

_log = logging.getLogger(__name__)


MAX_KNOWN_BYTES = 4096  # of a head that is kept for the next request

NO_PREFIX = RootPath(None)

_CONTENT_LENGTH = b"content-length"
_LENGTH_LINE = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})\r\n", re.IGNORECASE)


class Head(NamedTuple):
    """The head of a request; `headers` are its `fields` by name, the last of each.

    `length` is that of the body, 0 if it is chunked or not announced. Heads that differ in it only
    are of one `family`.
    """

    method: bytes
    target: bytes
    version: str
    fields: list[Header]
    headers: Headers
    keep_alive: bool
    body_is_long: bool  # a refusal does not wait for the body: it is long, or the client waits
    length: int
    family: object

    def with_length(self, digits: bytes) -> "Head":
        """Return a head that differs in the length of the body only."""
        fields = [
            (name, digits if name == _CONTENT_LENGTH else value) for name, value in self.fields
        ]
        headers = {**self.headers, _CONTENT_LENGTH: digits}
        length = int(digits)
        return self._replace(
            fields=fields, headers=headers, body_is_long=length > MAX_DISCARDED_BYTES, length=length
        )


class KnownHead(NamedTuple):
    """A head as it arrived, without the digits of its Content-Length."""

    before: bytes
    digits: bytes
    after: bytes
    head: Head


def known_head(data: bytes | memoryview, head: Head) -> KnownHead | None:
    """Return the head at the start of `data` as it arrived, None if it is long or has no length."""
    text = bytes(data[:MAX_KNOWN_BYTES])
    end = text.find(b"\r\n\r\n") + 2
    line = _LENGTH_LINE.search(text, 0, end)
    if line is None or int(line[1]) != head.length:
        return None
    return KnownHead(text[: line.start(1)], line[1], text[line.end(1) : end + 2], head)


class RequestReceiver(Protocol):
    """Takes the parts of requests as they arrive."""

    def request_arrived(self, head: Head, body: bytes) -> None:
        """Take a request that arrived in one piece."""

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

    __slots__ = (
        *("_between", "_fields", "_first", "_head_bytes", "_head_complete", "_heads", "_known"),
        *("_missing", "_parser", "_receiver", "_root_path", "_target"),
    )

    def __init__(self, receiver: RequestReceiver, root_path: RootPath = NO_PREFIX) -> None:
        """Pass requests to `receiver`, their targets without the prefix `root_path`."""
        self._receiver = receiver
        self._root_path = root_path
        self._target = b""
        self._fields: list[Header] = []
        self._head_bytes = 0  # received since the last complete head or part of a body
        self._head_complete = False
        self._between = True  # the parser has seen no byte of the next request
        self._known: KnownHead | None = None
        self._missing = 0  # bytes of a body behind a known head
        self._heads = 0  # in the bytes that are parsed
        self._first: Head | None = None  # of them, if it can be kept for the next request
        self._parser = self._new_parser()

    def feed(self, data: bytes | memoryview) -> None:
        """Parse bytes; the receiver is called for what is complete."""
        if self._missing:
            self._pass_body(data)
            return
        received, between = data, self._between
        self._first, self._heads = None, 0
        self._parse(data)
        if between and self._heads == 1 and self._first is not None:
            self._known = known_head(received, self._first)

    def feed_known(self, data: bytes) -> bool:
        """Process the next bytes if they need not be parsed; else return False.

        They are a request with the head of the last one, or a part of its body.
        """
        if self._missing:
            if len(data) > self._missing:
                return False
            self._pass_body(data)
            return True
        return self._known is not None and self._between and self._recognize(self._known, data)

    def _recognize(self, known: KnownHead, data: bytes) -> bool:
        before, digits, after, head = known
        if not data.startswith(before):
            return False
        stop = data.find(b"\r", len(before))
        found = data[len(before) : stop]
        if not data.startswith(after, stop):
            return False
        if found != digits:
            if not found.isdigit() or len(found) > LONGEST_NUMBER:
                return False
            head = head.with_length(found)
            self._known = KnownHead(before, found, after, head)
        start = stop + len(after)
        missing = head.length - len(data) + start
        if missing < 0:  # the next request is behind it
            return False
        self._head_bytes = 0  # as `on_headers_complete` does
        receiver = self._receiver
        try:
            if not missing:
                receiver.request_arrived(head, data[start:])
                return True
            receiver.request_begins()
            receiver.head_arrived(head)
            if missing < head.length:
                receiver.body_arrived(data[start:])
            self._missing = missing
        except Exception as error:
            raise _error_of_callback(error) from None
        return True

    def _pass_body(self, data: bytes | memoryview) -> None:
        """Pass a part of the body of a request with a known head on."""
        rest = data[self._missing :]
        part = data if not rest else data[: self._missing]
        self._missing -= len(part)
        try:
            self._receiver.body_arrived(part if isinstance(part, bytes) else bytes(part))
            if not self._missing:
                self._receiver.request_ends()
        except Exception as error:
            raise _error_of_callback(error) from None
        if rest:
            self._head_bytes = -len(rest)  # bytes behind a body do not count, as in `on_body`
            self.feed(rest)

    def _parse(self, data: bytes | memoryview) -> None:
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
        self._heads += 1  # what is parsed next did not arrive like this
        return head_without_upgrade(method, self._target, version, self._fields) + bytes(rest)

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """Start a request."""
        self._between = False
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
        length = content_length(headers)
        long = b"expect" in headers or length > MAX_DISCARDED_BYTES
        method = parser.get_method()
        target = self._root_path.strip(self._target)
        head = Head(*(method, target, version, fields, headers, keep_alive, long, length), object())
        self._receiver.head_arrived(head)
        self._heads += 1
        if keep_alive and method == b"POST" and b"expect" not in headers:
            self._first = head

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._head_bytes = 0
        self._receiver.body_arrived(body)

    def on_message_complete(self) -> None:
        """End the request."""
        if not self._parser.should_upgrade():
            self._head_bytes = 0
            # After the last request of a connection, the parser ignores what it receives.
            self._between = self._parser.should_keep_alive()
            self._receiver.request_ends()


def _error_of_callback(cause: BaseException | None) -> FramingError:
    if isinstance(cause, FramingError):
        return cause
    if isinstance(cause, httptools.HttpParserError):  # of the request target
        return FramingError(400, "target: malformed; expected a path")
    _log.error("a request could not be processed", exc_info=cause)
    return FramingError(500, "internal error; the server's log has the details")
