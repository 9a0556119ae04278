"""Requests to every inference endpoint, each with a check of its response.

The expected outputs are onnxruntime's own, computed from the file without the server's code.
"""

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tests.reliability.connection import Response, encode_request

Rows = NDArray[np.float32]
Outputs = dict[str, Rows]

BATCH_SIZES = (1, 2, 3, 7, 16, 33, 64, 65, 200, 512, 1024)
OUTPUTS = ("logits", "probabilities", "gate_mean", "typicality")
TOLERANCE = 1e-3
LONGEST_MESSAGE = 4 << 20  # accepted by default; 1,024 rows of long decimals are longer
RAREST = 0.0005  # weight of the largest batches
REMEMBERED = 64  # bodies that were compared number by number and may come again


@dataclass
class Prepared:
    """An encoded request, how often it is sent relative to others, and the check of its response.

    `check` returns whether a response of status 200 has the right values.
    """

    kind: str
    message: bytes
    check: Callable[[bytes], bool]
    statuses: tuple[int, ...] = (200,)
    weight: float = 1.0
    _right: set[bytes] = field(default_factory=set)

    def accepts(self, response: Response) -> bool:
        """Check the status and the values; equal bodies are compared once."""
        if response.status not in self.statuses:
            return False
        if response.status != 200 or response.body in self._right:
            return True
        right = self.check(response.body)
        if right and len(self._right) < REMEMBERED:
            self._right.add(response.body)
        return right


class Reference:
    """A model file, run by onnxruntime."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        session = onnxruntime.InferenceSession(
            file.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._session = session
        properties = session.get_modelmeta().custom_metadata_map
        self.name: str = json.loads(properties["highway.name"])
        self.labels: list[str] = json.loads(properties["highway.labels"])
        self.size: int = session.get_inputs()[0].shape[1]
        self._random = np.random.default_rng(7)

    def rows(self, count: int, *, highest: int = 255) -> Rows:
        """Draw rows of grey values, each a multiple of 1/4 so that JSON has them exactly."""
        drawn = self._random.integers(0, 4 * highest, (count, self.size))
        return (drawn / 4).astype(np.float32)

    def outputs(self, rows: Rows) -> Outputs:
        """Compute the outputs of rows (n, size)."""
        return dict(zip(OUTPUTS, self._session.run(OUTPUTS, {"input": rows}), strict=True))

    @property
    def infer_path(self) -> str:
        """The protocol's path of the model."""
        return f"/v2/models/{self.name}/infer"


def prepare(reference: Reference, sizes: Iterable[int] = BATCH_SIZES) -> list[Prepared]:
    """Return requests of every batch size to every inference endpoint; small ones come often."""
    prepared = []
    for size in sizes:
        rows = reference.rows(size)
        outputs = reference.outputs(rows)
        weight = max(size**-1.5, RAREST)
        prepared += [
            predict(reference, rows, outputs, "/predict", weight),
            predict(reference, rows, outputs, f"/v1/models/{reference.name}:predict", weight / 4),
            infer_json(reference, rows, outputs, weight),
            infer_binary(reference, rows, outputs, weight),
        ]
    accepted = [one for one in prepared if len(one.message) <= LONGEST_MESSAGE]
    return [*accepted, explain(reference)]


def predict(
    reference: Reference, rows: Rows, outputs: Outputs, path: str, weight: float = 1.0
) -> Prepared:
    """Prepare a request to the native endpoint."""

    def check(body: bytes) -> bool:
        predictions = json.loads(body)["predictions"]
        return close(outputs["probabilities"], [one["probabilities"] for one in predictions])

    body = json.dumps({"instances": rows.tolist()}).encode()
    return Prepared("predict", encode_request("POST", path, body), check, weight=weight)


def infer_json(reference: Reference, rows: Rows, outputs: Outputs, weight: float = 1.0) -> Prepared:
    """Prepare a request with JSON tensors to the protocol endpoint."""

    def check(body: bytes) -> bool:
        tensors = {one["name"]: one for one in json.loads(body)["outputs"]}
        return all(
            close(outputs[name], np.reshape(tensors[name]["data"], tensors[name]["shape"]))
            for name in OUTPUTS
        )

    tensor = _tensor(rows) | {"data": rows.ravel().tolist()}
    message = encode_request(
        "POST", reference.infer_path, json.dumps({"inputs": [tensor]}).encode()
    )
    return Prepared("infer JSON", message, check, weight=weight)


