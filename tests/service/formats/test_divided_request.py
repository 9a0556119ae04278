"""Requests read in two parts give what they give as a whole, for any body."""

import json
import re
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.arrays import FloatArray
from service.classifier import Classifier
from service.errors import RequestError
from service.formats.divided_request import (
    MAX_FRAME_BYTES,
    NUMBERS,
    divide_tensor,
    read_binary_rows,
    read_json_rows,
)
from service.formats.infer_request import InferReader
from service.formats.json_documents import MAX_TEXT_BYTES
from service.formats.outline import LongReadError
from service.formats.rows import MAX_SEARCHED
from service.http.endpoints import CACHED_REQUEST_FRAMES, HEAD_LENGTH, InferEndpoint, ParsedRequest
from tests.service.conftest import TABLE, Recipe, served, take_missing_values
from tests.service.formats.conftest import NAN, ROW, binary, floats, request, result_of, scale
from tests.service.formats.conftest import tensor as described
from tests.service.formats.request_bodies import bodies

MAX_ROWS = 5
N = b" %d " % NUMBERS


def endpoint_of(recipe: Recipe, max_rows: int = MAX_ROWS) -> InferEndpoint:
    (model,) = served(Classifier(recipe.build()))
    return InferEndpoint(model, max_rows=max_rows)


IMAGES = endpoint_of(Recipe())
TABLES = endpoint_of(Recipe(metadata=TABLE, change=take_missing_values))


def headers(length: int | None) -> dict[bytes, bytes]:
    return {} if length is None else {HEAD_LENGTH: b"%d" % length}


def read_whole(endpoint: InferEndpoint, body: bytes, length: int | None) -> ParsedRequest:
    """Read a request as if no division existed."""
    reader: InferReader = endpoint._reader
    try:
        parsed = reader.read(body, length)
    except LongReadError:
        parsed = result_of(reader.read_long(body, length))
    return endpoint._parsed(parsed)


def read(endpoint: InferEndpoint, body: bytes, length: int | None) -> ParsedRequest:
    """Read a request as the server does."""
    try:
        return endpoint.read(headers(length), body)
    except LongReadError:
        return result_of(endpoint.read_long(headers(length), body))


def bits(values: FloatArray | None) -> object:
    return None if values is None else (values.dtype, values.shape, values.tobytes())


def outcome(call: Callable[[], ParsedRequest]) -> object:
    """Return all of a request, with the bits of its arrays, or its error."""
    try:
        parsed = call()
    except RequestError as error:
        return type(error), str(error)
    assert isinstance(parsed.write, partial)
    form, identifier = parsed.write.args
    inference = parsed.request
    return (
        *(bits(inference.rows), inference.outputs, bits(inference.gate_scale)),
        *(form.wanted, identifier, parsed.timeout_us, parsed.write_long is None),
    )


def check(body: bytes, length: int | None = None) -> None:
    """Compare both ways for both models, for the first time and with a known frame."""
    for endpoint in (IMAGES, TABLES):
        expected = outcome(partial(read_whole, endpoint, body, length))
        for _ in range(2):
            assert outcome(partial(read, endpoint, body, length)) == expected


def is_divided(body: bytes, length: int | None = None, endpoint: InferEndpoint = IMAGES) -> bool:
    """Return whether a request is read in two parts."""
    return endpoint._read_numbers(body, length) is not None


@given(bodies())
@settings(max_examples=300, deadline=None)
@example(b'{"data":[1,2,3,4],"inputs":[{"name":"input","datatype":"FP32","shape":[1,4]}]}')
@example(b'{"id":"data","inputs":[]}')
@example(b'"data"[')
@example(b"[")
@example(b"")
def test_a_json_request_is_the_same_in_two_parts(body: bytes) -> None:
    check(body)


@given(bodies(), bodies())
@settings(max_examples=100, deadline=None)
def test_a_json_request_with_the_numbers_of_another_is_the_same_in_two_parts(
    body: bytes, other: bytes
) -> None:
    one, two = divide_tensor(body), divide_tensor(other)
    if one is not None and two is not None:
        check(body)  # its frame is known now
        check(one[0].replace(N, two[1]))


