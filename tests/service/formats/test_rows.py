import json
from dataclasses import replace

import numpy as np
import pytest
import simdjson
from hypothesis import given
from hypothesis import strategies as st

from service.arrays import FloatArray
from service.contract import Column, Input
from service.errors import BodyError, InputError, RequestError
from service.formats.predict import read_predict
from service.formats.rows import (
    MAX_SQUARED,
    Numbers,
    first_mismatch,
    first_not_finite,
    read_nullable_numbers,
    read_numbers,
    to_float32,
)
from tests.service.conftest import METADATA
from tests.service.formats.conftest import INVALID_JSON, message_of

IMAGE = Input(kind="image", shape=(2, 2), unit="pixel")
COLOUR = Input(kind="image", shape=(1, 2, 3), unit="pixel")
TABLE = Input(
    kind="table", shape=(4,), unit="mixed", columns=tuple(Column(name=name) for name in "abcd")
)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def decode(body: str | bytes, row: Input = IMAGE) -> FloatArray:
    content = body.encode() if isinstance(body, str) else body
    return read_predict(content, replace(METADATA, input=row), max_rows=5).rows


def rejected(rows: str, row: Input = IMAGE) -> str:
    return message_of(InputError, lambda: decode(f'{{"instances": [{rows}]}}', row))


def test_rows_become_one_float32_array() -> None:
    rows = decode('{"instances": [[1, 2.5, -3, 1e2], [0, 0, 0, 0]]}')
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 2.5, -3, 100], [0, 0, 0, 0]]


def test_an_image_may_be_nested_rows_of_pixels() -> None:
    assert decode('{"instances": [[[1, 2], [3, 4]]]}').tolist() == [[1, 2, 3, 4]]


def test_a_colour_image_may_be_nested_rows_of_pixels_of_three_numbers() -> None:
    nested = decode('{"instances": [[[[1, 2, 3], [4, 5, 6]]]]}', COLOUR)
    assert nested.tolist() == decode('{"instances": [[1, 2, 3, 4, 5, 6]]}', COLOUR).tolist()
    assert nested.tolist() == [[1, 2, 3, 4, 5, 6]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "[[[1, 2, 3]], [], []]",
            "instances[0]: expected a list of 1 rows of pixels, found one of 3",
        ),
        ("[[[1, 2, 3]]]", "instances[0][0]: expected a list of 2 pixels, found one of 1"),
        ("[[[1, 2, 3], 4]]", "instances[0][0][1]: expected a list of 3 numbers, found a number"),
        (
            "[[[1, 2, 3], [4, null, 6]]]",
            "instances[0][0][1][1]: expected a number, found null",
        ),
        ("[1, 2, 3, 4, 5]", "instances[0]: expected a list of 6 numbers, found one of 5"),
    ],
)
def test_an_error_names_the_part_of_a_colour_image_to_correct(row: str, message: str) -> None:
    assert rejected(row, COLOUR) == message


def test_the_rows_of_a_numeric_table_are_read_unchanged() -> None:
    assert decode('{"instances": [[1, 2.5, -3, 1e2]]}', TABLE).tolist() == [[1, 2.5, -3, 100]]


def test_other_members_are_ignored_even_if_they_hold_lists() -> None:
    body = '{"tags": ["[", [1]], "instances": [[1, 2, 3, 4]], "id": "x"}'
    assert decode(body).tolist() == [[1, 2, 3, 4]]


@given(st.lists(st.lists(FLOATS, min_size=4, max_size=4), min_size=1, max_size=5))
def test_any_float32_is_read_exactly_flat_or_nested(values: list[list[float]]) -> None:
    nested = [[row[:2], row[2:]] for row in values]
    expected = np.array(values, np.float32)
    assert np.array_equal(decode(json.dumps({"instances": values})), expected)
    assert np.array_equal(decode(json.dumps({"instances": nested})), expected)


