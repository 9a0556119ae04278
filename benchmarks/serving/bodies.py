"""Requests: the same random rows for every contender, in the formats that they read."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.arrays import FloatArray
from service.contract import GATE_MEAN, INPUT, LOGITS, PROBABILITIES

JSON = {"Content-Type": "application/json"}
WITHOUT_GATES = (LOGITS, PROBABILITIES)
WITH_GATES = (*WITHOUT_GATES, GATE_MEAN)


@dataclass(frozen=True, kw_only=True)
class Body:
    """An HTTP request: path, headers and content, without the host."""

    path: str
    headers: dict[str, str]
    content: bytes

    def http(self, port: int) -> bytes:
        """Encode the request as an HTTP/1.1 message to a server on that port."""
        headers = {
            "Host": f"127.0.0.1:{port}",
            **self.headers,
            "Content-Length": str(len(self.content)),
        }
        lines = [f"POST {self.path} HTTP/1.1", *(f"{key}: {headers[key]}" for key in headers)]
        return "\r\n".join([*lines, "", ""]).encode() + self.content


def random_rows(count: int, size: int) -> FloatArray:
    """Draw (count, size) grey values from 0 to 1 with four decimals."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, size)) / 255
    return np.asarray(drawn.round(4), np.float32)


def instances(path: str, rows: FloatArray) -> Body:
    """Build `{"instances": …}`, which this project's `/predict` and the FastAPI service read."""
    return Body(path=path, headers=JSON, content=json.dumps({"instances": _numbers(rows)}).encode())


def v2_json(model: str, rows: FloatArray, outputs: tuple[str, ...] = ()) -> Body:
    """Build a JSON request of the Open Inference Protocol; by default for the default outputs."""
    data = [value for row in _numbers(rows) for value in row]
    requested = [{"name": name} for name in outputs]
    content = json.dumps(_inference(rows, requested, {"data": data})).encode()
    return Body(path=infer_path(model), headers=JSON, content=content)


def v2_binary(model: str, rows: FloatArray, outputs: tuple[str, ...] = ()) -> Body:
    """Build a request of the Open Inference Protocol with binary inputs and outputs."""
    tensor = {"parameters": {"binary_data_size": rows.nbytes}}
    requested = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    # For the default outputs; Triton ignores it where outputs are named.
    request = _inference(rows, requested, tensor) | {"parameters": {"binary_data_output": True}}
    head = json.dumps(request).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return Body(path=infer_path(model), headers=headers, content=head + rows.tobytes())


def infer_path(model: str) -> str:
    """Return the protocol's path of the model."""
    return f"/v2/models/{model}/infer"


def _inference(
    rows: FloatArray, requested: list[dict[str, Any]], tensor: dict[str, Any]
) -> dict[str, Any]:
    named = {"name": INPUT, "shape": rows.shape, "datatype": "FP32", **tensor}
    return {"inputs": [named], **({"outputs": requested} if requested else {})}


def _numbers(rows: FloatArray) -> list[list[float]]:
    return [[round(float(value), 4) for value in row] for row in rows]