@st.composite
def binary_requests(draw: st.DrawFn) -> tuple[bytes, int]:
    """Return a body and the length of its JSON; half of the numbers have the declared size."""
    head = draw(bodies(behind=True))
    count = sum(int(size) // 4 for size in re.findall(rb'"binary_data_size": (\d{1,3})', head))
    count += draw(st.sampled_from([0, 0, 0, -1, 1]))
    odd = draw(st.sampled_from([1.0, 1.0, -0.0, 3.4028235e38, NAN, float("inf")]))
    content = floats(*[*[0.5] * (count - 1), odd][: max(count, 0)])
    body = head + content + draw(st.sampled_from([b"", b"", b"", b"\0"]))
    length = len(head) + draw(st.sampled_from([0, 0, 0, 0, -1, 1]))
    return body, min(max(0, length), len(body))


@given(binary_requests())
@settings(max_examples=300, deadline=None)
def test_a_binary_request_is_the_same_in_two_parts(binary_request: tuple[bytes, int]) -> None:
    check(*binary_request)


@given(st.lists(st.floats(width=32), min_size=4, max_size=4))
def test_any_bits_of_a_binary_row_are_the_same_in_two_parts(values: list[float]) -> None:
    head = request(binary())
    check(head + floats(*values), len(head))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_any_numbers_of_a_json_row_are_the_same_in_two_parts(values: list[float]) -> None:
    check(request(described(data=values)))


# What is read in two parts.


def test_usual_requests_are_read_in_two_parts() -> None:
    head = request(binary(), scale([1, 1]), id="7")
    assert is_divided(head + floats(*ROW), len(head))
    assert is_divided(request())
    assert is_divided(request(id="7", outputs=[{"name": "logits"}], parameters={"timeout": 5}))
    assert is_divided(request(described(), scale([1, 0.5])))
    assert is_divided(request(described(shape=[2, 4], data=[*ROW, *ROW])))
    assert is_divided(json.dumps({"inputs": [described()]}, indent=4).encode())
    assert is_divided(request(), endpoint=TABLES)


@pytest.mark.parametrize(
    "body",
    [
        request(described(data=[ROW])),  # nested
        request(described(data=[1, 2, 3])),
        request(described(data=[1, 2, 3, None])),
        request(described(data=[1, 2, 3, 1e39])),
        request(described(data=[1, 2, 3, "]"])),
        request(described(data=[])),
        request(scale([1, 0.5]), described()),  # the first list of `data` is not the input's
        b'{"data": [1,2,3,4], ' + request()[1:],
        request(binary()),
        request().replace(b'"data"', rb'"da\u0074a"'),
        request(id="x" * MAX_FRAME_BYTES),
        b"",
    ],
)
def test_other_requests_are_read_as_a_whole(body: bytes) -> None:
    for endpoint in (IMAGES, TABLES):
        assert not is_divided(body, endpoint=endpoint)
    check(body)


def test_a_request_with_two_lists_of_data_is_the_same_in_two_parts() -> None:
    for first, second in (("[1,2,3,4]", "[5,6,7,8]"), ("[1,2,3,4]", "1"), ("1", "[5,6,7,8]")):
        twice = request(described(data="@")).replace(b'"@"', f'{first}, "data": {second}'.encode())
        check(twice)


def test_a_missing_value_is_read_as_a_whole() -> None:
    head = request(binary())
    assert not is_divided(head + floats(1, NAN, 3, 4), len(head), TABLES)
    check(head + floats(1, NAN, 3, 4), len(head))


def test_a_frame_is_read_again_with_other_numbers() -> None:
    head = request(binary(), id="7")
    for row in ([1, 2, 3, 4], [5, 6, 7, 8], [1, 2, 3, 4]):
        for body, length in (
            (request(described(data=row), id="7"), None),
            (head + floats(*row), len(head)),
        ):
            assert read(IMAGES, body, length).request.rows.tolist() == [row]


def test_frames_that_differ_in_a_byte_are_distinguished() -> None:
    for name in (*"abc", *"cba"):
        parsed = read(IMAGES, request(id=name), None)
        assert isinstance(parsed.write, partial)
        assert parsed.write.args[1] == name


def test_more_frames_than_are_kept_are_read() -> None:
    for turn in range(2):
        for number in range(CACHED_REQUEST_FRAMES + 10):
            body = request(described(data=[number, turn, 0, 0]), id=str(number))
            assert read(IMAGES, body, None).request.rows.tolist() == [[number, turn, 0, 0]]


def test_an_error_of_a_known_frame_is_that_of_the_whole_request() -> None:
    head = request(binary())
    for _ in range(2):
        check(head + floats(*ROW), len(head))
        for wrong in (floats(1, NAN, 3, 4), floats(1, 2, 3), floats(1, 2, 3, 4, 5)):
            check(head + wrong, len(head))


def test_two_models_share_no_frame() -> None:
    plain = endpoint_of(Recipe(), max_rows=1)
    body = request(described(shape=[2, 4], data=[*ROW, *ROW]))
    assert is_divided(body)
    assert not is_divided(body, endpoint=plain)


def test_a_request_of_many_rows_beside_a_bracket_in_a_string_is_the_same_in_two_parts() -> None:
    rows = MAX_SEARCHED // 4 + 1
    endpoint = endpoint_of(Recipe(), max_rows=rows)
    body = request(described(shape=[rows, 4], data=ROW * rows), id="[")
    expected = outcome(partial(read_whole, endpoint, body, None))
    assert outcome(partial(read, endpoint, body, None)) == expected


# The functions.


def test_the_first_list_after_data_is_divided_from_a_text() -> None:
    assert divide_tensor(b'{"x": [1], "data": [2, 3], "y": [4]}') == (
        b'{"x": [1], "data": ' + N + b', "y": [4]}',
        b"[2, 3]",
    )


@pytest.mark.parametrize(
    "text",
    [b"", b"[", b"[1]", b'{"data": 1}', b'{"data": [1, 2', b'{"data": ]', b'[1], "data": 2', b"{]"],
)
def test_a_text_without_a_list_of_data_is_not_divided(text: bytes) -> None:
    assert divide_tensor(text) is None


def test_the_parts_of_a_text_are_short() -> None:
    for length, short in ((MAX_FRAME_BYTES, True), (MAX_FRAME_BYTES + 1, False)):
        text = b'"data"[1]'
        text += b" " * (length - len(text) + len(b"[1]"))
        assert (divide_tensor(text) is not None) == short
    numbers = b"[" + b"1" * (MAX_TEXT_BYTES - 8) + b"]"
    assert divide_tensor(b'"data"' + numbers) is not None
    assert divide_tensor(b'"data"1' + numbers) is None


def test_numbers_become_rows_of_the_shape() -> None:
    rows = read_json_rows(b"[1, 2.5, -3, 1e2]", (2, 2))
    assert rows is not None
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 2.5], [-3, 100]]


