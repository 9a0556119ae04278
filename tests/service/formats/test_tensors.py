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
    refused,
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
    asked = read(request(flat, tensor(data=[ROW])))
    assert asked.rows.tolist() == [ROW]
    assert asked.gate_scale is not None
    assert asked.gate_scale.tolist() == [[0, 1]]


def test_brackets_in_strings_and_in_unknown_members_do_no_harm() -> None:
    assert read(request(tensor(note="[[]"), tags=[[], "["])).rows.tolist() == [ROW]


def test_a_tensor_may_tell_its_members_in_any_order() -> None:
    turned = dict(reversed(tensor().items()))
    assert next(iter(turned)) == "data"
    assert read(request(turned)).rows.tolist() == [ROW]


@pytest.mark.parametrize("shape", [[4], [1], [], [1, 2, 2], [1, 1, 4]])
def test_another_rank_is_refused(shape: list[int]) -> None:
    assert refused(InputError, request(tensor(shape=shape))) == (
        f"input 'input': expected the shape [rows, 4], found one of {len(shape)} axes"
    )


SHAPES = [
    *([1, 3], [1, 5], [1, -4], [4, 1], [-1, 4], [-1, -4], [1.0, 4], [1, 4.0], [1.5, 4]),
    *([None, 4], [1, None], ["1", 4], [1, "4"], [True, 4], [1, True], [[1], 4], [1, {}]),
    *([2**62, 2**62 + 4], [1, 2**64 - 1]),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_sizes_that_are_not_the_models_are_refused(shape: list[object]) -> None:
    expected = "input 'input': expected the shape [rows, 4], found another"
    assert refused(InputError, request(tensor(shape=shape))) == expected
    assert refused(InputError, request(binary(shape=shape)), floats(1, 2, 3, 4)) == expected


@pytest.mark.parametrize("shape", [4, "1,4", None, {}, True])
def test_a_shape_that_is_no_list_is_refused(shape: object) -> None:
    kinds = {int: "a number", str: "a string", dict: "an object", bool: "true or false"}
    assert refused(InputError, request(tensor(shape=shape))) == (
        f"input 'input': expected the shape [rows, 4], found {kinds.get(type(shape), 'null')}"
    )


def test_without_a_shape_nothing_is_guessed() -> None:
    assert refused(InputError, request(without(tensor(), "shape"))) == (
        "input 'input': expected the shape [rows, 4], found null"
    )


def test_no_row_and_more_than_one_request_may_have_are_refused() -> None:
    assert refused(InputError, request(tensor(shape=[0, 4], data=[]))) == (
        "input 'input': expected at least one row, found none"
    )
    assert refused(InputError, request(tensor(shape=[6, 4], data=[0] * 24))) == (
        "input 'input': expected at most 5 rows, found 6; send them in parts"
    )


@pytest.mark.parametrize("rows", [2**31, 2**61, 2**62, 2**63, 2**64 - 1])
def test_a_size_whose_bytes_overflow_64_bits_is_only_too_many_rows(rows: int) -> None:
    body = request(binary(rows * 16 % 2**64, shape=[rows, 4]))
    assert refused(InputError, body, floats(1, 2, 3, 4)) == (
        f"input 'input': expected at most 5 rows, found {rows}; send them in parts"
    )


@pytest.mark.parametrize("datatype", [name for name in DATATYPES if name != "FP32"])
def test_another_datatype_of_the_protocol_is_named(datatype: str) -> None:
    assert refused(InputError, request(tensor(datatype=datatype))) == (
        f"input 'input': expected the datatype FP32, found {datatype}"
    )


@pytest.mark.parametrize(
    ("datatype", "found"),
    [("fp32", "a string"), ("SECRET", "a string"), (None, "null"), (32, "a number")],
)
def test_what_is_no_datatype_is_not_repeated(datatype: object, found: str) -> None:
    assert refused(InputError, request(tensor(datatype=datatype))) == (
        f"input 'input': expected the datatype FP32, found {found}"
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1, 2, 3], "data: expected 4 numbers as the shape says, found 3"),
        ([1, 2, 3, 4, 5], "data: expected 4 numbers as the shape says, found 5"),
        ([], "data: expected 4 numbers as the shape says, found 0"),
        ([ROW, ROW], "data: expected 1 rows as the shape says, found 2"),
        ([[1, 2], [3, 4]], "data: expected 1 rows as the shape says, found 2"),
        ([[1, 2, 3]], "data[0]: expected a list of 4 numbers, found one of 3"),
        ([[1, 2, 3, 4, 5]], "data[0]: expected a list of 4 numbers, found one of 5"),
        ([[]], "data[0]: expected a list of 4 numbers, found one of 0"),
        ([[[1, 2], [3, 4]]], "data[0]: expected a list of 4 numbers, found one of 2"),
        ([1, True, 3, 4], "data[1]: expected a number, found true or false"),
        ([1, 2, "3", 4], "data[2]: expected a number, found a string"),
        ([1, 2, 3, None], "data[3]: expected a number, found null"),
        ([1, 2, 3, {"x": 4}], "data[3]: expected a number, found an object"),
        ([1, [2], 3, 4], "data[1]: expected a number, found a list"),
        ([1, [], 3, [4, 2]], "data[1]: expected a number, found a list"),
        ([1, 2, 3, []], "data[3]: expected a number, found a list"),
        ([[1, [2], 3, 4]], "data[0][1]: expected a number, found a list"),
        ([[1, 2, 3, "4"]], "data[0][3]: expected a number, found a string"),
        ([1, 2, 3, 1e39], "data[0]: expected numbers that float32 can hold, found a larger one"),
        ("AAAA", "data: expected a list of numbers, found a string"),
        (4, "data: expected a list of numbers, found a number"),
        ({}, "data: expected a list of numbers, found an object"),
        (False, "data: expected a list of numbers, found true or false"),
    ],
)
def test_data_that_does_not_fit_is_told_with_its_place(data: object, message: str) -> None:
    assert refused(InputError, request(tensor(data=data))) == f"input 'input': {message}"


