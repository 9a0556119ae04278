import numpy as np
import pytest

from service.classifier import Classifier
from service.contract import LOGITS
from service.errors import BodyError, InputError
from service.formats.tensors import DATATYPES
from tests.service.formats.conftest import (
    INFINITY,
    NAN,
    ROW,
    TABLES,
    binary,
    floats,
    read,
    rejected,
    request,
    scale,
    tensor,
)

SECOND = [0, -1, 2, 3]
TWO = [ROW, SECOND]


def without(described: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in described.items() if key != name}


@pytest.mark.parametrize("data", [TWO, [*ROW, *SECOND]])
def test_data_may_be_nested_or_flat(data: list[object]) -> None:
    rows = read(request(tensor(shape=[2, 4], data=data))).rows
    assert rows.dtype == np.float32
    assert rows.tolist() == TWO


def test_one_input_may_be_nested_and_another_flat() -> None:
    flat = tensor("gate_scale", shape=[1, 2], data=[0, 1])
    parsed = read(request(flat, tensor(data=[ROW])))
    assert parsed.rows.tolist() == [ROW]
    assert parsed.gate_scale is not None
    assert parsed.gate_scale.tolist() == [[0, 1]]


def test_brackets_in_strings_and_unknown_members_are_ignored() -> None:
    assert read(request(tensor(note="[[]"), tags=[[], "["])).rows.tolist() == [ROW]


def test_a_tensors_members_may_have_any_order() -> None:
    described = dict(reversed(tensor().items()))
    assert next(iter(described)) == "data"
    assert read(request(described)).rows.tolist() == [ROW]


@pytest.mark.parametrize("shape", [[4], [1], [], [1, 2, 2], [1, 1, 4]])
def test_another_rank_is_rejected(shape: list[int]) -> None:
    assert rejected(InputError, request(tensor(shape=shape))) == (
        f"input 'input': expected the shape [rows, 4], found {len(shape)} axes"
    )


SHAPES = [
    *([1, 3], [1, 5], [1, -4], [4, 1], [-1, 4], [-1, -4], [1.0, 4], [1, 4.0], [1.5, 4]),
    *([None, 4], [1, None], ["1", 4], [1, "4"], [True, 4], [1, True], [[1], 4], [1, {}]),
    *([2**62, 2**62 + 4], [1, 2**64 - 1]),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_that_does_not_fit_the_model_is_rejected(shape: list[object]) -> None:
    expected = "input 'input': expected the shape [rows, 4], found another shape"
    assert rejected(InputError, request(tensor(shape=shape))) == expected
    assert rejected(InputError, request(binary(shape=shape)), floats(1, 2, 3, 4)) == expected


@pytest.mark.parametrize("shape", [4, "1,4", None, {}, True])
def test_a_shape_must_be_a_list(shape: object) -> None:
    kinds = {int: "a number", str: "a string", dict: "an object", bool: "a boolean"}
    assert rejected(InputError, request(tensor(shape=shape))) == (
        f"input 'input': expected the shape [rows, 4], found {kinds.get(type(shape), 'null')}"
    )


def test_a_shape_is_required() -> None:
    assert rejected(InputError, request(without(tensor(), "shape"))) == (
        "input 'input': expected the shape [rows, 4], found null"
    )


def test_no_rows_and_too_many_rows_are_rejected() -> None:
    assert rejected(InputError, request(tensor(shape=[0, 4], data=[]))) == (
        "input 'input': expected at least one row, found none"
    )
    assert rejected(InputError, request(tensor(shape=[6, 4], data=[0] * 24))) == (
        "input 'input': expected at most 5 rows, found 6; send them in parts"
    )


@pytest.mark.parametrize("rows", [2**31, 2**61, 2**62, 2**63, 2**64 - 1])
def test_a_shape_whose_bytes_overflow_64_bits_has_too_many_rows(rows: int) -> None:
    body = request(binary(rows * 16 % 2**64, shape=[rows, 4]))
    assert rejected(InputError, body, floats(1, 2, 3, 4)) == (
        f"input 'input': expected at most 5 rows, found {rows}; send them in parts"
    )


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name != "FP32"])
def test_an_error_names_another_datatype_of_the_protocol(datatype: str) -> None:
    assert rejected(InputError, request(tensor(datatype=datatype))) == (
        f"input 'input': expected the datatype FP32, found {datatype}"
    )


