"""Responses as HTTP/1.1 bytes."""

import http
from collections.abc import Iterable

from service.http.endpoints import Header
from service.http.error_responses import RawResponse

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode()
    for status in http.HTTPStatus
}


def encode_response(
    response: RawResponse, default_headers: Iterable[Header], *, close: bool, head: bool = False
) -> bytes:
    """Encode a response, the server's default headers first; to HEAD without the body."""
    status, headers, body = response
    lines = [_STATUS_LINES[status]]
    for name, value in default_headers:
        lines += (name, b": ", value, b"\r\n")
    for name, value in headers:
        lines += (name, b": ", value, b"\r\n")
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"content-length: %d\r\n\r\n" % len(body))
    if not head:
        lines.append(body)
    return b"".join(lines)


def encode_head(
    status: int, headers: Iterable[Header], default_headers: Iterable[Header], *, close: bool
) -> bytes:
    """Encode the status line and the headers of a response whose body follows in parts."""
    lines = [_STATUS_LINES[status]]
    for name, value in (*default_headers, *headers):
        if b"\r" in value or b"\n" in value:
            raise ValueError("a header value has a line break")
        lines += (name, b": ", value, b"\r\n")
    if close:
        lines.append(b"connection: close\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)
