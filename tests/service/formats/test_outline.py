"""Long bodies in steps: the division of their text, and the same results as at once."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.arrays import FloatArray
from service.contract import GATE_MEAN, GATE_UNITS, LOGITS, PROBABILITIES, TYPICALITY, Metadata
from service.errors import BodyError, BodyTooLargeError, InputError, RequestError
from service.formats import division, outline
from service.formats.division import MAX_LISTS
from service.formats.gate_scale import read_gate_scale
from service.formats.infer_request import InferReader
from service.formats.infer_response import InferWriter
from service.formats.json_documents import MAX_TEXT_BYTES
from service.formats.outline import (
    LongList,
    LongReadError,
    Outline,
    Steps,
    max_row_bytes,
    outline_of,
)
from service.formats.predict import PredictWriter, read_long_predict, read_predict
from service.formats.requested_outputs import WantedOutput
from service.formats.rows import MAX_SEARCHED
from service.inference.outputs import BatchOutputs
from tests.service.conftest import METADATA, TABLE
from tests.service.formats.conftest import (
    INVALID_JSON,
    ROW,
    message_of,
    request,
    result_of,
    scale,
    tensor,
)

IMAGE_ROW = "[1,2.5,-3, 100]"
NESTED_ROW = "[[1,2],[3,4]]"
LIST_ROW = '[41,"nurse",true,null]'
OBJECT_ROW = '{"age": 1, "job": "pilot", "member": "true", "income": null}'
ODD_STRINGS = '"]", "[,", "\\"[", "\\\\", "\\\\\\"", "{"'


def outline_in(text: str, *, depth: int = 2, max_element_bytes: int = 100) -> Outline:
    return result_of(outline_of(text.encode(), depth=depth, max_element_bytes=max_element_bytes))


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the size of a block, and divide lists from 20 bytes on."""

    def divide(block: int) -> None:
        monkeypatch.setattr(outline, "BLOCK", block)
        monkeypatch.setattr(division, "SHORT", 20)

    return divide


@pytest.mark.parametrize("block", [1, 2, 3, 7, 16, 50, 1000])
@pytest.mark.parametrize(
    "elements",
    [
        *("1, 2, 3, 4, 5, 6, 7, 8, 9", '"a", "b,", "c", 1, "]", 2, "d", 7', ODD_STRINGS),
        *("[1, 2], [3, 4], [], [5, [6]]", '{"a": 1}, {"b": [2]}, {}, {}', "[1], 2, null, [3], 4"),
        *('null, true, [], {"a": "]"}, "x"', "\n1 ,\t2 , [ 3 ] , [ 4 ]\r\n , 5 , 6     "),
    ],
)
def test_a_list_has_the_same_elements_in_parts(
    small_blocks: Callable[[int], None], block: int, elements: str
) -> None:
    small_blocks(block)
    long_list = outline_in(f'{{"a": "[", "b": [{elements}], "c": [1]}}').parse_object("b")["b"]
    assert isinstance(long_list, LongList)
    found: list[Any] = []
    for part in long_list.parts():
        assert part.first == len(found)
        found += part.elements.as_list()
        del part
    expected = outline_in(f'{{"a": [[[{elements}]]]}}', depth=9).parse_object("a")["a"].as_list()
    assert [found] == expected[0]
    assert len(long_list) == len(found)


@pytest.mark.parametrize("block", [1, 4, 30])
@pytest.mark.parametrize(
    "text",
    [
        *('{"b": [1, 2, 3, 4, 5, 6, 7,, 8]}', '{"b": [1, 2, 3, 4, 5, 6, 7, 8,]}'),
        *('{"b": [, 1, 2, 3, 4, 5, 6, 7, 8]}', '{"b": [[1], [2] [3], [4], [5], [6]]}'),
        *('{"b": [[1], [2], [3], [4], [5], [6}}', '{"b": [1, 2, 3, 4, 5, 6, 7, 8, 9}}'),
        *('{"b": [1, 2, 3, 4, 5, 6, 7, 8, 9', "{[1, 2, 3, 4, 5, 6, 7, 8]: 1}"),
        *('{"b": 1[1, 2, 3, 4, 5, 6, 7, 8]}', '{"b": [1, 2, 3, 4, 5, 6, 7, 8]2}'),
        *('{"b": [1, 2, 3, 4, 5, 6, 7, 8]]', '{"b": [1, 2, 3, 4, 5, \\"6, 7, 8]}'),
        *('{"b": [1], "x": [1, 2, 3, 4, 5, NaN, 7]}', '{"b": ["a", "b", "c", "d" "e", "f"]}'),
        *('{"b": [[1], [2], [3], [4], [5]], , "c": 1}', '{"b": [[1], ], [2], [3], [4], [5]]}'),
    ],
)
def test_text_that_is_not_json_is_not_json_in_parts(
    small_blocks: Callable[[int], None], block: int, text: str
) -> None:
    small_blocks(block)
    assert message_of(BodyError, lambda: outline_in(text)) == INVALID_JSON