def test_the_row_that_does_not_fit_is_counted() -> None:
    wrong = tensor(shape=[2, 4], data=[ROW, [1, 2, None, 4]])
    assert refused(InputError, request(wrong)) == (
        "input 'input': data[1][2]: expected a number, found null"
    )


@pytest.mark.parametrize("data", [[1, [2], 3, 4], [1, 2, 3, []], [[1, [2], 3, 4]]])
def test_a_list_among_numbers_cannot_hide_behind_one_that_is_missing_elsewhere(
    data: object,
) -> None:
    shapeless = without(tensor("gate_scale", data=1), "shape")
    assert refused(InputError, request(tensor(data=data), shapeless)).startswith("input '")


@pytest.mark.parametrize(
    "number", ["3.4028234663852886e38", "-3.4028235677973362e38", "1e-45", "-0.0", "1e-400"]
)
def test_the_edges_of_float32_come_through(number: str) -> None:
    rows = read(request().replace(b"2.5", number.encode())).rows
    with np.errstate(under="ignore"):
        expected = np.float32(float(number))
    assert rows[0, 1].tobytes() == expected.tobytes()


@pytest.mark.parametrize("number", ["3.4028235677973366e38", "-1e39", "18446744073709551615e30"])
def test_what_float32_would_round_to_infinity_is_refused(number: str) -> None:
    body = request(tensor(shape=[2, 4], data=[ROW, ROW])).replace(b"2.5", b"0", 1)
    assert refused(InputError, body.replace(b"2.5", number.encode())) == (
        "input 'input': data[1]: expected numbers that float32 can hold, found a larger one"
    )


@pytest.mark.parametrize("data", [[1, None, 3, None], [[1, None, 3, None]]])
def test_null_is_a_tables_missing_value(data: object) -> None:
    rows = read(request(tensor(data=data)), reader=TABLES).rows
    assert np.isnan(rows).tolist() == [[False, True, False, True]]
    assert rows[0, [0, 2]].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([None, "x", 3, 4], "data[0]: expected a number, found null"),
        ([1, True, None, 4], "data[1]: expected a number, found true or false"),
        ([1, [2], 3, 4], "data[1]: expected a number, found a list"),
        ([1, None, 3], "data: expected 4 numbers as the shape says, found 3"),
        ([[1, None, 3]], "data[0]: expected a list of 4 numbers, found one of 3"),
        (
            [None, 1e39, 3, 4],
            "data[0]: expected numbers that float32 can hold, found a larger one",
        ),
    ],
)
def test_beside_null_a_tables_data_is_as_strict(data: object, message: str) -> None:
    body = request(tensor(data=data))
    assert refused(InputError, body, reader=TABLES) == f"input 'input': {message}"


def test_no_gate_scale_is_missing_even_for_a_table() -> None:
    body = request(tensor(), tensor("gate_scale", shape=[1, 2], data=[1, None]))
    assert refused(InputError, body, reader=TABLES) == (
        "input 'gate_scale': data[1]: expected a number, found null"
    )
    unknown = request(tensor(), binary(8, "gate_scale", shape=[1, 2]))
    assert refused(InputError, unknown, floats(1, NAN), reader=TABLES) == (
        "input 'gate_scale': data[0]: expected finite numbers, found others"
    )


