"""Tensors of the Open Inference Protocol, as JSON or as bytes behind the JSON.

The second form is the protocol's extension `binary_tensor_data`: the JSON, then the raw tensors
one after another, little endian. A header gives the length of the JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from highway_client.attempts import Request, Response
from highway_client.errors import ArgumentError
from highway_client.json_values import FloatArray, JsonObject, dump, unreadable

JSON_LENGTH = "Inference-Header-Content-Length"
FP32 = "FP32"
BINARY_SIZE = "binary_data_size"
LITTLE_ENDIAN = np.dtype("<f4")


@dataclass(frozen=True, kw_only=True)
class InferResponse:
    """The response to an inference request: `tensors` by name, each (rows, its width)."""

    model_name: str
    model_version: str
    tensors: Mapping[str, FloatArray]


def infer_request(
    path: str,
    tensors: Mapping[str, FloatArray],
    outputs: tuple[str, ...],
    headers: Mapping[str, str] = {},
    *,
    binary: bool,
) -> Request:
    """Request `outputs` for float32 `tensors`; JSON holds finite numbers only."""
    requested = [{"name": name} for name in outputs]
    if binary:
        head = dump(
            {
                "inputs": [
                    _head(name, tensor) | {"parameters": {BINARY_SIZE: tensor.nbytes}}
                    for name, tensor in tensors.items()
                ],
                "outputs": requested,
                "parameters": {"binary_data_output": True},
            }
        )
        raw = [tensor.astype(LITTLE_ENDIAN).tobytes() for tensor in tensors.values()]
        form = {"Content-Type": "application/octet-stream", JSON_LENGTH: str(len(head))}
        content = b"".join([head, *raw])
    else:
        form = {"Content-Type": "application/json"}
        inputs = [_head(name, t) | {"data": _finite(name, t)} for name, t in tensors.items()]
        content = dump({"inputs": inputs, "outputs": requested})
    return Request(method="POST", path=path, headers={**headers, **form}, content=content)


def read_inference(response: Response) -> InferResponse:
    """Read a response of either form; anything else is a `ResponseError`."""
    length = response.headers.get(JSON_LENGTH, str(len(response.content)))
    if not length.isdecimal():
        raise unreadable(f"{JSON_LENGTH} that is not a number")
    body, raw = JsonObject.parse(response.content[: int(length)]), response.content[int(length) :]
    tensors = {}
    for output in body.objects("outputs"):
        name = output.string("name")
        data = output.optional("data", output.numbers)
        shape = _shape(output, name)
        size = prod(shape) * LITTLE_ENDIAN.itemsize if data is None else 0
        if data is None:
            data = np.frombuffer(raw[:size], LITTLE_ENDIAN).astype(np.float32)
        if _binary_size(output) != size or data.size != prod(shape):
            raise unreadable(f"output '{name}' whose size is not that of its shape")
        tensors[name] = data.reshape(shape)
        raw = raw[size:]
    if raw:
        raise unreadable(f"{len(raw)} bytes after its tensors")
    return InferResponse(
        model_name=body.string("model_name"),
        model_version=body.string("model_version"),
        tensors=tensors,
    )


def _head(name: str, tensor: FloatArray) -> dict[str, Any]:
    return {"name": name, "datatype": FP32, "shape": list(tensor.shape)}


def _finite(name: str, tensor: FloatArray) -> FloatArray:
    if not np.isfinite(tensor).all():
        raise ArgumentError(
            f"{name}: expected finite numbers, because JSON has no others, found NaN or infinity; "
            "send them with binary=True"
        )
    return tensor.ravel()


def _shape(output: JsonObject, name: str) -> tuple[int, int]:
    shape = output.numbers("shape").astype(int).tolist()
    if output.string("datatype") != FP32 or len(shape) != 2 or min(shape) < 0:
        raise unreadable(f"output '{name}' that is not a matrix of {FP32}")
    return shape[0], shape[1]


def _binary_size(output: JsonObject) -> int:
    parameters = output.optional("parameters", output.object)
    return parameters.optional(BINARY_SIZE, parameters.integer) or 0 if parameters else 0