def infer_binary(
    reference: Reference, rows: Rows, outputs: Outputs, weight: float = 1.0
) -> Prepared:
    """Prepare a request with binary tensors to the protocol endpoint."""

    def check(body: bytes) -> bool:
        # The JSON comes first; latin-1 decodes the binary values behind it without errors.
        head, end = json.JSONDecoder().raw_decode(body.decode("latin-1"))
        for tensor in head["outputs"]:
            size = tensor["parameters"]["binary_data_size"]
            values = np.frombuffer(body[end : end + size], np.float32).reshape(tensor["shape"])
            end += size
            if not close(outputs[tensor["name"]], values):
                return False
        return end == len(body)

    tensor = _tensor(rows) | {"parameters": {"binary_data_size": rows.nbytes}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    message = encode_request("POST", reference.infer_path, head + rows.tobytes(), headers)
    return Prepared("infer binary", message, check, weight=weight)


def explain(reference: Reference) -> Prepared:
    """Prepare a request for the explanation of a row."""
    row = reference.rows(1)
    expected = reference.outputs(row)["probabilities"][0]

    def check(body: bytes) -> bool:
        return close(expected, json.loads(body)["prediction"]["probabilities"])

    body = json.dumps({"instance": row[0].tolist()}).encode()
    return Prepared("explain", encode_request("POST", "/explain", body), check, weight=0.1)


def invalid(reference: Reference) -> list[Prepared]:
    """Return requests that the server refuses with 4xx."""
    size, path = reference.size, reference.infer_path
    numbers = [0.5] * size
    wrong_shape = {"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [1]}]}
    cases: list[tuple[str, bytes, int]] = [
        ("/predict", b'{"instances": [[NaN]]}', 400),
        ("/predict", b'{"instances": ', 400),
        ("/predict", json.dumps({"instances": [numbers[1:]]}).encode(), 400),
        ("/predict", json.dumps({"instances": [numbers] * 20 + [[None] * size]}).encode(), 400),
        ("/explain", b"{}", 400),
        (path, json.dumps(wrong_shape).encode(), 400),
        ("/v1/models/nonesuch:predict", json.dumps({"instances": [numbers]}).encode(), 404),
        ("/nonesuch", b"{}", 404),
    ]
    prepared = [
        Prepared("invalid", encode_request("POST", path, body), _never, (status,))
        for path, body, status in cases
    ]
    plain = encode_request("POST", "/predict", b"{}", {"Content-Type": "text/plain"})
    return [*prepared, Prepared("invalid", plain, _never, (415,))]


def reads(reference: Reference, *, ledger: bool) -> list[Prepared]:
    """Return requests for metrics, statistics, health, metadata, and the ledger if there is one."""
    paths = [
        *("/metrics", "/v2/health/live", "/v2/health/ready", "/v2", "/v2/models"),
        *("/v2/models/stats", f"/v2/models/{reference.name}", "/drift", "/openapi.json"),
    ]
    if ledger:
        paths += ["/ledger", "/requests?limit=20", "/requests?sort=typicality", "/requests.parquet"]
    return [
        Prepared("read", encode_request("GET", path, headers={}), lambda _: True) for path in paths
    ]


def choose(prepared: list[Prepared], chance: random.Random) -> Prepared:
    """Draw a request by weight."""
    return chance.choices(prepared, [one.weight for one in prepared])[0]


def close(expected: Rows, found: Any) -> bool:
    """Check shape and values."""
    values = np.asarray(found, np.float32)
    return values.shape == expected.shape and bool(np.abs(values - expected).max() <= TOLERANCE)


def _tensor(rows: Rows) -> dict[str, Any]:
    return {"name": "input", "shape": list(rows.shape), "datatype": "FP32"}


def _never(_body: bytes) -> bool:
    return False
