"""64 clients at once on a real server: every request gets its own answer, once.

CONCURRENCY_SECONDS=30 makes each test longer, --log-cli-level=info tells how much was answered.
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
from tests.clients.oracle import computed
from tests.service.test_server import serving

FloatArray = NDArray[np.float32]

CLIENTS = 64
SECONDS = float(os.environ.get("CONCURRENCY_SECONDS", "1.2"))
JSON_TYPE = b"Content-Type: application/json\r\n"
RUN_ROWS = 32  # so that the largest requests need two runs


class Case(NamedTuple):
    """What to ask, and what to be answered to within `tolerance`."""

    rows: FloatArray
    gate_scale: FloatArray | None
    expected: dict[str, FloatArray]
    tolerance: float


Cases = Callable[[int, int], Case]  # by client and turn

_log = logging.getLogger(__name__)


def in_json(case: Case, identifier: str) -> bytes:
    tensors = [tensor(name, values) | {"data": values} for name, values in inputs(case)]
    outputs = [{"name": name} for name in case.expected]
    asked = {"id": identifier, "inputs": tensors, "outputs": outputs}
    body = orjson.dumps(asked, option=orjson.OPT_SERIALIZE_NUMPY)
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


async def answer(reader: asyncio.StreamReader) -> tuple[str, dict[str, FloatArray]]:
    """Read one answer: its id and its outputs."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if line)
    body = await reader.readexactly(int(headers["content-length"]))
    assert status == "HTTP/1.1 200 OK", body
    start = int(headers.get("inference-header-content-length", len(body)))
    told = orjson.loads(body[:start])
    outputs = {}
    for output in told["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size", 0)
        values = np.frombuffer(body[start : start + size], np.float32)
        values = np.array(output["data"], np.float32) if "data" in output else values
        outputs[output["name"]] = values.reshape(output["shape"])
        start += size
    assert start == len(body)
    return told["id"], outputs


async def ask_again_and_again(
    port: int, model: str, client: int, cases: Cases, until: float
) -> Sequence[int]:
    """Ask turn by turn on one connection; gives how many rows each request had."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    write = in_json if client % 2 else in_binary
    asked: list[int] = []
    while time.monotonic() < until:
        case = cases(client, len(asked))
        identifier = f"{client}-{len(asked)}"
        writer.write(f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: x\r\n".encode())
        writer.write(write(case, identifier))
        told, outputs = await answer(reader)
        assert told == identifier
        assert list(outputs) == list(case.expected)
        for name, expected in case.expected.items():
            assert outputs[name].shape == expected.shape
            assert np.abs(outputs[name] - expected).max() <= case.tolerance, (identifier, name)
        asked.append(len(case.rows))
    writer.write_eof()
    assert await reader.read() == b""  # no answer came twice
    writer.close()
    return asked


def run_against(file: Path, model: str, cases: Cases) -> None:
    """Let all clients ask at once, then compare the server's own count with theirs."""

    async def all_at_once(port: int) -> list[Sequence[int]]:
        until = time.monotonic() + SECONDS
        clients = [ask_again_and_again(port, model, i, cases, until) for i in range(CLIENTS)]
        return await asyncio.gather(*clients)

    with serving(file, HIGHWAY_RUN_ROWS=str(RUN_ROWS)) as (_, port):
        asked = uvloop.run(all_at_once(port))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/models/stats") as answer:
            (told,) = json.load(answer)["model_stats"]
    assert all(asked)
    requests = sum(map(len, asked))
    runs = told["execution_count"]
    _log.info("%d answers, %.1f rows in a run", requests, told["inference_count"] / runs)
    assert told["inference_stats"]["success"]["count"] == requests
    assert told["inference_stats"]["fail"]["count"] == 0
    assert told["inference_count"] == sum(map(sum, asked))
    assert runs < requests  # they did run together


def numbered(client: int, turn: int) -> Case:
    """Rows that say whose they are: the tiny model's logits are its first inputs, plus scale."""
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


def test_every_request_gets_its_own_answer_whatever_runs_with_it(file: Path) -> None:
    run_against(file, "tiny", numbered)


def test_64_clients_of_the_digit_model_get_each_their_own_rows_answers() -> None:
    random = np.random.default_rng(7)
    rows = random.integers(0, 256, (CLIENTS, 784)).astype(np.float32)
    alone = [computed(row[None]) for row in rows]
    # 1e-4 leaves room for processors that add in another order where rows run together.
    cases = [Case(row[None], None, told, 1e-4) for row, told in zip(rows, alone, strict=True)]
    logits = np.concatenate([told["logits"] for told in alone])
    distances = np.abs(logits[:, None] - logits).max(axis=2) + np.eye(CLIENTS)
    assert distances.min() > 0.1
    run_against(BUNDLED_MODEL, "digits", lambda client, _turn: cases[client])
