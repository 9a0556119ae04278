"""Protocol requests for the tiny model, four values and two layers, as a client writes them."""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pytest

from service.arrays import FloatArray
from service.errors import RequestError
from service.formats.infer_request import InferReader, InferRequest
from service.formats.outline import LongReadError, Steps
from tests.service.conftest import METADATA, TABLE

T = TypeVar("T")

IMAGES = InferReader(METADATA, max_rows=5)
TABLES = InferReader(TABLE, max_rows=5)

NAN, INFINITY = float("nan"), float("inf")
ROW = [1, 2.5, -3, 100]
INVALID_JSON = "body: invalid JSON; numbers must fit 64 bits, and NaN and Infinity are not allowed"


def tensor(name: object = "input", **members: object) -> dict[str, object]:
    """Describe one row of the input, with some members replaced."""
    return {"name": name, "datatype": "FP32", "shape": [1, 4], "data": ROW, **members}


def binary(size: object = 16, name: str = "input", **members: object) -> dict[str, object]:
    """Describe a tensor whose values follow in `size` bytes."""
    described = tensor(name, parameters={"binary_data_size": size}, **members)
    del described["data"]
    return described


def scale(*rows: Sequence[float]) -> dict[str, object]:
    """Describe a gate_scale."""
    return tensor("gate_scale", shape=[len(rows), 2], data=rows)


def request(*inputs: object, **members: object) -> bytes:
    """Write a request, by default of one row."""
    return json.dumps({"inputs": inputs or [tensor()], **members}).encode()


def read(head: bytes, *contents: bytes, reader: InferReader = IMAGES) -> InferRequest:
    """Read JSON alone, or JSON and the binary tensors behind it, at once or in steps."""
    body, length = b"".join((head, *contents)), len(head) if contents else None
    try:
        return reader.read(body, length)
    except LongReadError:
        return result_of(reader.read_long(body, length))


def result_of(steps: Steps[T]) -> T:
    """Take all steps; return the result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def message_of(error: type[RequestError], call: Callable[[], object]) -> str:
    """Return the message of the error that a call raises."""
    with pytest.raises(RequestError) as caught:
        call()
    assert caught.type is error
    return str(caught.value)


def rejected(
    error: type[RequestError], head: bytes, *contents: bytes, reader: InferReader = IMAGES
) -> str:
    """Return the message of the error that `read` raises."""
    return message_of(error, lambda: read(head, *contents, reader=reader))


def floats(*values: float) -> bytes:
    """Write the bytes of a binary tensor."""
    return np.array(values, "<f4").tobytes()


def same_bits(left: FloatArray, right: FloatArray) -> bool:
    """Compare float32 numbers so that 0 differs from -0, and NaN equals itself."""
    return left.shape == right.shape and left.tobytes() == right.tobytes()
