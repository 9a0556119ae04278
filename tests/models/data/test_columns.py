import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from models.data.columns import encode_column, encode_labels, infer_column
from models.data.dataset import FloatRows
from models.errors import DataError
from service.contract import Column

NAN = float("nan")


def arrow(values: object) -> pa.ChunkedArray:
    return pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])


def infer(values: object) -> tuple[Column, FloatRows]:
    return infer_column("t", "x", arrow(values))


def message(read: object, *arguments: object) -> str:
    assert callable(read)
    with pytest.raises(DataError) as error:
        read(*arguments)
    return str(error.value)


def same(values: FloatRows, expected: list[float]) -> bool:
    return np.array_equal(values, np.asarray(expected, np.float32), equal_nan=True)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None, 3], pa.int8()),
        pa.array([1, None, 3], pa.uint64()),
        pa.array(np.array([1, NAN, 3], np.float16)),
        pa.array([1.0, None, 3.0]),
        pa.array([Decimal(1), None, Decimal(3)]),
        pa.array([Decimal(1), None, Decimal(3)], pa.decimal32(5, 2)),
    ],
)
def test_columns_of_every_numeric_type_are_read_as_numbers(values: pa.Array) -> None:
    column, encoded = infer(values)
    assert column == Column(name="x")
    assert encoded.dtype == np.float32
    assert same(encoded, [1, NAN, 3])


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        (pa.array(["b", None, "a"], pa.large_string()), ("a", "b")),
        (pa.array(["b", None, "a"], pa.string_view()), ("a", "b")),
        (pa.array(["b", None, "a"]).dictionary_encode(), ("a", "b")),
        (pa.array([10, None, 9]).dictionary_encode(), ("9", "10")),
        (pa.array([True, None, False]), ("false", "true")),
    ],
)
def test_strings_booleans_and_dictionaries_are_categories(
    values: pa.Array, categories: tuple[str, ...]
) -> None:
    column, encoded = infer(values)
    assert column == Column(name="x", categories=categories)
    assert same(encoded, [1, NAN, 0])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            [datetime.date(2020, 1, 1), None],
            "t: expected numbers, strings or booleans, found date32[day]; leave the column out "
            "with --exclude",
        ),
        (
            [[1], [2]],
            "t: expected numbers, strings or booleans, found list<item: int64>; leave the column "
            "out with --exclude",
        ),
        (
            [b"a", b"b"],
            "t: expected numbers, strings or booleans, found binary; leave the column out with "
            "--exclude",
        ),
        ([None, None], "t: the column has no values; leave it out with --exclude"),
        ([NAN, None], "t: the column has no values; leave it out with --exclude"),
        (
            [10**15, 10**15 + 1],
            "t: numbers from 1000000000000000 to 1000000000000001 are too close together for "
            "float32; subtract the lowest, or leave the column out with --exclude",
        ),
        (
            [2**62, 2**62 + 1],
            "t: numbers from 4611686018427387904 to 4611686018427387905 are too close together for "
            "float32; subtract the lowest, or leave the column out with --exclude",
        ),
        (
            [1.0, float("inf")],
            "t, row 2: expected a number between ±3.4e+38, found inf; correct it or mark it as "
            "missing",
        ),
        (
            [1.0, -1e39],
            "t, row 2: expected a number between ±3.4e+38, found -1e+39; correct it or mark it as "
            "missing",
        ),
        (
            [f"name {number}" for number in range(101)],
            "t: expected numbers or at most 100 different strings, found 101 strings such as "
            "'name 0'; leave the column out with --exclude",
        ),
        (
            [*map(str, range(1, 8)), "oops", "-1.5e3"],
            "t, row 8: expected a number as in most of the column's rows, found the string 'oops'; "
            "correct it, or leave the cell empty if the value is missing",
        ),
    ],
)
def test_an_unusable_column_is_refused(values: object, expected: str) -> None:
    assert message(infer, values) == expected


def test_a_constant_column_may_hold_any_number() -> None:
    assert infer([2**60 + 1] * 2)[1].tolist() == [2**60] * 2


def test_a_hundred_different_strings_are_categories() -> None:
    assert len(infer([str(number) for number in range(100)])[0].categories) == 100


def test_integers_match_categories_of_the_same_text() -> None:
    column = Column(name="x", categories=("1", "2"))
    assert same(encode_column("t", column, arrow([2, None])), [1, NAN])


@pytest.mark.parametrize(
    ("values", "labels", "index"),
    [
        (["b", "a"], ("a", "b"), [1, 0]),
        (pa.array(["b", "a"]).dictionary_encode(), ("a", "b"), [1, 0]),
        ([True, False], ("false", "true"), [1, 0]),
        ([10, 9], ("9", "10"), [1, 0]),
        ([10.0, 9.0], ("9", "10"), [1, 0]),
        ([Decimal("10.0"), Decimal("9.0")], ("9", "10"), [1, 0]),
    ],
)
def test_the_distinct_values_of_the_target_are_the_labels(
    values: object, labels: tuple[str, ...], index: list[int]
) -> None:
    actual, y = encode_labels("t", arrow(values))
    assert (actual, y.tolist()) == (labels, index)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            [1.0, 2.5],
            "t, row 2: expected classes as strings or integers, found 2.5; choose another target, "
            "or round it to integers",
        ),
        (
            [1.0, float("inf")],
            "t, row 2: expected classes as strings or integers, found inf; choose another target, "
            "or round it to integers",
        ),
        ([1, None], "t, row 2: the class is missing; remove the row"),
        ([NAN, 1.0], "t, row 1: the class is missing; remove the row"),
        (
            [datetime.date(2020, 1, 1)] * 2,
            "t: expected numbers, strings or booleans, found date32[day]; choose another target",
        ),
    ],
)
def test_a_target_without_classes_is_refused(values: object, expected: str) -> None:
    assert message(encode_labels, "t", arrow(values)) == expected
