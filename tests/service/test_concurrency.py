"""64 concurrent clients of a real server: every request gets its own response, once.

CONCURRENCY_SECONDS=30 makes each test longer; --log-cli-level=info logs the number of responses.
"""

import asyncio
import json
import logging
import os
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import uvloop
from numpy.typing import NDArray

from service.settings import BUNDLED_MODEL
from tests.clients.reference import compute
from tests.service.serving import serving

FloatArray = NDArray[np.float32]

CLIENTS = 64
SECONDS = float(os.environ.get("CONCURRENCY_SECONDS", "1.2"))
JSON_TYPE = b"Content-Type: application/json\r\n"
MAX_BATCH_ROWS = 32  # so that the largest requests need two batches


class Case(NamedTuple):
    """The inputs of a request and its outputs to within `tolerance`."""

    rows: FloatArray
    gate_scale: FloatArray | None
    expected: dict[str, FloatArray]
    tolerance: float


Cases = Callable[[int, int], Case]  # by client and turn

_log = logging.getLogger(__name__)


def in_json(case: Case, identifier: str) -> bytes:
    tensors = [tensor(name, values) | {"data": values} for name, values in inputs(case)]
    outputs = [{"name": name} for name in case.expected]
    document = {"id": identifier, "inputs": tensors, "outputs": outputs}
    body = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return JSON_TYPE + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def in_binary(case: Case, identifier: str) -> bytes:
    tensors = [
        tensor(name, values) | {"parameters": {"binary_data_size": values.nbytes}}
        for name, values in inputs(case)
    ]
    outputs = [{"name": name, "parameters": {"binary_data": True}} for name in case.expected]
    head = orjson.dumps({"id": identifier, "inputs": tensors, "outputs": outputs})
    body = head + b"".join(values.tobytes() for _, values in inputs(case))
    lengths = b"Inference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n"
    return lengths % (len(head), len(body)) + body


def inputs(case: Case) -> list[tuple[str, FloatArray]]:
    scale = [] if case.gate_scale is None else [("gate_scale", case.gate_scale)]
    return [("input", case.rows), *scale]


def tensor(name: str, values: FloatArray) -> dict[str, Any]:
    return {"name": name, "datatype": "FP32", "shape": values.shape}


async def read_response(reader: asyncio.StreamReader) -> tuple[str, dict[str, FloatArray]]:
    """Read one response: its id and its outputs."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(headers["content-length"]))
    assert status == "HTTP/1.1 200 OK", body
    start = int(headers.get("inference-header-content-length", len(body)))
    head = orjson.loads(body[:start])
    outputs = {}
    for output in head["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size", 0)
        values = np.frombuffer(body[start : start + size], np.float32)
        values = np.array(output["data"], np.float32) if "data" in output else values
        outputs[output["name"]] = values.reshape(output["shape"])
        start += size
    assert start == len(body)
    return head["id"], outputs


async def send_requests(
    port: int, model: str, client: int, cases: Cases, until: float
) -> Sequence[int]:
    """Send one request after another on one connection; return the number of rows of each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    write = in_json if client % 2 else in_binary
    sent: list[int] = []
    while time.monotonic() < until:
        case = cases(client, len(sent))
        identifier = f"{client}-{len(sent)}"
        writer.write(f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: localhost\r\n".encode())
        writer.write(write(case, identifier))
        returned, outputs = await read_response(reader)
        assert returned == identifier
        assert list(outputs) == list(case.expected)
        for name, expected in case.expected.items():
            assert outputs[name].shape == expected.shape
            assert np.abs(outputs[name] - expected).max() <= case.tolerance, (identifier, name)
        sent.append(len(case.rows))
    writer.write_eof()
    assert await reader.read() == b""  # no response came twice
    writer.close()
    return sent


def check_server(file: Path, model: str, cases: Cases) -> None:
    """Run all clients at once, then compare the server's statistics with their counts."""

    async def run_clients(port: int) -> list[Sequence[int]]:
        until = time.monotonic() + SECONDS
        clients = [send_requests(port, model, i, cases, until) for i in range(CLIENTS)]
        return await asyncio.gather(*clients)

    with serving(file, HIGHWAY_MAX_BATCH_ROWS=str(MAX_BATCH_ROWS)) as (_, port):
        sent = uvloop.run(run_clients(port))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/stats") as response:
            (statistics,) = json.load(response)["model_stats"]
    assert all(sent)
    requests = sum(map(len, sent))
    batches = statistics["execution_count"]
    rows = statistics["inference_count"]
    _log.info("%d responses, %.1f rows per batch", requests, rows / batches)
    assert statistics["inference_stats"]["success"]["count"] == requests
    assert statistics["inference_stats"]["fail"]["count"] == 0
    assert rows == sum(map(sum, sent))
    assert batches < requests  # requests did share batches


def numbered(client: int, turn: int) -> Case:
    """Rows that identify their request: the tiny model's logits are its first inputs plus scale."""
    count = 40 if client == 0 else 1 + (client + turn) % 3
    rows = np.array([[client, turn, row, 0] for row in range(count)], np.float32)
    scale = np.array([[client, turn % 8]], np.float32) % 10 if client % 3 == 0 else None
    added = 1 if scale is None else scale.sum() / 2
    expected = {"logits": rows[:, :3] + added}
    if client % 4 == 0:
        gates = (sigmoid(rows[:, 0::2]) + sigmoid(rows[:, 1::2])) / 2
        expected = {"gate_mean": gates, **expected}
    return Case(rows, scale, expected, tolerance=1e-6)


def sigmoid(values: FloatArray) -> FloatArray:
    return (1 / (1 + np.exp(-values))).astype(np.float32)


def test_every_request_gets_its_own_response_in_any_batch(file: Path) -> None:
    check_server(file, "tiny", numbered)


def test_64_clients_of_the_digit_model_get_the_responses_for_their_own_rows() -> None:
    random = np.random.default_rng(7)
    rows = random.integers(0, 256, (CLIENTS, 784)).astype(np.float32)
    alone = [compute(row[None]) for row in rows]
    # 1e-4 leaves room for processors that add in another order in batches of other sizes.
    cases = [Case(row[None], None, outputs, 1e-4) for row, outputs in zip(rows, alone, strict=True)]
    logits = np.concatenate([outputs["logits"] for outputs in alone])
    distances = np.abs(logits[:, None] - logits).max(axis=2) + np.eye(CLIENTS)
    assert distances.min() > 0.1
    check_server(BUNDLED_MODEL, "digits", lambda client, _turn: cases[client])