@given(st.binary(max_size=60), st.integers(0, 40), st.integers(0, 40))
def test_a_damaged_body_is_rows_or_a_request_error(noise: bytes, start: int, length: int) -> None:
    body = b'{"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}'
    try:
        rows = decode(body[:start] + noise + body[start + length :])
    except RequestError:
        return
    assert rows.shape[1] == 4
    assert np.isfinite(rows).all()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"instances": [[1, 2, 3, 4]',
        b'{"instances": [[1, 2, 3, 4]]} x',
        b'{"instances": [[1, 2, 3, NaN]]}',
        b'{"instances": [[1, 2, 3, Infinity]]}',
        b'{"instances": [[1, 2, 3, 1e400]]}',
        b'{"instances": [[1, 2, 3, 99999999999999999999]]}',
        b'{"instances": [[1, 2, 3, ' + b"9" * 5000 + b"]]}",
        b'{"instances": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"instances": [[1, 2, 3, "\\ud800"]]}',
        b'{"\\ud800": 1, "instances": [[1, 2, 3, 4]]}',
        b'{"\xff": 1, "instances": [[1, 2, 3, 4]]}',
        '{"instances": [[1, 2, 3, 4]]}'.encode("utf-16"),
        b"instances=1",
    ],
    ids=lambda body: str(body[:30]),
)
def test_invalid_json_is_rejected(body: bytes) -> None:
    assert message_of(BodyError, lambda: decode(body)) == INVALID_JSON


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[]", "body: expected a JSON object, found a list"),
        ('"instances"', "body: expected a JSON object, found a string"),
        ("3", "body: expected a JSON object, found a number"),
        ("null", "body: expected a JSON object, found null"),
        ("{}", "body: the member 'instances' is missing"),
        ('{"instances": null}', "body: the member 'instances' is missing"),
        ('{"instances": {}}', "instances: expected a list of rows, found an object"),
        ('{"instances": true}', "instances: expected a list of rows, found a boolean"),
    ],
)
def test_an_error_names_the_json_type_of_another_body(body: str, message: str) -> None:
    assert message_of(BodyError, lambda: decode(body)) == message


ROW = "[1, 2, 3, 4]"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "instances: expected at least one row, found none"),
        (
            ", ".join([ROW] * 6),
            "instances: expected at most 5 rows, found 6; send them in parts",
        ),
        ("[1, 2, 3]", "instances[0]: expected a list of 4 numbers, found one of 3"),
        ("[]", "instances[0]: expected a list of 4 numbers, found one of 0"),
        (f"{ROW}, [1, 2, 3, 4, 5]", "instances[1]: expected a list of 4 numbers, found one of 5"),
        (f"{ROW}, 5", "instances[1]: expected a list of 4 numbers, found a number"),
        ("1, 2, 3, 4", "instances[0]: expected a list of 4 numbers, found a number"),
        (f"{ROW}, null", "instances[1]: expected a list of 4 numbers, found null"),
        ('[1, 2, "3", 4]', "instances[0][2]: expected a number, found a string"),
        ("[1, 2, null, 4]", "instances[0][2]: expected a number, found null"),
        ("[1, true, 3, 4]", "instances[0][1]: expected a number, found a boolean"),
        ("[1, 2, 3, [4]]", "instances[0][3]: expected a number, found a list"),
        ("[1, 2, 3, {}]", "instances[0][3]: expected a number, found an object"),
        ("[1, [], 3, [4, 2]]", "instances[0][1]: expected a number, found a list"),
        ("[[1, 2], [3]]", "instances[0][1]: expected a list of 2 numbers, found one of 1"),
        ("[[1, 2], 3]", "instances[0][1]: expected a list of 2 numbers, found a number"),
        ("[[1, 2]]", "instances[0]: expected a list of 2 rows of pixels, found one of 1"),
        (
            f"[[1, 2], [3, 4]], {ROW}",
            "instances[1]: expected a list of 2 rows of pixels, found one of 4",
        ),
        ("[[1, 2], [3, [4]]]", "instances[0][1][1]: expected a number, found a list"),
        (
            f"{ROW}, [1, 2, 3, 1e39]",
            "instances[1]: a number overflows float32",
        ),
    ],
)
def test_an_error_names_the_row_that_does_not_fit(rows: str, message: str) -> None:
    assert rejected(rows) == message


def test_a_tables_row_cannot_be_nested() -> None:
    assert rejected("[[1, 2], [3, 4]]", TABLE) == (
        "instances[0]: expected a list of 4 values, found one of 2"
    )


# Lists of numbers.

