"""Overload through a real server: the bound of the time in the queue, and fair shares."""

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from service.arrays import FloatArray
from service.classifier import Classifier
from service.http.body_turns import LARGE_BYTES
from tests.service.conftest import application
from tests.service.http.transport import (
    INFER,
    ROW,
    BlockingClassifier,
    Connection,
    listening,
    over_socket,
    request,
    until,
)
from tests.service.work import work

SMALL_ADDRESS = "127.0.0.2"
BATCH_SECONDS = 0.01
THREE_ROWS = json.dumps({"instances": [[1, 0, 0, 0]] * 3}).encode()
SIX_ROWS = json.dumps({"instances": [[1, 0, 0, 0]] * 6}).encode()
LARGE = json.dumps({"instances": [[1, 0, 0, 0]] * 100}).encode()


class SlowlyMeasuredClassifier(BlockingClassifier):
    """Seems to take a tenth of a second for each row."""

    def measure(self, rows: int) -> int:
        return rows * 100_000_000


def test_a_request_that_would_wait_too_long_gets_429(content: bytes) -> None:
    classifier = SlowlyMeasuredClassifier(content)
    app = application(classifier, max_queue_ms=250, max_batch_rows=4)
    with listening(app) as port, ThreadPoolExecutor() as threads:
        send = over_socket(port)
        classifier.block()
        first = threads.submit(send, "POST", "/predict", ROW)
        until(classifier.running.is_set)
        second = threads.submit(send, "POST", "/predict", THREE_ROWS)
        until(lambda: _value(_metrics(port), "highway_pending_requests") == 2)
        for path in ("/predict", INFER, "/predict?asgi"):
            refused = send("POST", path, ROW)
            assert (refused.status, refused.headers["retry-after"]) == (429, "1")
            assert refused.error == (
                "queue: expected a wait of at most 250 ms, found about 300 ms; retry later"
            )
        classifier.released.set()
        assert [first.result().status, second.result().status] == [200, 200]
        assert 'reason="queue_full",version="1"} 3.0' in _metrics(port)


class SlowClassifier(Classifier):
    """A classifier whose batches take some milliseconds once it serves."""

    serving = False

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        if self.serving:
            work(BATCH_SECONDS)
        return super().compute(outputs, rows, gate_scale)


@pytest.fixture
def slow_port(content: bytes) -> Iterator[int]:
    """The port of a server whose queue of 500 rows takes over a second."""
    classifier = SlowClassifier(content)
    app = application(
        classifier, max_rows=100, max_queue_rows=500, max_queue_ms=60_000, max_batch_rows=4
    )
    with listening(app) as port:
        classifier.serving = True
        yield port


@pytest.mark.parametrize("path", ["/predict", "/predict?asgi"])
def test_a_greedy_client_neither_delays_nor_displaces_a_small_one(
    slow_port: int, path: str
) -> None:
    stopped, statuses = Event(), list[int]()

    def load() -> None:
        with Connection(slow_port) as connection:
            while not stopped.is_set():
                statuses.append(connection.send(request(path=path, body=LARGE)).receive().status)

    with ThreadPoolExecutor(12) as threads:
        for _ in range(12):
            threads.submit(load)
        try:
            until(lambda: 429 in statuses)  # the queue is full
            seconds = [_small_request(slow_port, path) for _ in range(8)]
            text = _metrics(slow_port)
        finally:
            stopped.set()
    assert sorted(seconds)[len(seconds) // 2] < 0.3  # behind the greedy client, more than a second
    assert _value(text, "highway_queue_wait_seconds") > 0
    assert _value(text, "highway_waiting_clients") >= 1


def _small_request(port: int, path: str) -> float:
    """Send one row from an address of its own; return the seconds until its response."""
    began = time.monotonic()
    address = ("127.0.0.1", port)
    with socket.create_connection(address, 5, source_address=(SMALL_ADDRESS, 0)) as connection:
        connection.sendall(request(path=path))
        received = connection.recv(65536)
    assert received.startswith(b"HTTP/1.1 200"), received
    return time.monotonic() - began


def _metrics(port: int) -> str:
    return over_socket(port)("GET", "/metrics").body.decode()


def _value(text: str, name: str) -> float:
    found = re.search(rf"{name}{{.*}} (\S+)", text)
    assert found is not None
    return float(found[1])


def test_large_bodies_are_served(client_port: int) -> None:
    rows = json.dumps({"instances": [[0.125] * 4] * 20_000}).encode()
    assert len(rows) > LARGE_BYTES
    with ThreadPoolExecutor(4) as threads:
        sent = [threads.submit(_status, client_port, request(body=rows)) for _ in range(4)]
        assert [future.result() for future in sent] == [200] * 4


@pytest.fixture
def client_port(content: bytes) -> Iterator[int]:
    app = application(Classifier(content), max_rows=20_000, max_queue_rows=200_000)
    with listening(app) as port:
        yield port


def _status(port: int, message: bytes) -> int:
    with Connection(port) as connection:
        return connection.send(message).receive().status
