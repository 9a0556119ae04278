"""Rules for a request's head that the parser does not check; a breach closes the connection.

Two servers that read one head differently let a client smuggle a request past the first of them, so
every head that is open to two readings is rejected (RFC 9112, section 11.2).
"""

import re
import sys
from http import HTTPMethod
from typing import Final

from service.http.endpoints import LONGEST_NUMBER, Header, Headers

MAX_HEAD_BYTES: Final = 65_536  # of a request line with its headers, or of trailers
MAX_TARGET_BYTES: Final = 8192
MAX_HEADERS: Final = 100

METHODS: Final = {"Allow": "GET, HEAD, POST"}  # of the server as a whole
NOT_HTTP: Final = "request: malformed; expected HTTP/1.1"

_HOST = re.compile(rb"(?:[\w.~%-]+|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?", re.ASCII)
_VERSIONS = ("1.1", "1.0")
# A proxy may use the first of two fields and this server the last.
_SINGLE = (
    *(b"host", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding"),
    *(b"inference-header-content-length", b"authorization", b"x-request-id", b"x-deadline-ms"),
    *(b"x-api-key", b"origin", b"sec-fetch-site"),
)
_UPGRADE_HEADERS = (b"upgrade", b"http2-settings")
_METHOD_LINE = re.compile(rb"([A-Z][A-Z-]{1,30}) [!-~]+ HTTP/1\.[01]\r\n")


class FramingError(Exception):
    """The bytes are no request that this server reads; the response is the connection's last."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


def content_length(headers: Headers) -> int:
    """Return the announced length of the body, 0 if there is none."""
    text = headers.get(b"content-length", b"0")
    return int(text) if len(text) <= LONGEST_NUMBER else sys.maxsize


def check_head(version: str, target: bytes, fields: list[Header], headers: Headers) -> None:
    """Raise `FramingError` for a head that breaks a rule; `headers` are `fields` by name."""
    if version not in _VERSIONS:
        raise FramingError(505, "request: expected HTTP/1.1 or HTTP/1.0, found another version")
    if len(target) > MAX_TARGET_BYTES:
        raise FramingError(414, f"target: expected at most {MAX_TARGET_BYTES} bytes, found more")
    if len(fields) > MAX_HEADERS:
        raise FramingError(431, f"headers: expected at most {MAX_HEADERS}, found more")
    if len(headers) != len(fields):
        _check_repeated([name for name, _ in fields])
    host = headers.get(b"host")
    if host is None:
        if version == "1.1":
            raise FramingError(400, "Host: expected one, found none")
    elif _HOST.fullmatch(host) is None:
        raise FramingError(400, "Host: expected a host name with an optional port")
    if b"transfer-encoding" in headers:
        _check_transfer_encoding(version, headers)


def _check_repeated(names: list[bytes]) -> None:
    for name in _SINGLE:
        if names.count(name) > 1:
            raise FramingError(400, f"{name.decode().title()}: expected one, found several")


def _check_transfer_encoding(version: str, headers: Headers) -> None:
    if version == "1.0":
        raise FramingError(400, "Transfer-Encoding: expected none in HTTP/1.0")
    if b"content-length" in headers:
        raise FramingError(400, "Content-Length: expected none beside Transfer-Encoding")
    if headers[b"transfer-encoding"].lower() != b"chunked":
        raise FramingError(501, "Transfer-Encoding: expected chunked, found another coding")


def unknown_method(received: bytes) -> FramingError:
    """Return the error for a method that the parser does not know, or for bytes without one."""
    line = _METHOD_LINE.match(received)
    if line is not None and line[1].decode() not in set(HTTPMethod):  # else it was read before
        return FramingError(501, "method: expected GET, HEAD or POST, found another", METHODS)
    return FramingError(400, NOT_HTTP)


def head_without_upgrade(
    method: bytes, target: bytes, version: bytes, fields: list[Header]
) -> bytes:
    """Encode a head again without its offer of an upgrade: Java's client offers HTTP/2.

    Otherwise the parser treats a request that offers an upgrade as one without a body.
    """
    lines = [b"%b %b HTTP/%b" % (method, target, version)]
    for name, value in fields:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in _UPGRADE_HEADERS)
        if name not in _UPGRADE_HEADERS:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