def test_all_beside_the_long_lists_must_be_short() -> None:
    body = f'{{"x": "{"a" * MAX_TEXT_BYTES}", "b": []}}'
    assert message_of(BodyTooLargeError, lambda: outline_in(body)) == (
        f"body: expected at most {MAX_TEXT_BYTES} bytes of JSON beside lists of rows, found more"
    )


@pytest.mark.parametrize("row", ["9" * 20_000, f'"{"a" * 20_000}"', f"[{'1,' * 9000}1]"])
def test_a_row_must_be_short(row: str) -> None:
    body = f'{{"b": [1, {row}, 2]}}'
    message = "body: expected at most 10000 bytes in one row, found more; send binary tensors"
    assert (
        message_of(BodyTooLargeError, lambda: outline_in(body, max_element_bytes=10_000)) == message
    )


def test_there_are_few_lists_at_the_depth_of_the_rows() -> None:
    body = f"[{'[],' * MAX_LISTS}[]]"
    assert message_of(BodyError, lambda: outline_in(body)) == (
        f"body: expected at most {MAX_LISTS} lists beside the rows, found more"
    )


def test_a_row_of_many_numbers_may_be_longer() -> None:
    assert (max_row_bytes(784), max_row_bytes(100_000)) == (MAX_TEXT_BYTES, 3_200_000)


# Reading in steps and at once.


def outcome(read: Callable[[], Any]) -> object:
    """Return a request with the bytes of its arrays, or its error."""
    try:
        parsed = read()
    except RequestError as error:
        return type(error), str(error)
    return [
        (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value
        for value in parsed
    ]


def ways(body: bytes, metadata: Metadata) -> list[tuple[Callable[[], Any], Steps[Any]]]:
    """Return each way to read a body at once, and the same in steps."""
    reader = InferReader(metadata, max_rows=5)
    return [
        (
            lambda: read_predict(body, metadata, max_rows=5),
            read_long_predict(body, metadata, max_rows=5),
        ),
        (lambda: reader.read(body, None), reader.read_long(body, None)),
    ]


WORDS = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"null", b"true", b"-", b"0", b"1e39", b"NaN"),
    *(b'"a,b"', b'"\\""', b"\\", b"\\\\", b'"\\\\"', b" ", b"  ,", b'"]"', b"1", b"[]", b"{}"),
    *(b"\xff", b"\xc3\xa9", b"\0", b"9" * 30),
]


@st.composite
def predict_bodies(draw: st.DrawFn) -> bytes:
    one = draw(st.sampled_from([IMAGE_ROW, NESTED_ROW, LIST_ROW, OBJECT_ROW]))
    rows = draw(st.lists(st.sampled_from([one, one, one, IMAGE_ROW, OBJECT_ROW]), max_size=7))
    scales = [draw(st.sampled_from(["[1, 0.5]", '{"highway 1": 2}', "{}"])) for _ in rows]
    other = draw(
        st.sampled_from(
            [
                *("", ', "gate_scale": [0.5, 1]', f', "gate_scale": [{",".join(scales)}]'),
                f', "x": [[1, 2, 3, 4, {ODD_STRINGS}], {{"a": [3, [4], "]"]}}]',
            ]
        )
    )
    return f'{{"instances": [{" , ".join(rows)}]{other}}}'.encode()


@st.composite
def infer_bodies(draw: st.DrawFn) -> bytes:
    rows = draw(st.integers(1, 6))
    value = draw(st.sampled_from([1, None, 2.5, "a,", [1]]))
    nested = draw(st.booleans())
    numbers: list[object] = [[*ROW[:3], value]] * rows if nested else [*ROW[:3], value] * rows
    inputs = [tensor(shape=[rows, 4], data=numbers), scale(*[[1, 0.5]] * rows)]
    return request(*inputs[: draw(st.integers(1, 2))], id="[")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(predict_bodies() | infer_bodies()))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(body) - 1))
        body[start : start + draw(st.sampled_from([0, 0, 1, 2, 5]))] = draw(st.sampled_from(WORDS))
    return bytes(body)


