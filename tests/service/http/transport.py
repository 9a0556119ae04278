"""Two transports to the same endpoints: a real server over a socket, and the ASGI application."""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import parse_headers
from threading import Event, Thread
from typing import Any, NamedTuple, NoReturn

import pytest
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.arrays import FloatArray
from service.classifier import Classifier
from service.inference.engine import MAX_LOOP_NS
from service.server.worker import server_config
from service.settings import Settings
from tests.service.work import work

ROW = b'{"instances": [[1, 0, 0, 0]]}'
JSON = {"Content-Type": "application/json"}
INFER = "/v2/models/tiny/infer"
# A query string makes the protocol pass the request to the application.
BOTH_PATHS = pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])


class Response(NamedTuple):
    """A response; header names are case-insensitive."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as strict JSON."""
        return json.loads(self.body, parse_constant=_reject)

    @property
    def error(self) -> str:
        """The message of an error response."""
        body = self.json()
        assert list(body) == ["error"]
        assert self.headers["content-type"] == "application/json"
        message: str = body["error"]
        return message


def _reject(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")


# (method, path, body, headers) -> response
Send = Callable[..., Response]


class Connection:
    """A client that sends arbitrary bytes and receives the responses one by one."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def reset(self) -> None:
        """Close at once, so that the server notices."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, *pieces: bytes) -> "Connection":
        """Send each piece by a call of its own."""
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def receive(self, *, body: bool = True) -> Response:
        """Receive the next response; a response to HEAD has no body."""
        status = self._file.readline()
        assert status.startswith(b"HTTP/1.1 "), status
        headers: Any = parse_headers(self._file)
        length = int(headers.get("content-length", 0)) if body else 0
        return Response(int(status.split()[1]), headers, self._file.read(length))

    def rest(self) -> bytes:
        """Read until the server closes the connection."""
        return self._file.read()


def label(response: Response) -> str:
    """Return the label of the first row."""
    assert response.status == 200, response.body
    text: str = response.json()["predictions"][0]["label"]
    return text


def request(
    method: str = "POST",
    path: str = "/predict",
    body: bytes = ROW,
    headers: Mapping[str, str] = JSON,
    version: str = "1.1",
) -> bytes:
    """Encode a request."""
    lines = [f"{method} {path} HTTP/{version}", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method == "POST" and "Transfer-Encoding" not in headers and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def over_socket(port: int) -> Send:
    """Send requests to a server, each on a new connection."""

    def send(
        method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = JSON
    ) -> Response:
        with Connection(port) as connection:
            connection.send(request(method, path, body, headers))
            return connection.receive(body=method != "HEAD")

    return send


def through_asgi(client: TestClient) -> Send:
    """Send requests to the application without a server."""

    def send(
        method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = JSON
    ) -> Response:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        response = client.request(method, path, content=body, headers=raw)
        return Response(response.status_code, response.headers, response.content)

    return send


@contextmanager
def listening(app: FastAPI, *, keep_alive_seconds: float = 5) -> Iterator[int]:
    """Run the server in a thread; gives its port."""
    with running(app, keep_alive_seconds=keep_alive_seconds) as (_, port):
        yield port


@contextmanager
def running(
    app: FastAPI, *, keep_alive_seconds: float = 5, drain_seconds: int = 1
) -> Iterator[tuple[uvicorn.Server, int]]:
    """Run the server in a thread, with the real server's configuration; gives it and its port."""
    config = server_config(app, Settings(drain_seconds=drain_seconds))
    config.timeout_keep_alive = keep_alive_seconds  # type: ignore[assignment]  # shorter than 1 s
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        thread = Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started)
            yield server, listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def client_for(app: FastAPI, transport: str) -> Iterator[Send]:
    """Connect to an application by a transport, "socket" or "asgi"."""
    if transport == "socket":
        with listening(app) as port:
            yield over_socket(port)
    else:
        with TestClient(app, raise_server_exceptions=False) as client:
            yield through_asgi(client)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a change that another thread makes."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class BlockingClassifier(Classifier):
    """A classifier whose batches, once blocked, wait until they are released.

    They take long enough to be computed on the inference thread.
    """

    def __init__(self, content: bytes) -> None:
        self.running = Event()
        self.released = Event()
        self.released.set()
        self.rows = 0  # computed
        super().__init__(content)
        self.rows = 0

    def block(self) -> None:
        self.running.clear()
        self.released.clear()

    def measure(self, rows: int) -> int:
        return 4 * MAX_LOOP_NS

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        work(4e-9 * MAX_LOOP_NS)
        self.running.set()
        assert self.released.wait(30)
        self.rows += len(rows)
        return super().compute(outputs, rows, gate_scale)
