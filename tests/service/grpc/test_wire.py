"""Messages are counted before protobuf decodes them, and typed floats are read from their bytes."""

import time

import numpy as np
import pytest

from service.errors import BodyError
from service.grpc.messages import ModelInferRequest
from service.grpc.wire import MALFORMED, MAX_OTHER_BYTES, check_decodable, read_floats
from tests.service.grpc.transport import request

FLOATS = np.array([1, 2], "<f4").tobytes()
LONG = MAX_OTHER_BYTES + 1
TOO_LONG = f"body: expected at most {MAX_OTHER_BYTES} bytes beside the tensors' data, found more"
TOO_MANY = "body: expected messages of at most 256 fields, found more; send the numbers packed"


def field(number: int, content: bytes) -> bytes:
    """Encode a field of bytes."""
    length, varint = len(content), b""
    while length > 0x7F:
        varint += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + varint + bytes([length]) + content


def test_a_request_with_long_tensors_can_be_decoded() -> None:
    raw = request(np.zeros((1024, 784)), outputs=[{"name": "logits"}], id="7")
    check_decodable(raw.SerializeToString())
    typed = ModelInferRequest(model_name="tiny")
    typed.inputs.add(name="input", shape=[1024, 784], contents=field(6, b"\0" * 3_211_264))
    check_decodable(typed.SerializeToString())


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (field(1, b"x" * LONG), TOO_LONG),
        (field(5, field(1, b"x" * LONG)), TOO_LONG),
        (field(5, field(4, b"") * LONG), TOO_MANY),
        (field(5, b"") * LONG, TOO_MANY),
        (field(7, b"") * LONG, TOO_MANY),
        (b"\x08\x01" * LONG, TOO_MANY),
        (field(7, b"x" * LONG)[:-1], MALFORMED),
        (b"\x0b" * LONG, MALFORMED),  # a group
        (b"\xff" * LONG, MALFORMED),  # a number without an end
        (field(7, b"x" * LONG) + b"\x09", MALFORMED),  # a number of eight bytes
    ],
)
def test_a_long_message_of_other_fields_is_refused_at_once(body: bytes, sentence: str) -> None:
    began = time.perf_counter()
    with pytest.raises(BodyError) as error:
        check_decodable(body)
    assert str(error.value) == sentence
    assert time.perf_counter() - began < 0.05


def test_the_fields_of_all_tensors_are_counted_together() -> None:
    tensor = field(5, field(5, b"") * 250)  # empty contents, which no other limit counts
    padding = field(7, bytes(MAX_OTHER_BYTES))
    check_decodable(tensor + padding)
    with pytest.raises(BodyError, match="expected messages of at most 256 fields, found more"):
        check_decodable(tensor * 2 + padding)


def test_a_short_message_is_left_to_protobuf() -> None:
    check_decodable(b"\xff" * MAX_OTHER_BYTES)


@pytest.mark.parametrize(
    "contents",
    [
        field(6, FLOATS),
        field(6, FLOATS[:4]) + field(6, FLOATS[4:]),
        b"\x35" + FLOATS[:4] + b"\x35" + FLOATS[4:],  # not packed
        field(1, b"\1") + field(6, FLOATS) + b"\x08\x01\x09" + b"\0" * 8,  # among other fields
    ],
)
def test_floats_are_read_in_each_form(contents: bytes) -> None:
    assert read_floats(contents) == FLOATS


def test_contents_without_floats_are_empty() -> None:
    assert read_floats(b"") == b""
    assert read_floats(field(7, FLOATS)) == b""
