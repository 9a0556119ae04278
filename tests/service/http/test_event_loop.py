"""No request, whatever its body, holds the event loop for long, on any route.

The bound is 5 ms of processor time. The tests allow three times as much for slow machines; of
several tries the shortest counts.
"""

import asyncio
import json
import time
from dataclasses import replace
from functools import cache
from threading import current_thread
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from onnx import ModelProto, TensorProto, helper, numpy_helper

from service.arrays import FloatArray
from service.artifact import digest
from service.classifier import Classifier
from service.contract import OUTPUTS, Column, Input, Layer, Metadata
from service.inference.engine import MAX_LOOP_NS
from service.settings import Settings
from tests.service.conftest import METADATA, Change, application, take_missing_values
from tests.service.work import work

BOUND_MS = 15
TRIES = 10
LOOP, THREAD = "MainThread", "inference"
SLOW_SECONDS = 0.1
LAYERS, WIDTH, FEATURES = 100, 10, 784
MAX = Settings().max_body_bytes
JSON = [(b"content-type", b"application/json")]

DEEP = replace(
    METADATA,
    layers=tuple(
        Layer(name=f"highway {i}", kind="dense", width=WIDTH, number=i)
        for i in range(1, LAYERS + 1)
    ),
    input=Input(kind="image", shape=(28, 28), unit="pixel", low=0, high=255),
    gate_baseline={"inputs": {"usual": [0.0], "values": [], "missing": []}},
)