@given(damaged() | st.binary(max_size=40), st.sampled_from([2, 7, 16, 64]))
@settings(max_examples=200, deadline=None)
def test_a_body_gives_the_same_request_or_error_in_steps(body: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outline, "BLOCK", block)
        patch.setattr(division, "SHORT", 16)
        for metadata in (METADATA, TABLE):
            for at_once, steps in ways(body, metadata):
                assert outcome(partial(result_of, steps)) == outcome(at_once), metadata.input


FLOATS = st.floats(-1e6, 1e6, width=32)


@given(st.lists(st.lists(FLOATS, min_size=4, max_size=4), min_size=1, max_size=5), st.data())
def test_a_row_alone_is_the_same_as_in_any_batch(
    rows: list[list[float]], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    bodies = [json.dumps({"instances": some}).encode() for some in (rows, [rows[index]])]
    together, alone = (
        result_of(read_long_predict(body, METADATA, max_rows=5)).rows for body in bodies
    )
    assert together[index].tobytes() == alone[0].tobytes()


# What is not read at once.


def test_a_long_text_is_read_in_steps_only() -> None:
    body = b'{"instances": [[1, 2, 3, 4]]}' + b" " * MAX_TEXT_BYTES
    with pytest.raises(LongReadError):
        read_predict(body, METADATA, max_rows=5)
    with pytest.raises(LongReadError):
        InferReader(METADATA, max_rows=5).read(request() + b" " * MAX_TEXT_BYTES, None)


MANY = MAX_SEARCHED // 4 + 1


@pytest.mark.parametrize("row", ["[1,2,3,null]", "[1,2,3]", '["x"]', "[1,2,3,[4]]"])
def test_the_first_fault_of_many_rows_is_searched_in_steps(row: str) -> None:
    body = f'{{"instances": [{"[1,2,3,4]," * (MANY - 1)}{row}]}}'.encode()
    with pytest.raises(LongReadError):
        read_predict(body, METADATA, max_rows=MANY)
    steps = read_long_predict(body, METADATA, max_rows=MANY)
    message = message_of(InputError, lambda: result_of(steps))
    assert message.startswith(f"instances[{MANY - 1}]")


def test_many_scales_are_read_in_steps() -> None:
    layers = [f"highway {i}" for i in range(100)]
    rows = MAX_SEARCHED // 100 + 1
    value: Any = outline_in(f'{{"s": [{"{}," * (rows - 1)}{{}}]}}').parse_object("s")["s"]
    with pytest.raises(LongReadError):
        read_gate_scale(value, layers, rows)


# Writing in steps and at once.


def outputs_of(rows: int) -> dict[str, FloatArray]:
    chance = np.random.default_rng(1)
    widths = {LOGITS: 3, PROBABILITIES: 3, GATE_MEAN: 2, GATE_UNITS: 4, TYPICALITY: 3}
    return {name: chance.random((rows, width), np.float32) for name, width in widths.items()}


@pytest.mark.parametrize("rows", [1, 32, 33, 3000])
def test_predictions_are_the_same_bytes_in_steps(rows: int) -> None:
    outputs, writer = outputs_of(rows), PredictWriter(METADATA)
    written = result_of(writer.write_long(outputs))
    assert written == writer.write(BatchOutputs(outputs), 0, rows)


@pytest.mark.parametrize("classes", [None, 1, 2, 9])
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("rows", [1, 3000])
def test_tensors_are_the_same_bytes_in_steps(rows: int, binary: bool, classes: int | None) -> None:
    wanted = (WantedOutput(LOGITS, binary=False), WantedOutput(GATE_UNITS, binary, classes))
    outputs, writer = outputs_of(rows), InferWriter(METADATA)
    form = writer.form(wanted)
    written = result_of(writer.write_long(form, "7", outputs))
    assert written == writer.write(form, "7", BatchOutputs(outputs), 0, rows)


def test_writing_pauses_after_some_values() -> None:
    writer = InferWriter(METADATA)
    form = writer.form((WantedOutput(GATE_UNITS, binary=False),))
    assert len(list(writer.write_long(form, None, outputs_of(30_000)))) >= 15
    form = writer.form((WantedOutput(GATE_UNITS, binary=False, classes=4),))
    assert len(list(writer.write_long(form, None, outputs_of(3000)))) >= 45
    assert len(list(PredictWriter(METADATA).write_long(outputs_of(1024)))) >= 32
