"""An HTTP client on a raw socket that reports how far each request came, and never sends twice."""

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

HOST = "127.0.0.1"
JSON = {"Content-Type": "application/json"}
RESPONSE_SECONDS = 30


class LostError(Exception):
    """A request got no response: `sent` says whether all of it was written."""

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.sent = sent


@dataclass(frozen=True)
class Response:
    """A complete response; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether the server closes the connection after this response."""
        return self.headers.get("connection", "").lower() == "close"


def encode_request(
    method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = JSON
) -> bytes:
    """Encode an HTTP/1.1 request with its length."""
    fields = {"Host": HOST, **headers}
    if body or method == "POST":
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One connection to the server on the loopback interface."""

    def __init__(
        self, port: int, *, timeout: float = RESPONSE_SECONDS, buffer: int = 0, source: str = HOST
    ) -> None:
        """Connect from the address `source`; `buffer` bounds what is received unread, in bytes."""
        self.socket = socket.socket()
        self.socket.bind((source, 0))
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect((HOST, port))
        except OSError as error:
            self.socket.close()
            raise LostError(f"connect: {type(error).__name__}", sent=False) from error
        # On a port without a listener, a socket may get that port as its own and reach itself.
        if self.socket.getsockname() == self.socket.getpeername():
            self.socket.close()
            raise LostError("connect: ConnectionRefusedError", sent=False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def request(self, message: bytes) -> Response:
        """Send an encoded request and return its response; raise `LostError` if there is none."""
        self.send(message)
        return self.receive()

    def send(self, message: bytes) -> None:
        """Send bytes; raise `LostError` if the server does not take them all."""
        try:
            self.socket.sendall(message)
        except OSError as error:
            raise LostError(f"send: {type(error).__name__}", sent=False) from error

    def receive(self) -> Response:
        """Read one response; raise `LostError` if the connection ends or stalls before its end."""
        head = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        if status == 100:
            return self.receive()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        if headers.get("transfer-encoding") == "chunked":
            return Response(status, headers, self._chunks())
        return Response(status, headers, self._take(int(headers.get("content-length", 0))))

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n"), 16):
            body += self._take(size)
            self._until(b"\r\n")
        self._until(b"\r\n")
        return body

    def _until(self, mark: bytes) -> bytes:
        searched = 0
        while (end := self._received.find(mark, searched)) < 0:
            searched = max(0, len(self._received) - len(mark))
            self._fill()
        return self._take(end + len(mark))[: -len(mark)]

    def _take(self, size: int) -> bytes:
        while len(self._received) < size:
            self._fill()
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken

    def _fill(self) -> None:
        try:
            piece = self.socket.recv(1 << 18)
        except OSError as error:
            raise LostError(f"receive: {type(error).__name__}", sent=True) from error
        if not piece:
            raise LostError("receive: closed", sent=True)
        self._received += piece


def get(port: int, path: str, *, timeout: float = RESPONSE_SECONDS) -> Response:
    """Send a GET request on a connection of its own."""
    with Connection(port, timeout=timeout) as connection:
        return connection.request(encode_request("GET", path, headers={"Connection": "close"}))


def post(
    port: int,
    path: str,
    body: bytes,
    headers: Mapping[str, str] = JSON,
    *,
    timeout: float = RESPONSE_SECONDS,
) -> Response:
    """Send a POST request on a connection of its own."""
    with Connection(port, timeout=timeout) as connection:
        return connection.request(encode_request("POST", path, body, headers))


def seconds_of_health(port: int, *, timeout: float = RESPONSE_SECONDS) -> float:
    """Return how long `/v2/health/live` takes on a new connection; infinity if it does not."""
    began = time.monotonic()
    try:
        alive = get(port, "/v2/health/live", timeout=timeout).status == 200
    except LostError:
        alive = False
    return time.monotonic() - began if alive else float("inf")