@pytest.mark.parametrize(
    ("datatype", "actual"),
    [("fp32", "a string"), ("SECRET", "a string"), (None, "null"), (32, "a number")],
)
def test_an_error_does_not_repeat_an_unknown_datatype(datatype: object, actual: str) -> None:
    assert rejected(InputError, request(tensor(datatype=datatype))) == (
        f"input 'input': expected the datatype FP32, found {actual}"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, 2, 3], "data: expected 4 numbers for the shape, found 3"),
        ([1, 2, 3, 4, 5], "data: expected 4 numbers for the shape, found 5"),
        ([], "data: expected 4 numbers for the shape, found 0"),
        ([ROW, ROW], "data: expected 1 rows for the shape, found 2"),
        ([[1, 2], [3, 4]], "data: expected 1 rows for the shape, found 2"),
        ([[1, 2, 3]], "data[0]: expected a list of 4 numbers, found one of 3"),
        ([[1, 2, 3, 4, 5]], "data[0]: expected a list of 4 numbers, found one of 5"),
        ([[]], "data[0]: expected a list of 4 numbers, found one of 0"),
        ([[[1, 2], [3, 4]]], "data[0]: expected a list of 4 numbers, found one of 2"),
        ([1, True, 3, 4], "data[1]: expected a number, found a boolean"),
        ([1, 2, "3", 4], "data[2]: expected a number, found a string"),
        ([1, 2, 3, None], "data[3]: expected a number, found null"),
        ([1, 2, 3, {"x": 4}], "data[3]: expected a number, found an object"),
        ([1, [2], 3, 4], "data[1]: expected a number, found a list"),
        ([1, [], 3, [4, 2]], "data[1]: expected a number, found a list"),
        ([1, 2, 3, []], "data[3]: expected a number, found a list"),
        ([[1, [2], 3, 4]], "data[0][1]: expected a number, found a list"),
        ([[1, 2, 3, "4"]], "data[0][3]: expected a number, found a string"),
        ([1, 2, 3, 1e39], "data[0]: a number overflows float32"),
        ("AAAA", "data: expected a list of numbers, found a string"),
        (4, "data: expected a list of numbers, found a number"),
        ({}, "data: expected a list of numbers, found an object"),
        (False, "data: expected a list of numbers, found a boolean"),
    ],
)
def test_an_error_names_the_location_of_data_that_does_not_fit(data: object, message: str) -> None:
    assert rejected(InputError, request(tensor(data=data))) == f"input 'input': {message}"


def test_an_error_names_the_row_that_does_not_fit() -> None:
    wrong = tensor(shape=[2, 4], data=[ROW, [1, 2, None, 4]])
    assert rejected(InputError, request(wrong)) == (
        "input 'input': data[1][2]: expected a number, found null"
    )


@pytest.mark.parametrize("data", [[1, [2], 3, 4], [1, 2, 3, []], [[1, [2], 3, 4]]])
def test_a_list_among_numbers_is_detected_if_another_list_is_missing(
    data: object,
) -> None:
    shapeless = without(tensor("gate_scale", data=1), "shape")
    assert rejected(InputError, request(tensor(data=data), shapeless)).startswith("input '")


@pytest.mark.parametrize(
    "number", ["3.4028234663852886e38", "-3.4028235677973362e38", "1e-45", "-0.0", "1e-400"]
)
def test_the_extremes_of_float32_are_read(number: str) -> None:
    rows = read(request().replace(b"2.5", number.encode())).rows
    with np.errstate(under="ignore"):
        expected = np.float32(float(number))
    assert rows[0, 1].tobytes() == expected.tobytes()


@pytest.mark.parametrize("number", ["3.4028235677973366e38", "-1e39", "18446744073709551615e30"])
def test_a_number_that_float32_would_round_to_infinity_is_rejected(number: str) -> None:
    body = request(tensor(shape=[2, 4], data=[ROW, ROW])).replace(b"2.5", b"0", 1)
    assert rejected(InputError, body.replace(b"2.5", number.encode())) == (
        "input 'input': data[1]: a number overflows float32"
    )


@pytest.mark.parametrize("data", [[1, None, 3, None], [[1, None, 3, None]]])
def test_null_is_a_tables_missing_value(data: object) -> None:
    rows = read(request(tensor(data=data)), reader=TABLES).rows
    assert np.isnan(rows).tolist() == [[False, True, False, True]]
    assert rows[0, [0, 2]].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([None, "x", 3, 4], "data[1]: expected a number, found a string"),
        ([1, True, None, 4], "data[1]: expected a number, found a boolean"),
        ([1, [2], 3, 4], "data[1]: expected a number, found a list"),
        ([1, None, 3], "data: expected 4 numbers for the shape, found 3"),
        ([[1, None, 3]], "data[0]: expected a list of 4 numbers, found one of 3"),
        (
            [None, 1e39, 3, 4],
            "data[0]: a number overflows float32",
        ),
    ],
)
def test_a_tables_data_with_null_is_checked_as_strictly(data: object, message: str) -> None:
    body = request(tensor(data=data))
    assert rejected(InputError, body, reader=TABLES) == f"input 'input': {message}"