def test_binary_data_is_read_as_it_is() -> None:
    rows = read(request(binary(32, shape=[2, 4])), floats(*ROW, *SECOND)).rows
    assert rows.dtype == np.float32
    assert rows.tolist() == TWO


def test_binary_and_json_may_be_mixed_either_way() -> None:
    zero = floats(0, 1)
    for head, content in (
        (request(tensor(), binary(8, "gate_scale", shape=[1, 2])), zero),
        (request(binary(), scale([0, 1])), floats(*ROW)),
        (request(scale([0, 1]), binary()), floats(*ROW)),
    ):
        asked = read(head, content)
        assert asked.gate_scale is not None
        assert (asked.rows.tolist(), asked.gate_scale.tolist()) == ([ROW], [[0, 1]])


def test_binary_tensors_follow_in_the_order_in_which_the_json_names_them() -> None:
    pair = binary(8, "gate_scale", shape=[1, 2]), binary()
    asked = read(request(*pair), floats(0, 1), floats(*ROW))
    turned = read(request(*reversed(pair)), floats(*ROW), floats(0, 1))
    for found in (asked, turned):
        assert found.gate_scale is not None
        assert (found.rows.tolist(), found.gate_scale.tolist()) == ([ROW], [[0, 1]])


@pytest.mark.parametrize("spaces", range(4))
def test_binary_data_may_lie_anywhere(spaces: int, classifier: Classifier) -> None:
    asked = read(request(binary()) + b" " * spaces, floats(*ROW))
    assert asked.rows.tolist() == [ROW]
    [logits] = classifier.compute([LOGITS], asked.rows)
    assert logits.tolist() == [[2, 3.5, -2]]


@pytest.mark.parametrize("size", [0, 12, 15, 17, 32, -16, 2**63])
def test_a_size_that_the_shape_does_not_take_is_refused(size: int) -> None:
    assert refused(InputError, request(binary(size)), floats(*ROW)) == (
        "input 'input': expected a binary_data_size of 16 as the shape says, found another number"
    )


@pytest.mark.parametrize(
    ("size", "found"),
    [("16", "a string"), (16.0, "a number"), (True, "true or false"), ([16], "a list")],
)
def test_a_size_of_another_kind_is_refused(size: object, found: str) -> None:
    assert refused(InputError, request(binary(size)), floats(*ROW)) == (
        f"input 'input': expected a binary_data_size of 16 as the shape says, found {found}"
    )


def test_values_come_either_in_the_json_or_behind_it() -> None:
    expected = "input 'input': expected either data or binary_data_size, found"
    both = tensor(parameters={"binary_data_size": 16})
    assert refused(InputError, request(both), floats(*ROW)) == f"{expected} both"
    assert refused(InputError, request(without(tensor(), "data"))) == f"{expected} neither"
    assert refused(InputError, request(tensor(data=None))) == f"{expected} neither"
    assert refused(InputError, request(binary(None)), floats(*ROW)) == f"{expected} neither"


def test_a_body_that_ends_within_a_tensor_is_refused() -> None:
    assert refused(BodyError, request(binary()), floats(1, 2, 3)) == (
        "body: expected 16 bytes for 'input', found 12"
    )
    second = request(binary(), binary(8, "gate_scale", shape=[1, 2]))
    assert refused(BodyError, second, floats(*ROW)) == (
        "body: expected 8 bytes for 'gate_scale', found 0"
    )


@pytest.mark.parametrize("odd", [NAN, INFINITY, -INFINITY])
def test_binary_numbers_are_finite_and_the_row_that_has_others_is_named(odd: float) -> None:
    body = request(binary(32, shape=[2, 4]))
    assert refused(InputError, body, floats(*ROW, 1, 2, 3, odd)) == (
        "input 'input': data[1]: expected finite numbers, found others"
    )


def test_nan_is_a_tables_missing_value_in_binary() -> None:
    rows = read(request(binary()), floats(1, NAN, 3, NAN), reader=TABLES).rows
    assert np.isnan(rows).tolist() == [[False, True, False, True]]
    infinite = floats(NAN, 2, 3, 4, 1, 2, -INFINITY, NAN)
    assert refused(InputError, request(binary(32, shape=[2, 4])), infinite, reader=TABLES) == (
        "input 'input': data[1]: expected finite numbers or NaN, found others"
    )
