"""Tensors of the Open Inference Protocol, as JSON or as bytes behind the JSON.

The second form is the protocol's extension `binary_tensor_data`: the JSON, then the raw tensors
one after the other, little endian; a header says where the JSON ends.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from service.client.errors import AnswerError, ArgumentError
from service.client.exchange import Reply, Request

JSON_LENGTH = "Inference-Header-Content-Length"
FP32 = "FP32"
BYTES = "binary_data_size"
LITTLE_ENDIAN = np.dtype("<f4")

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Inference:
    """The server's answer to an infer request: `tensors` by name, each (rows, its width)."""

    model_name: str
    model_version: str
    tensors: Mapping[str, FloatArray]


class _Tensor(BaseModel):
    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}
    data: list[float | None] | None = None


class _Answer(BaseModel):
    model_name: str
    model_version: str
    outputs: list[_Tensor]


def infer_request(
    path: str,
    tensors: Mapping[str, FloatArray],
    outputs: tuple[str, ...],
    headers: Mapping[str, str] = {},
    *,
    binary: bool,
) -> Request:
    """Ask for `outputs` from float32 `tensors`; JSON holds finite numbers alone."""
    wanted = [{"name": name} for name in outputs]
    if binary:
        head = orjson.dumps(
            {
                "inputs": [
                    _head(name, tensor) | {"parameters": {BYTES: tensor.nbytes}}
                    for name, tensor in tensors.items()
                ],
                "outputs": wanted,
                "parameters": {"binary_data_output": True},
            }
        )
        raw = [tensor.astype(LITTLE_ENDIAN).tobytes() for tensor in tensors.values()]
        form = {"Content-Type": "application/octet-stream", JSON_LENGTH: str(len(head))}
        content = b"".join([head, *raw])
        return Request(method="POST", path=path, headers={**headers, **form}, content=content)
    body = {
        "inputs": [_head(name, t) | {"data": _finite(name, t)} for name, t in tensors.items()],
        "outputs": wanted,
    }
    return Request(
        method="POST",
        path=path,
        headers={**headers, "Content-Type": "application/json"},
        content=orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY),
    )


def read_inference(reply: Reply) -> Inference:
    """Read an answer of either form; whatever else it is, is an `AnswerError`."""
    length = reply.headers.get(JSON_LENGTH, str(len(reply.content)))
    if not length.isdecimal():
        raise _unreadable(f"{JSON_LENGTH} that is no number")
    head, raw = reply.content[: int(length)], reply.content[int(length) :]
    try:
        answer = _Answer.model_validate_json(head)
    except ValidationError as error:
        raise unreadable_json(error) from error
    tensors = {}
    for output in answer.outputs:
        size = _byte_size(output)
        tensors[output.name] = _array(output, raw[:size])
        raw = raw[size:]
    if raw:
        raise _unreadable(f"{len(raw)} bytes more than its tensors have")
    return Inference(
        model_name=answer.model_name, model_version=answer.model_version, tensors=tensors
    )


def unreadable_json(error: ValidationError) -> AnswerError:
    """Word the first thing that is not as the protocol has it."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return _unreadable(f"{place}: {first['msg']}" if place else first["msg"])


def _head(name: str, tensor: FloatArray) -> dict[str, Any]:
    return {"name": name, "datatype": FP32, "shape": list(tensor.shape)}


def _finite(name: str, tensor: FloatArray) -> FloatArray:
    if not np.isfinite(tensor).all():
        raise ArgumentError(
            f"{name}: expected finite numbers, for JSON has no others, found NaN or infinity; send "
            "them with binary=True"
        )
    return np.ascontiguousarray(tensor).ravel()


def _byte_size(output: _Tensor) -> int:
    """Return how many bytes behind the JSON are the tensor's, having checked its head."""
    where = f"output {output.name!r}"
    if output.datatype != FP32 or len(output.shape) != 2 or min(output.shape) < 0:
        raise _unreadable(f"{where} that is no matrix of {FP32}")
    size = output.parameters.get(BYTES, 0)
    expected = 0 if output.data is not None else prod(output.shape) * LITTLE_ENDIAN.itemsize
    if size != expected:
        raise _unreadable(f"{where} of another size than its shape says")
    return expected


def _array(output: _Tensor, raw: bytes) -> FloatArray:
    flat = np.frombuffer(raw, LITTLE_ENDIAN) if output.data is None else np.array(output.data)
    if flat.size != prod(output.shape):
        raise _unreadable(f"output {output.name!r} of another size than its shape says")
    return flat.astype(np.float32).reshape(output.shape)


def _unreadable(found: str) -> AnswerError:
    return AnswerError(f"answer: expected one of the Open Inference Protocol, found {found}")
