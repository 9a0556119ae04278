"""Bursts with one atypical row each, at ten times the rate: whether the ledger has all of these."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from benchmarks.ledger.server import get, post, status, with_ledger
from benchmarks.serving.bodies import v2_binary
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.servers import ROOT, Server, running
from service.arrays import FloatArray
from service.classifier import Classifier
from service.contract import GATE_MEAN, PROBABILITIES
from service.settings import BUNDLED_MODEL

RATE = 100  # rows recorded a second, the default
ROWS = 1000  # of a burst; one begins every second
REQUEST_ROWS = (1000, 100, 10)  # of the requests of a burst, in turn
ATYPICAL = 1e-5  # the bursts' atypical rows are below, all others far above
TOLERANCE = 1e-4
WAIT_SECONDS = 30


class AtypicalRow(NamedTuple):
    """The one row of a burst that must be found, and what it must be found by."""

    request_id: str
    row: int
    values: FloatArray


@dataclass(frozen=True, kw_only=True)
class Bursts:
    """Atypical rows sent, found by `GET /requests?typicality_below=…`, and complete.

    `with_gates`: the gates are those of the model. `predicted_again`: the input is stored, and has
    the same probabilities as at first. `represented` is the sum of all weights.
    """

    ledger: str
    bursts: int
    rows: int
    seconds: float
    written: int
    represented: int
    found: int
    with_gates: int
    predicted_again: int


def bursts(url: str, count: int) -> Bursts:
    """Send bursts to a server with a ledger at this URL, and search for their atypical rows."""
    model = Classifier(BUNDLED_MODEL.read_bytes())
    name, seven = model.metadata.name, _seven()
    first = v2_binary(name, seven)
    with running(with_ledger(url, rate=str(RATE)), BUNDLED_MODEL, first) as server:
        began = time.perf_counter()
        sent = [row for number in range(count) for row in _send(server, name, seven, number)]
        seconds = time.perf_counter() - began
        rows = count * ROWS + 1
        _await_written(server, rows)
        counts = status(server)
        found = _found(server)
        complete = [_recorded(server, row, model) for row in sent if row[:2] in found]
    return Bursts(
        ledger=url.partition(":")[0],
        bursts=count,
        rows=rows,
        seconds=round(seconds, 1),
        written=counts["written"],
        represented=counts["written"] + counts["sampled_out"],
        found=len(complete),
        with_gates=sum(gates for gates, _ in complete),
        predicted_again=sum(again for _, again in complete),
    )


def _seven() -> FloatArray:
    """Return the example of a digit, which is typical, as a row."""
    document = json.loads((ROOT / "examples" / "seven.json").read_bytes())
    return np.array(document["instances"], np.float32).reshape(1, -1)


def _send(server: Server, name: str, seven: FloatArray, number: int) -> Iterator[AtypicalRow]:
    """Send a burst: images of a seven with a little noise, and at a random place only noise."""
    began = time.perf_counter()
    random = np.random.default_rng(number)
    noise = random.normal(0, 3, (ROWS, seven.shape[1]))
    rows = np.clip(seven + noise, 0, 255).astype(np.float32)
    place = int(random.integers(ROWS))
    rows[place] = random.uniform(0, 255, seven.shape[1])
    size = REQUEST_ROWS[number % len(REQUEST_ROWS)]
    for first in range(0, ROWS, size):
        request_id = f"burst-{number}-{first}"
        body = v2_binary(name, rows[first : first + size])
        body = replace(body, headers={**body.headers, "X-Request-Id": request_id})
        if (code := server.send(body)) != 200:
            raise BenchmarkError(f"{body.path}: expected 200, found {code}")
        if first <= place < first + size:
            yield AtypicalRow(request_id, place - first, rows[place])
    time.sleep(max(0.0, began + 1 - time.perf_counter()))


def _await_written(server: Server, rows: int) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while True:
        counts = status(server)
        if counts["written"] + counts["sampled_out"] + counts["lost"] >= rows:
            return
        if time.monotonic() > end:
            raise BenchmarkError(f"the ledger has not written all rows within {WAIT_SECONDS} s")
        time.sleep(0.1)


def _found(server: Server) -> set[tuple[str, int]]:
    """Return id and index of the recorded rows that are atypical."""
    found: set[tuple[str, int]] = set()
    cursor = ""
    while True:
        page = get(server, f"/requests?typicality_below={ATYPICAL}&limit=1000{cursor}")
        found |= {(row["id"], row["row"]) for row in page["requests"]}
        if page["next"] is None:
            return found
        cursor = f"&cursor={page['next']}"


def _recorded(server: Server, sent: AtypicalRow, model: Classifier) -> tuple[bool, bool]:
    """Return whether a row has its gates, and whether its stored input has its probabilities."""
    outputs = (GATE_MEAN, PROBABILITIES)
    gates, probabilities = model.compute(outputs, sent.values[None])
    rows = get(server, f"/requests/{sent.request_id}")["rows"]
    (recorded,) = [row for row in rows if row["row"] == sent.row]
    again = post(server, f"/requests/{sent.request_id}/predict", {"row": sent.row})
    (prediction,) = again.get("predictions", [{}])
    return (
        _close(list(recorded["gate_mean"].values()), gates[0]),
        _close(prediction.get("probabilities", []), probabilities[0]),
    )


def _close(values: Any, expected: FloatArray) -> bool:
    return len(values) == len(expected) and bool(np.allclose(values, expected, atol=TOLERANCE))
