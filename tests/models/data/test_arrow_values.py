import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from models.data.arrow_values import is_number, is_text, marked, plain_values, stripped
from models.data.remedies import ColumnError
from service.contract import TextFormat


def plain(values: object, *missing: str) -> pa.ChunkedArray:
    arrays = [values if isinstance(values, pa.Array) else pa.array(values)]
    text = TextFormat(missing=missing)
    return plain_values("t", pa.chunked_array(arrays), text, advice="change it", remedy=None)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array(["a"]), "large_string"),
        (pa.array(["a"], pa.string_view()), "large_string"),
        (pa.array(["a"]).dictionary_encode(), "large_string"),
        (pa.array([Decimal("1.5")]), "double"),
        (pa.array([1.5], pa.float16()), "float"),
        (pa.array([1], pa.uint8()), "uint8"),
        (pa.array([True]), "bool"),
        (pa.array([datetime.date(2026, 1, 1)]), "timestamp[s]"),
        (pa.array([datetime.date(2026, 1, 1)], pa.date64()), "timestamp[ms]"),
        (pa.array([None]), "null"),
    ],
)
def test_many_types_become_few(values: pa.Array, kind: str) -> None:
    assert str(plain(values).type) == kind


def test_another_type_is_refused_with_advice() -> None:
    with pytest.raises(ColumnError) as error:
        plain([[1]])
    assert str(error.value) == (
        "t: expected numbers, strings, booleans or dates, found list<item: int64>; change it"
    )


def test_missing_strings_become_null() -> None:
    values = plain(["NA", "", "  ", " NA", "-", "x"], "-")
    assert values.to_pylist() == [None, None, None, " NA", None, "x"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([-3.4028234663852886e38, 1.0], pa.float32()),
        pa.array([-3.4028234663852886e38, 1.0], pa.float64()),
    ],
)
def test_declared_missing_numbers_are_compared_by_value(values: pa.Array) -> None:
    assert plain(values, "-3.4028234663852886e+38").to_pylist() == [None, 1]


def test_nan_and_declared_integers_become_null() -> None:
    assert plain([float("nan"), 1.0]).to_pylist() == [None, 1]
    assert plain([-999, 1], "-999", "?").to_pylist() == [None, 1]


def test_marked_values_equal_a_text_or_its_number() -> None:
    assert marked(plain(["-9", "9"]), "-9").to_pylist() == [True, False]
    assert marked(plain([-9, 9]), "-9").to_pylist() == [True, False]
    assert marked(plain([-9, 9]), "x").to_pylist() == [False, False]
    assert marked(plain([True, False]), "1").to_pylist() == [False, False]


def test_strings_and_numbers_are_distinguished() -> None:
    assert [is_text(plain([value])) for value in ("a", 1, True)] == [True, False, False]
    assert [is_number(plain([value])) for value in ("a", 1, 1.5, True)] == [
        *(False, True, True, False)
    ]


def test_spaces_around_strings_are_stripped_and_the_columns_named() -> None:
    table = pa.table(
        {"a": [" x", "x"], "b": ["y", None], "c": pa.array([" z ", "z"]).dictionary_encode()}
    )
    clean, changed = stripped(table)
    assert changed == ("a", "c")
    assert clean.to_pydict() == {"a": ["x", "x"], "b": ["y", None], "c": ["z", "z"]}
    assert pa.types.is_dictionary(clean.schema.field("c").type)
