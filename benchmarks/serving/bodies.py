"""The requests: the same random rows for every contender, in the forms that they read."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.classifier import FloatArray
from service.contract import GATE_MEAN, INPUT, LOGITS, PROBABILITIES

JSON = {"Content-Type": "application/json"}
WITHOUT_GATES = (LOGITS, PROBABILITIES)
WITH_GATES = (*WITHOUT_GATES, GATE_MEAN)


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request, all but its address."""

    path: str
    headers: dict[str, str]
    content: bytes

    def http(self, port: int) -> bytes:
        """Write it as a client sends it to that port."""
        headers = {
            "Host": f"127.0.0.1:{port}",
            **self.headers,
            "Content-Length": str(len(self.content)),
        }
        lines = [f"POST {self.path} HTTP/1.1", *(f"{key}: {headers[key]}" for key in headers)]
        return "\r\n".join([*lines, "", ""]).encode() + self.content


def random_rows(count: int, size: int) -> FloatArray:
    """Draw (count, size) grey values from 0 to 1 with four decimals, as a client would send."""
    drawn = np.random.default_rng(0).integers(0, 256, (count, size)) / 255
    return np.asarray(drawn.round(4), np.float32)


def instances(path: str, rows: FloatArray) -> Body:
    """Ask by `{"instances": …}`, as this project's `/predict` and the obvious service read it."""
    return Body(path=path, headers=JSON, content=json.dumps({"instances": _numbers(rows)}).encode())


def v2_json(model: str, rows: FloatArray, outputs: tuple[str, ...] = ()) -> Body:
    """Ask by the Open Inference Protocol in JSON; without `outputs`, for what is the default."""
    data = [value for row in _numbers(rows) for value in row]
    content = json.dumps(_inference(rows, outputs, {"data": data})).encode()
    return Body(path=infer_path(model), headers=JSON, content=content)


def v2_binary(model: str, rows: FloatArray, outputs: tuple[str, ...] = ()) -> Body:
    """Ask by the protocol's binary tensors, and for binary tensors."""
    tensor = {"parameters": {"binary_data_size": rows.nbytes}}
    request = _inference(rows, outputs, tensor) | {"parameters": {"binary_data_output": True}}
    head = json.dumps(request).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return Body(path=infer_path(model), headers=headers, content=head + rows.tobytes())


def infer_path(model: str) -> str:
    """Return the protocol's address of the model."""
    return f"/v2/models/{model}/infer"


def _inference(
    rows: FloatArray, outputs: tuple[str, ...], tensor: dict[str, Any]
) -> dict[str, Any]:
    named = {"name": INPUT, "shape": rows.shape, "datatype": "FP32", **tensor}
    wanted = {"outputs": [{"name": name} for name in outputs]} if outputs else {}
    return {"inputs": [named], **wanted}


def _numbers(rows: FloatArray) -> list[list[float]]:
    return [[round(float(value), 4) for value in row] for row in rows]
