"""Responses as HTTP/1.1 bytes."""

import http
from collections.abc import Iterable

from service.http.endpoints import Header
from service.http.error_responses import RawResponse

# Of each response that has none of its own. A browser that opens the response as a page must
# neither store it nor run, load or frame anything.
NO_STORE: Header = (b"cache-control", b"no-store")
PAGE_HEADERS: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
)

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}


def header_lines(headers: Iterable[Header]) -> bytes:
    """Encode headers, each with its CRLF."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


# Outputs are the most frequent responses and need no more.
_OUTPUT_LINES = header_lines([NO_STORE])
_OTHER_LINES = header_lines([NO_STORE, *PAGE_HEADERS])


class DefaultLines:
    """The header lines of all responses; uvicorn replaces their list each second, for the date."""

    def __init__(self) -> None:
        self._headers: list[Header] = []
        self._lines = b""

    def of(self, headers: list[Header]) -> bytes:
        """Return the lines of this list of headers, encoded once."""
        if headers is not self._headers:
            self._headers, self._lines = headers, header_lines(headers)
        return self._lines


def encode_response(
    response: RawResponse, default_lines: bytes, *, close: bool, head: bool = False
) -> bytes:
    """Encode outputs or an error, the server's default headers first; to HEAD without the body."""
    status, lines, body = response
    return b"%b%b%b%b%bcontent-length: %d\r\n\r\n%b" % (
        _STATUS_LINES[status],
        default_lines,
        _OUTPUT_LINES if status == 200 else _OTHER_LINES,
        lines,
        b"connection: close\r\n" if close else b"",
        len(body),
        b"" if head else body,
    )


def encode_head(
    status: int, headers: Iterable[Header], default_lines: bytes, *, close: bool
) -> bytes:
    """Encode the status line and the headers of a response whose body follows in parts."""
    headers = list(headers)
    names = {name.lower() for name, _ in headers}
    headers += [header for header in (NO_STORE, *PAGE_HEADERS) if header[0] not in names]
    if any(b"\r" in value or b"\n" in value for _, value in headers):
        raise ValueError("a header value has a line break")
    closing = b"connection: close\r\n" if close else b""
    lines = (_STATUS_LINES[status], default_lines, header_lines(headers), closing, b"\r\n")
    return b"".join(lines)
