"""Two ways to the same doors: a real server over a real socket, and the ASGI application alone."""

import json
import socket
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

from service.classifier import Classifier, FloatArray
from service.http.fast_protocol import FastProtocol

ROW = b'{"instances": [[1, 0, 0, 0]]}'
JSON = {"Content-Type": "application/json"}
INFER = "/v2/models/tiny/infer"
BOTH = pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])  # a query takes the long way


class Answer(NamedTuple):
    """Names of headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Read the body as strict JSON."""
        return json.loads(self.body, parse_constant=_refuse)

    @property
    def error(self) -> str:
        """The message, if the body is of the one shape of errors."""
        body = self.json()
        assert list(body) == ["error"]
        assert self.headers["content-type"] == "application/json"
        message: str = body["error"]
        return message


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is not JSON")


# method, path, body, headers
Ask = Callable[..., Answer]


class Connection:
    """A client that writes bytes of its own choice and reads the replies one by one."""

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

    def send(self, *pieces: bytes) -> "Connection":
        """Send each piece by a call of its own."""
        for piece in pieces:
            self.socket.sendall(piece)
        return self

    def reply(self, *, body: bool = True) -> Answer:
        """Read the next reply; one to HEAD has no body whatever its headers say."""
        status = self._file.readline()
        assert status.startswith(b"HTTP/1.1 "), status
        headers: Any = parse_headers(self._file)
        length = int(headers.get("content-length", 0)) if body else 0
        return Answer(int(status.split()[1]), headers, self._file.read(length))

    def rest(self) -> bytes:
        """Read until the server closes the connection."""
        return self._file.read()


def label(answer: Answer) -> str:
    """Return the label of the first row."""
    assert answer.status == 200, answer.body
    text: str = answer.json()["predictions"][0]["label"]
    return text


def request(
    method: str = "POST",
    path: str = "/predict",
    body: bytes = ROW,
    headers: Mapping[str, str] = JSON,
    version: str = "1.1",
) -> bytes:
    """Write a request."""
    lines = [f"{method} {path} HTTP/{version}", "Host: highway"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method == "POST" and "Transfer-Encoding" not in headers and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def over_socket(port: int) -> Ask:
    """Ask a server, each time on a new connection."""

    def ask(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = JSON) -> Answer:
        with Connection(port) as connection:
            connection.send(request(method, path, body, headers))
            return connection.reply(body=method != "HEAD")

    return ask


def through_asgi(client: TestClient) -> Ask:
    """Ask the application without a server."""

    def ask(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = JSON) -> Answer:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        answer = client.request(method, path, content=body, headers=raw)
        return Answer(answer.status_code, answer.headers, answer.content)

    return ask


@contextmanager
def listening(app: FastAPI, **options: Any) -> Iterator[int]:
    """Run uvicorn in a thread, with the protocol and the options of the real server."""
    with running(app, **options) as (_, port):
        yield port


@contextmanager
def running(app: FastAPI, **options: Any) -> Iterator[tuple[uvicorn.Server, int]]:
    """Do the same for who wants to stop the server."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=FastProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            **{"timeout_graceful_shutdown": 1, **options},
        )
    )
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
def way_to(app: FastAPI, way: str) -> Iterator[Ask]:
    """Give the way of this name, "socket" or "asgi", to an application of one's own."""
    if way == "socket":
        with listening(app) as port:
            yield over_socket(port)
    else:
        with TestClient(app, raise_server_exceptions=False) as client:
            yield through_asgi(client)


def until(done: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + 5
    while not done():
        assert time.monotonic() < end
        time.sleep(0.002)


class Held(Classifier):
    """A classifier whose runs, once it is held, wait until they are let go."""

    def __init__(self, content: bytes) -> None:
        self.running = Event()
        self.free = Event()
        self.free.set()
        self.rows = 0  # answered
        super().__init__(content)
        self.rows = 0

    def hold(self) -> None:
        self.running.clear()
        self.free.clear()

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        self.running.set()
        assert self.free.wait(5)
        self.rows += len(rows)
        return super().compute(outputs, rows, gate_scale)