def test_a_tables_gate_scale_cannot_have_missing_values() -> None:
    body = request(tensor(), tensor("gate_scale", shape=[1, 2], data=[1, None]))
    assert rejected(InputError, body, reader=TABLES) == (
        "input 'gate_scale': data[1]: expected a number, found null"
    )
    unknown = request(tensor(), binary(8, "gate_scale", shape=[1, 2]))
    assert rejected(InputError, unknown, floats(1, NAN), reader=TABLES) == (
        "input 'gate_scale': data[0]: only finite numbers are allowed"
    )


def test_binary_data_is_read_unchanged() -> None:
    rows = read(request(binary(32, shape=[2, 4])), floats(*ROW, *SECOND)).rows
    assert rows.dtype == np.float32
    assert rows.tolist() == TWO


def test_binary_and_json_tensors_may_be_mixed() -> None:
    zero = floats(0, 1)
    for head, content in (
        (request(tensor(), binary(8, "gate_scale", shape=[1, 2])), zero),
        (request(binary(), scale([0, 1])), floats(*ROW)),
        (request(scale([0, 1]), binary()), floats(*ROW)),
    ):
        parsed = read(head, content)
        assert parsed.gate_scale is not None
        assert (parsed.rows.tolist(), parsed.gate_scale.tolist()) == ([ROW], [[0, 1]])


def test_binary_tensors_follow_in_the_order_of_the_json() -> None:
    pair = binary(8, "gate_scale", shape=[1, 2]), binary()
    first = read(request(*pair), floats(0, 1), floats(*ROW))
    second = read(request(*reversed(pair)), floats(*ROW), floats(0, 1))
    for parsed in (first, second):
        assert parsed.gate_scale is not None
        assert (parsed.rows.tolist(), parsed.gate_scale.tolist()) == ([ROW], [[0, 1]])


@pytest.mark.parametrize("spaces", range(4))
def test_binary_data_may_have_any_alignment(spaces: int, classifier: Classifier) -> None:
    parsed = read(request(binary()) + b" " * spaces, floats(*ROW))
    assert parsed.rows.tolist() == [ROW]
    [logits] = classifier.compute([LOGITS], parsed.rows)
    assert logits.tolist() == [[2, 3.5, -2]]


@pytest.mark.parametrize("size", [0, 12, 15, 17, 32, -16, 2**63])
def test_a_binary_data_size_that_does_not_fit_the_shape_is_rejected(size: int) -> None:
    assert rejected(InputError, request(binary(size)), floats(*ROW)) == (
        "input 'input': expected a binary_data_size of 16 for the shape, found another number"
    )


@pytest.mark.parametrize(
    ("size", "actual"),
    [("16", "a string"), (16.0, "a number"), (True, "a boolean"), ([16], "a list")],
)
def test_a_binary_data_size_of_another_type_is_rejected(size: object, actual: str) -> None:
    assert rejected(InputError, request(binary(size)), floats(*ROW)) == (
        f"input 'input': expected a binary_data_size of 16 for the shape, found {actual}"
    )


def test_values_are_either_in_the_json_or_behind_it() -> None:
    expected = "input 'input': expected data or binary_data_size, found"
    both = tensor(parameters={"binary_data_size": 16})
    assert rejected(InputError, request(both), floats(*ROW)) == f"{expected} both"
    assert rejected(InputError, request(without(tensor(), "data"))) == f"{expected} neither"
    assert rejected(InputError, request(tensor(data=None))) == f"{expected} neither"
    assert rejected(InputError, request(binary(None)), floats(*ROW)) == f"{expected} neither"


def test_a_body_that_ends_within_a_tensor_is_rejected() -> None:
    assert rejected(BodyError, request(binary()), floats(1, 2, 3)) == (
        "body: expected 16 bytes for 'input', found 12"
    )
    second = request(binary(), binary(8, "gate_scale", shape=[1, 2]))
    assert rejected(BodyError, second, floats(*ROW)) == (
        "body: expected 8 bytes for 'gate_scale', found 0"
    )


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_an_error_names_the_binary_row_that_is_not_finite(value: float) -> None:
    body = request(binary(32, shape=[2, 4]))
    assert rejected(InputError, body, floats(*ROW, 1, 2, 3, value)) == (
        "input 'input': data[1]: only finite numbers are allowed"
    )


def test_nan_in_binary_is_a_tables_missing_value() -> None:
    rows = read(request(binary()), floats(1, NAN, 3, NAN), reader=TABLES).rows
    assert np.isnan(rows).tolist() == [[False, True, False, True]]
    infinite = floats(NAN, 2, 3, 4, 1, 2, -INFINITY, NAN)
    assert rejected(InputError, request(binary(32, shape=[2, 4])), infinite, reader=TABLES) == (
        "input 'input': data[1]: only finite numbers or NaN are allowed"
    )