SIZES = [1, 2, 784, MAX_SQUARED - 1, MAX_SQUARED, MAX_SQUARED + 1, 2 * MAX_SQUARED]


def parsed(text: str | bytes, parser: simdjson.Parser | None = None) -> simdjson.Array:
    """Parse a list, or an object whose member `a` is a list."""
    content = text if isinstance(text, bytes) else text.encode()
    document = (parser or simdjson.Parser()).parse(content)
    array = document["a"] if isinstance(document, simdjson.Object) else document
    assert isinstance(array, simdjson.Array)
    return array


def numbers(text: str, *shape: int, lists_around: int = 0) -> Numbers | None:
    return read_numbers(text.encode(), parsed(text), shape, lists_around=lists_around)


def test_numbers_of_any_nesting_are_read_flat() -> None:
    for text, shape in (
        ("[1, 2.5, -3, 1e2]", (4,)),
        ("[[1, 2.5], [-3, 1e2]]", (2, 2)),
        ("[[[1], [2.5]], [[-3], [1e2]]]", (2, 2, 1)),
    ):
        values = numbers(text, *shape)
        assert values is not None
        assert values.tolist() == [1, 2.5, -3, 100]


def test_integers_of_64_bits_are_rounded_to_float64() -> None:
    values = numbers("[9007199254740993, 18446744073709551615, -9223372036854775808]", 3)
    assert values is not None
    assert values.tolist() == [2.0**53, 2.0**64, -(2.0**63)]


def test_numbers_outlive_the_parsers_document() -> None:
    parser = simdjson.Parser()
    values = read_numbers(b"[1, 2]", parsed(b"[1, 2]", parser), (2,))
    parser.parse(b"[3, 4]")
    assert values is not None
    assert values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[1, 2]", (3,)),
        ("[1, 2, 3]", (2,)),
        ("[]", (1,)),
        ("[1, 2]", (1, 2)),
        ("[[1, 2]]", (2,)),
        ("[[1, 2], [3]]", (2, 2)),
        ("[[1, 2], [3, 4, 5]]", (2, 2)),
        ("[[1, 2], 3]", (2, 2)),
        ("[[[1, 2]]]", (1, 2)),
        ("[1, null]", (2,)),
        ("[1, true]", (2,)),
        ('[1, "2"]', (2,)),
        ("[1, {}]", (2,)),
        ('[1, {"a": 2}]', (2,)),
        ("[1, []]", (2,)),
        ("[1, [2]]", (2,)),
        ("[[1, [2]]]", (1, 2)),
        ("[[1, [2, 3]], [4, []]]", (2, 2)),
    ],
)
def test_another_nesting_or_type_is_not_numbers(text: str, shape: tuple[int, ...]) -> None:
    assert numbers(text, *shape) is None


def test_lists_and_brackets_elsewhere_in_the_text_are_ignored() -> None:
    text = b'{"a": [1, 2], "b": [[3]], "c": "[]["}'
    for lists_around in (0, 2, 9):
        values = read_numbers(text, parsed(text), (2,), lists_around=lists_around)
        assert values is not None
        assert values.tolist() == [1, 2]


def test_nested_numbers_are_read_beside_other_brackets() -> None:
    text = b'{"a": [[[1], [2]], [[3], [4]]], "c": "[["}'
    values = read_numbers(text, parsed(text), (2, 2, 1))
    assert values is not None
    assert values.tolist() == [1, 2, 3, 4]


def test_surplus_numbers_are_detected_even_if_the_brackets_agree() -> None:
    assert numbers("[1, [2, 3]]", 2, lists_around=1) is None


def test_a_list_among_numbers_is_detected_for_any_other_lists() -> None:
    text = b'{"a": [1, [2]], "b": [[3]], "c": "[]["}'
    for lists_around in (0, 2, 9):
        assert read_numbers(text, parsed(text), (2,), lists_around=lists_around) is None


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("[1, 2]", (3,), "here: expected a list of 3 items, found one of 2"),
        ("[1, [2]]", (2,), "here[1]: expected a number, found a list"),
        ("[1, true]", (2,), "here[1]: expected a number, found a boolean"),
        ("[[1], [2], 3]", (3, 1), "here[2]: expected a list of 1 items, found a number"),
        ("[[1, 2], [3, null]]", (2, 2), "here[1][1]: expected a number, found null"),
        ('[[1, "x"], [3]]', (2, 2), "here[0][1]: expected a number, found a string"),
    ],
)
def test_an_error_names_the_location_of_the_first_mismatch(
    text: str, shape: tuple[int, ...], message: str
) -> None:
    items = ("rows", "items")[-len(shape) :]
    assert str(first_mismatch(parsed(text), shape, items, "here")) == message


