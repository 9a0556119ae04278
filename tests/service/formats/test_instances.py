import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.classifier import FloatArray
from service.contract import Column, Input
from service.errors import BodyError, InputError, RequestError
from service.formats.predict_request import read_predict
from tests.service.conftest import METADATA
from tests.service.formats.conftest import NOT_JSON

IMAGE = Input(kind="image", shape=(2, 2), unit="pixel")
COLOUR = Input(kind="image", shape=(1, 2, 3), unit="pixel")
TABLE = Input(
    kind="table", shape=(4,), unit="mixed", columns=tuple(Column(name=name) for name in "abcd")
)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def decode(body: str | bytes, row: Input = IMAGE) -> FloatArray:
    content = body.encode() if isinstance(body, str) else body
    return read_predict(content, replace(METADATA, input=row), max_rows=5).rows


def test_rows_become_one_float32_array() -> None:
    rows = decode('{"instances": [[1, 2.5, -3, 1e2], [0, 0, 0, 0]]}')
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 2.5, -3, 100], [0, 0, 0, 0]]


def test_an_image_may_come_as_lines_of_pixels() -> None:
    assert decode('{"instances": [[[1, 2], [3, 4]]]}').tolist() == [[1, 2, 3, 4]]


def test_an_image_in_colour_may_come_as_lines_of_pixels_of_three_numbers() -> None:
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
def test_an_image_in_colour_that_does_not_fit_is_told_by_its_parts(row: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        decode(f'{{"instances": [{row}]}}', COLOUR)
    assert str(error.value) == message


def test_a_tables_rows_of_numbers_come_through_as_they_are() -> None:
    assert decode('{"instances": [[1, 2.5, -3, 1e2]]}', TABLE).tolist() == [[1, 2.5, -3, 100]]


def test_further_members_are_ignored_even_when_they_hold_lists() -> None:
    body = '{"tags": ["[", [1]], "instances": [[1, 2, 3, 4]], "id": "x"}'
    assert decode(body).tolist() == [[1, 2, 3, 4]]


@given(st.lists(st.lists(FLOATS, min_size=4, max_size=4), min_size=1, max_size=5))
def test_any_float32_comes_through_exactly_flat_or_nested(values: list[list[float]]) -> None:
    nested = [[row[:2], row[2:]] for row in values]
    expected = np.array(values, np.float32)
    assert np.array_equal(decode(json.dumps({"instances": values})), expected)
    assert np.array_equal(decode(json.dumps({"instances": nested})), expected)


@given(st.binary(max_size=60), st.integers(0, 40), st.integers(0, 40))
def test_a_damaged_body_is_never_anything_but_the_clients_error(
    noise: bytes, start: int, length: int
) -> None:
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
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BodyError) as error:
        decode(body)
    assert str(error.value) == NOT_JSON


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[]", "body: expected a JSON object, found a list"),
        ('"instances"', "body: expected a JSON object, found a string"),
        ("3", "body: expected a JSON object, found a number"),
        ("null", "body: expected a JSON object, found null"),
        ("{}", "body: expected the member 'instances', found none"),
        ('{"instances": null}', "body: expected the member 'instances', found none"),
        ('{"instances": {}}', "instances: expected a list of rows, found an object"),
        ('{"instances": true}', "instances: expected a list of rows, found true or false"),
    ],
)
def test_a_body_of_another_form_says_what_was_found(body: str, message: str) -> None:
    with pytest.raises(BodyError) as error:
        decode(body)
    assert str(error.value) == message


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
        ("[1, true, 3, 4]", "instances[0][1]: expected a number, found true or false"),
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
            "instances[1]: expected numbers that float32 can hold, found a larger one",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_its_place(rows: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        decode(f'{{"instances": [{rows}]}}')
    assert str(error.value) == message


def test_a_tables_row_is_never_nested() -> None:
    with pytest.raises(InputError) as error:
        decode('{"instances": [[[1, 2], [3, 4]]]}', TABLE)
    assert str(error.value) == "instances[0]: expected a list of 4 values, found one of 2"
