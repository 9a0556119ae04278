"""The fields of a ModelInferRequest, counted before protobuf decodes it.

Protobuf decodes a message in one call, which for 4 MiB of tiny fields takes a tenth of a second. So
a long message must consist of few fields, and be short beside the tensors' data.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from typing import NamedTuple

from service.errors import BodyError

MAX_FIELDS = 256  # of a message, and of all tensors in it
MAX_OTHER_BYTES = 32_768  # of all fields without tensor data; decoded in 0.2 ms

MALFORMED = "body: expected a message of the method's type, found other bytes"

_INPUTS, _RAW_INPUT_CONTENTS = 5, 7  # of ModelInferRequest
_CONTENTS = 5  # of InferInputTensor
_FP32_CONTENTS = 6  # of InferTensorContents

_VARINT, _FIXED_64, _LENGTH, _FIXED_32 = 0, 1, 2, 5  # wire types; groups are malformed
_VARINT_BYTES = 10


class Field(NamedTuple):
    """A field of a message: its key begins at `begin`, its value is from `start` to `stop`."""

    number: int
    wire_type: int
    begin: int
    start: int
    stop: int


def check_decodable(body: bytes) -> None:
    """Raise `BodyError` for a message that takes long to decode."""
    if len(body) <= MAX_OTHER_BYTES:
        return
    size = inner_fields = 0
    for field in _fields(body, 0, len(body)):
        if field.number == _INPUTS and field.wire_type == _LENGTH:
            for part in _fields(body, field.start, field.stop):
                inner_fields += 1
                if inner_fields > MAX_FIELDS:
                    raise _too_many_fields()
                if part.number != _CONTENTS:
                    size += part.stop - part.begin
        elif field.number != _RAW_INPUT_CONTENTS:
            size += field.stop - field.begin
        if size > MAX_OTHER_BYTES:
            raise BodyError(
                f"body: expected at most {MAX_OTHER_BYTES} bytes beside the tensors' data, found "
                "more"
            )


def read_floats(contents: bytes) -> bytes:
    """Return the bytes of `fp32_contents`, little-endian."""
    values = [
        contents[field.start : field.stop]
        for field in _fields(contents, 0, len(contents))
        if field.number == _FP32_CONTENTS and field.wire_type in (_LENGTH, _FIXED_32)
    ]
    return values[0] if len(values) == 1 else b"".join(values)


def _fields(content: bytes, begin: int, end: int) -> Iterator[Field]:
    """Yield the fields between two positions; other bytes and too many fields are a `BodyError`."""
    for _ in range(MAX_FIELDS):
        if begin == end:
            return
        key, start = _varint(content, begin, end)
        wire_type = key & 7
        if wire_type == _LENGTH:
            length, start = _varint(content, start, end)
            stop = start + length
        elif wire_type == _VARINT:
            _, stop = _varint(content, start, end)
        elif wire_type in (_FIXED_32, _FIXED_64):
            stop = start + (4 if wire_type == _FIXED_32 else 8)
        else:
            raise BodyError(MALFORMED)
        if stop > end:
            raise BodyError(MALFORMED)
        yield Field(key >> 3, wire_type, begin, start, stop)
        begin = stop
    if begin != end:
        raise _too_many_fields()


def _too_many_fields() -> BodyError:
    return BodyError(
        f"body: expected messages of at most {MAX_FIELDS} fields, found more; send the numbers "
        "packed"
    )


def _varint(content: bytes, position: int, end: int) -> tuple[int, int]:
    """Return the unsigned integer at `position` and the position after it."""
    if position < end and content[position] < 0x80:
        return content[position], position + 1
    value = 0
    for index, byte in enumerate(content[position : min(end, position + _VARINT_BYTES)]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, position + index + 1
    raise BodyError(MALFORMED)