def test_null_among_numbers_is_missing_flat_or_nested() -> None:
    for text, shape in (("[1, null, 3, null]", (4,)), ("[[1, null], [3, null]]", (2, 2))):
        values = read_nullable_numbers(parsed(text), shape)
        assert values is not None
        assert np.isnan(values).tolist() == [False, True, False, True]
        assert values[::2].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[null, true]", (2,)),
        ('[null, "1"]', (2,)),
        ("[null, [1]]", (2,)),
        ("[null, {}]", (2,)),
        ("[null]", (2,)),
        ("[[null], [1, 2]]", (2, 1)),
        ("[[null], null]", (2, 1)),
    ],
)
def test_only_numbers_and_null_are_nullable_numbers(text: str, shape: tuple[int, ...]) -> None:
    assert read_nullable_numbers(parsed(text), shape) is None


@pytest.mark.parametrize("size", SIZES)
def test_every_number_is_converted(size: int) -> None:
    values = np.linspace(0.5, size - 0.5, size)
    rows = to_float32(values, 1, "here")
    assert rows.dtype == np.float32
    assert rows.tolist() == [[index + 0.5 for index in range(size)]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_every_number_that_is_not_finite_is_detected(size: int, value: float) -> None:
    for index in {0, size // 2, size - 1}:
        rows = np.zeros((1, size), np.float32)
        assert first_not_finite(rows) is None
        rows[0, index] = value
        assert first_not_finite(rows) == 0
        assert first_not_finite(rows, allow_nan=True) == (None if np.isnan(value) else 0)


@pytest.mark.parametrize("width", [2, MAX_SQUARED])
def test_rows_are_counted_from_0(width: int) -> None:
    rows = np.zeros((4, width), np.float32)
    rows[1, -1], rows[2, 0], rows[3, 0] = np.nan, np.inf, np.inf
    assert (first_not_finite(rows), first_not_finite(rows, allow_nan=True)) == (1, 2)


@pytest.mark.parametrize("value", [3e38, -3.4028235e38])
@pytest.mark.parametrize("size", [1, 784, 2 * MAX_SQUARED])
def test_numbers_whose_squares_overflow_are_finite(size: int, value: float) -> None:
    rows = np.full((2, size), value, np.float32)
    assert first_not_finite(rows) is None
    rows[1, size // 2] = np.nan
    assert first_not_finite(rows) == 1


@pytest.mark.parametrize("value", [-3.5e38, 3.4028236e38, 1e200, -1.7e308])
@pytest.mark.parametrize("size", [2, 784, 2 * MAX_SQUARED])
def test_a_number_that_overflows_float32_is_rejected_without_a_warning(
    size: int, value: float
) -> None:
    values = np.zeros(size)
    values[-1] = value
    assert message_of(InputError, lambda: to_float32(values, 2, "here")) == (
        "here[1]: a number overflows float32"
    )


@pytest.mark.parametrize("value", [1e38, 3.4028235e38])
def test_the_largest_numbers_of_float32_are_read(value: float) -> None:
    assert to_float32(np.full(4, value), 2, "here").tolist() == [[np.float32(value)] * 2] * 2


def test_a_missing_value_stays_missing() -> None:
    rows = to_float32(np.array([1, np.nan, 3, 4]), 2, "here")
    assert np.isnan(rows).tolist() == [[False, True], [False, False]]
    assert rows[[0, 1, 1], [0, 0, 1]].tolist() == [1, 3, 4]


@given(st.lists(st.floats(-1e38, 1e38), min_size=1, max_size=20))
def test_numbers_are_rounded_to_float32_as_numpy_rounds_them(expected: list[float]) -> None:
    values = numbers(json.dumps(expected), len(expected))
    assert values is not None
    rows = to_float32(values, 1, "here")
    assert rows.tobytes() == np.array(expected, np.float64).astype(np.float32).tobytes()
