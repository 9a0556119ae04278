"""Real servers of a digit model and of a tiny table, and server responses written by hand."""

import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import numpy as np
import pytest
from highway_client.attempts import Attempt, Outcome, Response, Steps
from highway_client.column_values import Value, named_values
from highway_client.description import Column, Input
from highway_client.files.rows import FileRows
from numpy.typing import NDArray

from tests.conftest import ROOT
from tests.service.conftest import TABLE, Recipe, take_missing_values
from tests.service.serving import serving

T = TypeVar("T")

SEVEN = ROOT / "examples" / "seven.json"
IMAGE = Input(kind="image", shape=(2, 3), unit="pixel", low=0, high=255)
PEOPLE = Input(
    kind="table",
    shape=(3,),
    unit="value",
    columns=(
        Column(name="age"),
        Column(name="job", categories=("nurse", "pilot")),
        Column(name="member", categories=("false", "true")),
    ),
)
MODEL: dict[str, Any] = {
    "name": "tiny",
    "versions": ["1"],
    "properties": {
        "labels": '["cat", "dog"]',
        "layers": '[{"name": "highway 1", "kind": "dense", "width": 1, "number": 1},'
        ' {"name": "highway 2", "kind": "dense", "width": 2, "number": 2}]',
        "input": '{"kind": "image", "shape": [1, 2], "unit": "pixel", "low": 0, "high": 1,'
        ' "columns": []}',
    },
}
PREDICT_BODY: dict[str, Any] = {
    "model_name": "tiny",
    "model_version": "1",
    "predictions": [
        {
            "label": "dog",
            "probability": 0.75,
            "probabilities": [0.25, 0.75],
            "gate_mean": [0.5, 1],
            "typicality": {"gates": 0.125, "confidence": 0.5, "combined": 0.25},
        }
    ],
}
EXPLAIN_BODY: dict[str, Any] = {
    "model_name": "tiny",
    "model_version": "1",
    "prediction": PREDICT_BODY["predictions"][0],
    "layers": [
        {
            "name": "highway 1",
            "number": 1,
            "gate_mean": 0.5,
            "closed": {"label": "cat", "probability": 0.25, "probability_change": -0.5},
        },
        {
            "name": "highway 2",
            "number": 2,
            "gate_mean": 1,
            "closed": {"label": "dog", "probability": 0.875, "probability_change": 0.125},
        },
    ],
    "decisive_layers": ["highway 1"],
    "counterfactual": {"closed_layers": ["highway 1"], "label": "cat", "search": "greedy"},
}
COLUMN_EFFECTS: dict[str, Any] = {
    "kind": "columns",
    "method": "occlusion",
    "complete": True,
    "columns": [
        {
            "name": "age",
            "value": 41.0,
            "replaced_by": 37.0,
            "label": "cat",
            "probability": 0.25,
            "probability_change": -0.5,
        },
        {
            "name": "job",
            "value": "nurse",
            "replaced_by": None,
            "label": "dog",
            "probability": 0.5,
            "probability_change": -0.25,
        },
    ],
    "decisive_columns": ["age"],
    "counterfactual": {
        "changes": [{"name": "age", "value": 41.0, "changed_to": 30.0}],
        "label": "cat",
        "search": "greedy",
    },
}
PATCH_EFFECTS: dict[str, Any] = {
    "kind": "patches",
    "method": "occlusion",
    "complete": False,
    "patch": [4, 4],
    "tops": [0, 2],
    "lefts": [0, 3],
    "replaced_by": [0],
    "label": [["dog", "cat"], ["dog", "dog"]],
    "probability_change": [[0, -0.5], [-0.25, 0.125]],
}
USUAL_GATES = '{"cat": {"low": [0.25, 0.5], "high": [0.75, 0.875]}}'


def matrix(rows: FileRows) -> NDArray[np.float32]:
    """Return the rows of all batches, (rows, features)."""
    batches = [np.asarray(batch.rows, np.float32) for batch in rows.batches]
    return np.concatenate([values.reshape(len(values), -1) for values in batches])


def named(rows: FileRows, columns: tuple[Column, ...] = PEOPLE.columns) -> list[dict[str, Value]]:
    """Return the rows of all batches by column."""
    return [named_values(values, columns) for values in matrix(rows)]


def response(body: object, status: int = 200, headers: Mapping[str, str] = {}) -> Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status=status, headers=httpx2.Headers(headers), content=content)


def run_steps(steps: Steps[T], *outcomes: Outcome) -> tuple[list[Attempt], T]:
    """Give each attempt the next outcome; return the attempts and the result."""
    attempts = [next(steps)]
    for outcome in outcomes:
        try:
            attempts.append(steps.send(outcome))
        except StopIteration as stop:
            assert outcome is outcomes[-1]
            return attempts, stop.value
    raise AssertionError(f"expected the end after {len(outcomes)} outcomes, found {attempts[-1]}")


@contextmanager
def scripted(serve: Callable[[socket.socket], object]) -> Iterator[str]:
    """Give the URL of a port that `serve` handles, for faults that no real server has on demand."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=5)


def respond(listener: socket.socket, times: int = 1) -> None:
    """Respond to a prediction, a description and further predictions on one connection."""
    connection, _ = listener.accept()
    with connection:
        for content in [PREDICT_BODY, MODEL, *[PREDICT_BODY] * (times - 1)]:
            request, end = b"", b"\r\n\r\n" if content is MODEL else b"}"
            while not request.endswith(end):
                request += connection.recv(65536)
            body = json.dumps(content).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            connection.sendall(head + body)


def answering(*bodies: object) -> Callable[[socket.socket], None]:
    """Return a server of one connection that responds to each request with the next body."""

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for content in bodies:
                connection.recv(65536)
                body = json.dumps(content).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                connection.sendall(head + body)

    return serve


def drop_then_respond(listener: socket.socket) -> None:
    """Close the first connection without a response, and respond on the second."""
    listener.accept()[0].close()
    respond(listener)


@pytest.fixture(scope="session")
def url() -> Generator[str]:
    """The bundled digit model's server."""
    with serving(ROOT / "service" / "bundled" / "digits.onnx") as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def ledger_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The bundled digit model's server, with a ledger that keeps inputs."""
    ledger = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    settings = {"HIGHWAY_LEDGER_URL": ledger, "HIGHWAY_LEDGER_INPUTS": "all"}
    with serving(ROOT / "service" / "bundled" / "digits.onnx", **settings) as (_, port):
        url = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 30
        while httpx2.get(f"{url}/ledger").json()["state"] != "writing":  # its tables are made
            assert time.monotonic() < end
            time.sleep(0.05)
        yield url


@pytest.fixture(scope="session")
def table_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A server of the tiny artifact of a table: age, job, member, income; labels a, b, c."""
    path: Path = tmp_path_factory.mktemp("table") / "tiny.onnx"
    path.write_bytes(Recipe(metadata=TABLE, change=take_missing_values).build())
    with serving(path) as (_, port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def seven() -> NDArray[np.uint8]:
    """One image of a seven, (1, 28, 28)."""
    return np.array(json.loads(SEVEN.read_bytes())["instances"], np.uint8)