@pytest.mark.parametrize(
    "text",
    [
        *(b"[1, 2, 3]", b"[1, 2, 3, 4, 5]", b"[1, 2, 3, [4]", b"[1, 2, 3, null]", b"[1,2,3,true]"),
        *(b"[1, 2, 3, 1e39]", b"[1, 2, 3, 1e400]", b"[1, 2, 3 4]", b'["a"]', b"[]", b"[1,2,3,4,]"),
        *(b'[{"a":1},{"a":1}]', b'["]', b"[1,2,3,\xff]", b"1", b"{}", b""),
    ],
)
def test_other_text_is_not_rows(text: bytes) -> None:
    assert read_json_rows(text, (2, 2)) is None


def test_the_numbers_of_one_request_are_not_those_of_the_next() -> None:
    first = read_json_rows(b"[1, 2]", (1, 2))
    second = read_json_rows(b"[3, 4]", (1, 2))
    assert first is not None
    assert second is not None
    assert (first.tolist(), second.tolist()) == ([[1, 2]], [[3, 4]])


def test_bytes_become_rows_of_the_shape() -> None:
    body = b"head" + floats(1, 2, 3, 4)
    rows = read_binary_rows(body, 4, (2, 2))
    assert rows is not None
    assert rows.tolist() == [[1, 2], [3, 4]]
    assert read_binary_rows(body + b"\0", 4, (2, 2)) is None
    assert read_binary_rows(body[:-1], 4, (2, 2)) is None
    for value in (NAN, float("inf"), -float("inf")):
        assert read_binary_rows(b"head" + floats(1, value, 3, 4), 4, (2, 2)) is None