def deep_artifact(metadata: Metadata = DEEP, change: Change = lambda model: None) -> bytes:
    """Build a model of 100 layers whose label changes once 45 of them are closed."""
    nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = [
        ("Gemm", ["input", "gate_weight"], ["scores"], {}),
        ("Sigmoid", ["scores"], ["gate_units"], {}),
        ("Reshape", ["gate_units", "by_layer"], ["units_by_layer"], {}),
        ("ReduceMean", ["units_by_layer", "last"], ["gate_mean"], {"keepdims": 0}),
        ("Gemm", ["input", "weight", "bias"], ["plain"], {}),
        ("Gemm", ["gate_scale", "scale_weight"], ["scale"], {}),
        ("Add", ["plain", "scale"], ["logits"], {}),
        ("Softmax", ["logits"], ["probabilities"], {"axis": 1}),
        ("Relu", ["probabilities"], ["typicality"], {}),
        ("Relu", ["gate_mean"], ["layer_typicality"], {}),
    ]
    weights = {
        "gate_weight": np.zeros((FEATURES, LAYERS * WIDTH), np.float32),
        "weight": np.zeros((FEATURES, 3), np.float32),
        "bias": np.array([0, 0.555, -1], np.float32),
        "scale_weight": np.tile(np.array([[0.01, 0, 0]], np.float32), (LAYERS, 1)),
        "gate_scale": np.ones((1, LAYERS), np.float32),
        "by_layer": np.array([-1, LAYERS, WIDTH]),
        "last": np.array([-1]),
    }
    widths = dict(zip(OUTPUTS, (3, 3, LAYERS, LAYERS * WIDTH, 3, LAYERS), strict=True))
    graph = helper.make_graph(
        [helper.make_node(kind, ins, outs, **more) for kind, ins, outs, more in nodes],
        "deep",
        [
            helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", FEATURES]),
            helper.make_tensor_value_info("gate_scale", TensorProto.FLOAT, ["rows", LAYERS]),
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
            for name, width in widths.items()
        ],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    change(model)
    return _with_metadata(model, metadata)


def _with_metadata(model: ModelProto, metadata: Metadata) -> bytes:
    e = np.exp([1, 0.555, -1])
    outputs = [(e / e.sum()).tolist()]
    golden = {"input": [[0.0] * FEATURES], "probabilities": outputs, "typicality": outputs}
    golden["gate_mean"] = [[0.5] * LAYERS]
    record = {"golden": golden, "digest": "0" * 64}
    helper.set_model_props(model, replace(metadata, verification=record).to_props())
    content: bytes = model.SerializeToString()
    return content.replace(b"0" * 64, digest(content, "0" * 64).encode())


class Call:
    """One request to the application, and the longest time in which the loop did nothing else."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.held_ms = 0.0
        self.status = 0

    async def send(self, method: str, path: str, body: bytes, headers: Any = JSON) -> None:
        """Send a request in pieces of 64 KiB, as they arrive from a socket."""
        pieces = [body[i : i + 65536] for i in range(0, len(body), 65536)] or [b""]
        arriving = iter(pieces)
        done = asyncio.Event()

        async def receive() -> dict[str, Any]:
            piece = next(arriving, None)
            if piece is None:
                await done.wait()
                return {"type": "http.disconnect"}
            more = piece is not pieces[-1]
            return {"type": "http.request", "body": piece, "more_body": more}

        async def send(message: dict[str, Any]) -> None:
            self.status = message.get("status", self.status)

        scope = {
            **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1"},
            **{"method": method, "path": path, "raw_path": path.encode(), "query_string": b""},
            **{"headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)},
            **{"scheme": "http", "root_path": ""},
        }
        task = asyncio.ensure_future(self._app(scope, receive, send))  # type: ignore[arg-type]
        last = time.thread_time()
        while not task.done():
            await asyncio.sleep(0)
            now = time.thread_time()
            self.held_ms = max(self.held_ms, (now - last) * 1e3)
            last = now
        done.set()
        await task


class ObservedClassifier(Classifier):
    """Notes of each batch its rows, its thread, and the processor time in ms on that thread."""

    def __init__(self, content: bytes) -> None:
        self.batches: list[tuple[int, str, float]] = []
        super().__init__(content)
        self.batches.clear()  # of the golden rows

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        began = time.thread_time()
        arrays = super().compute(outputs, rows, gate_scale)
        held_ms = (time.thread_time() - began) * 1e3
        self.batches.append((len(rows), current_thread().name, held_ms))
        return arrays


Case = tuple[str, bytes, Any]  # path, body, headers


def holds(app: FastAPI, cases: dict[str, Case], *, keep: bool = False) -> dict[str, float]:
    """Return the longest time in ms that each case held the loop, in the best of a few tries.

    With `keep`, a row is in the ledger before.
    """

    async def all_cases() -> dict[str, float]:
        async with app.router.lifespan_context(app):
            if keep:
                await recorded(app)
            return {name: await shortest(app, case) for name, case in cases.items()}

    return asyncio.run(all_cases())


async def shortest(app: FastAPI, case: Case) -> float:
    held = []
    for _ in range(TRIES):
        call = Call(app)
        await call.send("POST", *case)
        assert 200 <= call.status < 500 or call.status == 501, case[0]
        held.append(call.held_ms)
        if call.held_ms < BOUND_MS:
            break
    return min(held)


async def recorded(app: FastAPI) -> None:
    """Store a row under the id "kept"."""
    call = Call(app)
    row = encode([[0] * FEATURES])
    await call.send("POST", "/predict", row, [*JSON, (b"x-request-id", b"kept")])
    until = time.monotonic() + 5
    while time.monotonic() < until:
        await call.send("GET", "/requests/kept", b"")
        if call.status == 200:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the row was not recorded")


def encode(rows: object, **members: object) -> bytes:
    return json.dumps({"instances": rows, **members}, separators=(",", ":")).encode()


def filled(before: bytes, element: bytes, after: bytes, separator: bytes = b",") -> bytes:
    """Repeat an element until the body has the maximum length."""
    count = (MAX - len(before) - len(after)) // (len(element) + len(separator))
    return before + separator.join([element] * count) + after


# The bodies are made at their first use: to make them takes seconds, in each process that imports
# this module.


@cache
def anywhere() -> dict[str, bytes]:
    """Bodies for every route."""
    members = b"{%b}" % b",".join(b'"%x":1' % i for i in range(MAX // 10))
    return {
        "members": members,
        "as many members as are parsed at once": members[:220_000].rpartition(b",")[0] + b"}",
        "closed lists": filled(b'{"instances":[', b"[]", b"]}"),
        "short closed lists": b'{"instances":[%b[]]}' % (b"[]," * 80_000),
        "lists in inputs": filled(b'{"inputs":[', b"[]", b"]}"),
        "nested lists": b'{"instance":' + b"[" * (MAX - 20),
        "braces": b"{" * MAX,
        "quotes": b'"' * MAX,
        "strings": filled(b'{"instances":[', b'""', b"]}"),
        "escapes": filled(b'{"instances":"', b"\\n", b'"}', b""),
        "backslashes": filled(b'{"instances":"', b"\\", b'"}', b""),
        "one number": filled(b'{"instances":[', b"9", b"]}", b""),
        "numbers": filled(b'{"instances":[', b"1", b"]}"),
        "nulls": filled(b'{"instance":[', b"null", b"]}"),
        "spaces": filled(b'{"instances":[', b" ", b"1]}", b""),
        "other lists": filled(b'{"x":{"y":[', b"[]", b"]}}"),
    }


ROW = [i % 256 for i in range(FEATURES)]
ROWS = [ROW] * 1024
SCALE = {layer.name: 0.5 for layer in DEEP.layers}
SOME = ROWS[:900]  # leaves room for scales


def last_cell(value: object, rows: int = 1024) -> bytes:
    return encode([*ROWS[: rows - 1], [*ROW[:-1], value]])


@cache
def of_predict() -> dict[str, bytes]:
    return {
        "rows": encode(ROWS),
        "floats": encode([[0.123456] * FEATURES] * 550),
        "null": last_cell(None),
        "true": last_cell(True),
        "string": last_cell("x"),
        "list": last_cell([1]),
        "overflow": last_cell(1e39),
        "null in few rows": last_cell(None, rows=80),
        "scales": encode(SOME, gate_scale=[[0.5] * LAYERS] * 900),
        "empty scales": encode(SOME, gate_scale=[{}] * 900),
        "usual": encode(ROWS, usual=True),
        "named scales": encode(SOME[:600], gate_scale=[SCALE] * 600),
    }


def tensor_body(rows: int, data: object, **members: object) -> bytes:
    item = {"name": "input", "datatype": "FP32", "shape": [rows, FEATURES], "data": data}
    return json.dumps({"inputs": [item], **members}, separators=(",", ":")).encode()


def binary(rows: int, *outputs: dict[str, Any]) -> tuple[bytes, Any]:
    """Return a binary request for these outputs, and its headers."""
    size = {"binary_data_size": rows * FEATURES * 4}
    item = {"name": "input", "datatype": "FP32", "shape": [rows, FEATURES], "parameters": size}
    head = json.dumps({"inputs": [item], "outputs": outputs}).encode()
    length = (b"inference-header-content-length", b"%d" % len(head))
    return head + b"\0" * (rows * FEATURES * 4), [length]


def output(name: str, **parameters: object) -> dict[str, Any]:
    return {"name": name, "parameters": parameters}


@cache
def of_infer() -> dict[str, tuple[bytes, Any]]:
    flat = ROW * 1024
    return {
        "nested rows": (tensor_body(1024, ROWS), JSON),
        "flat rows": (tensor_body(1024, flat), JSON),
        "null": (tensor_body(1024, [*flat[:-1], None]), JSON),
        "null in few rows": (tensor_body(80, [*ROW * 79, *ROW[:-1], None]), JSON),
        "bracket": (tensor_body(60, ROW * 60, id="["), JSON),
        "gate units": binary(1024, output("gate_units")),
        "binary gate units": binary(1024, output("gate_units", binary_data=True)),
        "classes": binary(1024, output("probabilities", classification=3)),
        "classes of units": binary(30, output("gate_units", classification=1000)),
    }


EXPLAIN = {
    "row": json.dumps({"instance": ROW, "gate_units": True}).encode(),
    "search": json.dumps({"instance": [0] * FEATURES}).encode(),
    "null": json.dumps({"instance": [*ROW[:-1], None]}).encode(),
    "inputs": json.dumps({"instance": ROW, "inputs": True}).encode(),
}


def cases_of(path: str) -> dict[str, Case]:
    """Return the worst bodies of a route."""
    names = {"name": "tiny", "version": "1", "id": "kept", "id:path": "kept"}
    address = path.format(**names)
    cases: dict[str, Case] = {name: (address, body, JSON) for name, body in anywhere().items()}
    own: dict[str, tuple[bytes, Any]] = {}
    if path in ("/predict", "/v1/models/{name}:predict"):
        own = {name: (body, JSON) for name, body in of_predict().items()}
    elif path == "/v2/models/{name}/infer":
        own = of_infer()
    elif path == "/explain":
        own = {name: (body, JSON) for name, body in EXPLAIN.items()}
    elif path == "/what-if":
        own = {"scales": (json.dumps({"instance": ROW, "gate_scale": [SCALE] * 8}).encode(), JSON)}
    elif path.endswith("/what-if") and "{id" in path:
        own = {"again": (json.dumps({"gate_scale": [SCALE] * 8}).encode(), JSON)}
    elif path.endswith("/explain") and "{id" in path:
        own = {"again": (b'{"gate_units": true, "inputs": true}', JSON)}
    elif path.endswith("/predict") and "{id" in path:
        own = {"again": (json.dumps({"gate_scale": SCALE}).encode(), JSON)}
    return {**cases, **{name: (address, *case) for name, case in own.items()}}


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    url = f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    return application(Classifier(deep_artifact()), ledger_url=url, ledger_inputs="all")


def test_no_request_holds_the_event_loop_on_any_route(deep: FastAPI) -> None:
    paths = [path for path, methods in deep.openapi()["paths"].items() if "post" in methods]
    assert {"/predict", "/explain", "/v2/repository/index", "/requests/{id}/explain"} < set(paths)
    cases = {f"{path}: {name}": case for path in paths for name, case in cases_of(path).items()}
    held = holds(deep, cases, keep=True)
    assert {name: ms for name, ms in held.items() if ms > BOUND_MS} == {}


def test_the_columns_of_a_wide_table_are_explained_without_holding_the_event_loop() -> None:
    columns = tuple(Column(name=f"column {index}") for index in range(FEATURES))
    values = [0.0, 0.25, 0.5, 0.75, 1.0]
    inputs = {"usual": [0.5] * FEATURES, "values": [values] * FEATURES}
    metadata = replace(
        DEEP,
        input=Input(kind="table", shape=(FEATURES,), unit="", columns=columns),
        gate_baseline={"inputs": {**inputs, "missing": [True] * FEATURES}},
    )
    app = application(Classifier(deep_artifact(metadata, take_missing_values)))
    body = json.dumps({"instance": [0.5] * FEATURES, "inputs": True}).encode()
    held = holds(app, {"wide": ("/explain", body, JSON)})
    assert held["wide"] < BOUND_MS


def test_the_short_batches_of_a_large_request_leave_the_loop_free_in_between() -> None:
    classifier = ObservedClassifier(deep_artifact())
    app = application(classifier, max_batch_rows=1)
    held = holds(app, {"rows": ("/predict", of_predict()["rows"], JSON)})
    assert held["rows"] < BOUND_MS
    on_loop = [ms for _, thread, ms in classifier.batches if thread == LOOP]
    assert len(on_loop) > 900
    assert sum(on_loop) > 2 * BOUND_MS  # at once they would exceed it


def test_a_batch_on_the_loop_is_no_longer_than_is_stated() -> None:
    classifier = ObservedClassifier(deep_artifact())
    cases: dict[str, Case] = {f"one {i}": ("/predict", encode([ROW]), JSON) for i in range(20)}
    cases |= {f"many {i}": ("/predict", of_predict()["rows"], JSON) for i in range(10)}
    held = holds(application(classifier), cases)
    assert {name: ms for name, ms in held.items() if ms > BOUND_MS} == {}
    on_loop: dict[int, list[float]] = {}  # by the number of rows
    for rows, thread, ms in classifier.batches:
        if thread == LOOP:
            on_loop.setdefault(rows, []).append(ms)
    assert min(on_loop) == 1
    # The best of several: a single one may have been disturbed, and the next ones left the loop.
    best = {rows: min(times) for rows, times in on_loop.items() if len(times) > 2}
    assert max(best.values()) * 1e6 < 3 * MAX_LOOP_NS, on_loop


class SlowClassifier(ObservedClassifier):
    """Works for a tenth of a second on each batch, without the interpreter as onnxruntime does."""

    def measure(self, rows: int) -> int:
        return int(SLOW_SECONDS * 1e9)

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        work(SLOW_SECONDS)
        return super().compute(outputs, rows, gate_scale)


def test_health_is_answered_while_a_slow_model_computes() -> None:
    classifier = SlowClassifier(deep_artifact())
    app = application(classifier)

    async def seconds_of_health() -> list[float]:
        async with app.router.lifespan_context(app):
            body = encode(ROWS[:200])
            calls = [Call(app).send("POST", "/predict", body) for _ in range(4)]
            load = asyncio.gather(*calls)
            times = []
            while not load.done():
                began = time.monotonic()
                await Call(app).send("GET", "/v2/health/ready", b"")
                times.append(time.monotonic() - began)
            await load
            return times

    times = asyncio.run(seconds_of_health())
    assert {thread for _, thread, _ in classifier.batches} == {THREAD}
    assert len(times) > 10  # a batch on the loop would leave room for one or two
    assert np.median(times) < SLOW_SECONDS / 2
