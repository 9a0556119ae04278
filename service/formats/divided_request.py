"""Inference requests divided into the numbers of their input and the frame around those.

A client sends the same frame with each request, so that it is read once. The frame of JSON has a
number in the place of the list: together, both parts are JSON if and only if the whole is. A list
in a string does no harm: the number is then in the string, and the frame has no member with that
value.
"""

import secrets
from typing import Any

import numpy as np

from service.arrays import FloatArray, all_finite
from service.contract import INPUT
from service.errors import BodyError, InputError
from service.formats.json_documents import MAX_TEXT_BYTES, parse
from service.formats.rows import to_float32
from service.formats.tensors import FLOAT, ITEM_SIZE, Shape

MAX_FRAME_BYTES = 4096
# No client can guess it, and with a space on each side it joins no other number.
NUMBERS = secrets.randbelow(1 << 61) + (1 << 61)

_PLACE = b" %d " % NUMBERS


def divide_tensor(body: bytes) -> tuple[bytes, bytes] | None:
    """Return the text around the first list of `data`, and that list.

    The list ends at its first closing bracket. None if there is no list, or a part takes long to
    read.
    """
    return _divide(body, body.find(b"[", body.find(b'"data"')))


def divide_instance(body: bytes) -> tuple[bytes, bytes] | None:
    """Return the same for the first list in a list: one row."""
    return _divide(body, body.find(b"[[") + 1)


def _divide(body: bytes, start: int) -> tuple[bytes, bytes] | None:
    stop = body.find(b"]", start) + 1
    frame_bytes = len(body) - (stop - start)
    if start <= 0 or not stop or frame_bytes > MAX_FRAME_BYTES or len(body) > MAX_TEXT_BYTES:
        return None
    return b"%b%b%b" % (body[:start], _PLACE, body[stop:]), body[start:stop]


def read_json_rows(numbers: bytes, shape: Shape) -> FloatArray | None:
    """Return a flat list of numbers as rows, or None if the text is anything else."""
    try:
        array: Any = parse(numbers)
        values = np.frombuffer(array.as_buffer(of_type="d"))
        if len(values) != shape[0] * shape[1]:
            return None
        return to_float32(values, shape[0], INPUT)
    except (AttributeError, BodyError, InputError, TypeError):
        return None


def read_binary_rows(body: bytes, start: int, shape: Shape) -> FloatArray | None:
    """Return the bytes from `start` on as rows, or None if they are not just finite numbers."""
    count = shape[0] * shape[1]
    if len(body) != start + count * ITEM_SIZE:
        return None
    values: FloatArray = np.frombuffer(body, FLOAT, count, start)
    return values.reshape(shape) if all_finite(values) else None
