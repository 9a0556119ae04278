import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from models.data.columns import encode_column, infer_column
from models.data.dataset import FloatRows
from models.data.selection import PLAIN_TEXT
from models.errors import DataError
from service.contract import Column, TextFormat

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
        (pa.array(["9", None, "10"]).dictionary_encode(), ("10", "9")),
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
            [[1], [2]],
            "t: expected numbers, strings, booleans or dates, found list<item: int64>; leave the "
            "column out with `--exclude x`",
        ),
        (
            [b"a", b"b"],
            "t: expected numbers, strings, booleans or dates, found binary; leave the column out "
            "with `--exclude x`",
        ),
        ([None, None], "t: the column has no values; leave it out with `--exclude x`"),
        ([NAN, None], "t: the column has no values; leave it out with `--exclude x`"),
        (["", "  ", "NA"], "t: the column has no values; leave it out with `--exclude x`"),
        (
            [10**15, 10**15 + 1],
            "t: the integers 1000000000000000 and 1000000000000001 become equal in float32; leave "
            "the column out with `--exclude x`, or round its numbers with `--column x=number`",
        ),
        (
            ["12345678901234567890", "12345678901234567891"],
            "t: the integers 12345678901234567890 and 12345678901234567891 become equal in "
            "float32; leave the column out with `--exclude x`, or round its numbers with `--column "
            "x=number`",
        ),
        (
            [1e6 + 0.001, 1e6 + 0.002],
            "t: numbers from 1000000.001 to 1000000.002 are too close together for float32; "
            "subtract the lowest, or leave the column out with `--exclude x`",
        ),
        (
            [1.0, float("inf")],
            "t, row 2: expected numbers of at most 1e+30, found inf in 1 row; if it marks a "
            "missing value, read it with `--missing inf`, else correct it",
        ),
        (
            [1.0, -1e39, -1e39],
            "t, row 2: expected numbers of at most 1e+30, found -1e+39 in 2 rows; if it marks a "
            "missing value, read it with `--missing -1e+39`, else divide the column by a power of "
            "ten",
        ),
        (
            [f"name {number}" for number in range(101)],
            "t: expected numbers or at most 100 different strings, found 101 strings such as "
            "'name 0'; they seem to be ids or free text; leave the column out with `--exclude x`",
        ),
        (
            [*map(str, range(1, 8)), "oops", "-1.5e3"],
            "t, row 8: expected a number as in most of the column's rows, found the string 'oops'; "
            "correct it, read it as a missing value with `--missing oops`, or keep the strings as "
            "categories with `--column x=category`",
        ),
    ],
)
def test_an_unusable_column_is_refused(values: object, expected: str) -> None:
    assert message(infer, values) == expected


def test_a_constant_column_may_hold_any_number() -> None:
    assert infer([2**60 + 1] * 2)[1].tolist() == [2**60] * 2


def test_a_hundred_different_strings_are_categories() -> None:
    assert len(infer([f"n{number}" for number in range(100)])[0].categories) == 100


@pytest.mark.parametrize(
    ("values", "categories", "encoded"),
    [
        (["01.10", "02", None], ("01.10", "02"), [0, 1, NAN]),
        ([" 01", "1"], (" 01", "1"), [0, 1]),
        (["TRUE", "false", ""], ("false", "true"), [1, 0, NAN]),
        (["12a", "12b", "7"], ("12a", "12b", "7"), [0, 1, 2]),
        (["0x1A", "0x1B"], ("0x1A", "0x1B"), [0, 1]),
        (["-", "-"], ("-",), [0, 0]),
        (["e5", "+"], ("+", "e5"), [1, 0]),
    ],
)
def test_codes_and_words_are_categories(
    values: list[str | None], categories: tuple[str, ...], encoded: list[float]
) -> None:
    column, index = infer(values)
    assert column == Column(name="x", categories=categories)
    assert same(index, encoded)


def test_strings_of_numbers_are_numbers_in_every_format() -> None:
    column, encoded = infer(["+2.5", " 3 ", ".5", "1e3", "-0", "NA", None])
    assert column == Column(name="x")
    assert same(encoded, [2.5, 3, 0.5, 1000, 0, NAN, NAN])


def test_large_integers_may_be_rounded_where_few_of_them_become_equal() -> None:
    populations = [1_000_000_007 * n for n in range(1, 200)]
    assert infer(populations)[0] == infer([*map(str, populations)])[0] == Column(name="x")


def declared(values: object, kind: str, text: TextFormat = PLAIN_TEXT) -> tuple[Column, FloatRows]:
    return infer_column("t", "x", arrow(values), declared=kind, text=text)


@pytest.mark.parametrize(
    ("values", "unit", "numbers"),
    [
        (["1,234.5", "7", None], "", [1234.5, 7, NAN]),
        (["$1,000", "-$2"], "$", [1000, -2]),
        (["5 kg", "1.5 kg"], "kg", [5, 1.5]),
        (["50%", "5%"], "%", [50, 5]),
        (["007", "7"], "", [7, 7]),
        (["1.1", "1.10"], "", [1.1, 1.1]),
        ([7, None], "", [7, NAN]),
        (["12345678901234567890", "2"], "", [12345678901234567890, 2]),
    ],
)
def test_a_column_declared_as_numbers_has_separators_and_one_unit(
    values: object, unit: str, numbers: list[float]
) -> None:
    column, encoded = declared(values, "number")
    assert column == Column(name="x", unit=unit)
    assert same(encoded, numbers)


@pytest.mark.parametrize(
    ("values", "categories"),
    [(["1", "10", "9"], ("1", "10", "9")), ([10, 9, None], ("9", "10")), ([1.0, 2.0], ("1", "2"))],
)
def test_a_column_declared_as_categories_keeps_its_strings(
    values: object, categories: tuple[str, ...]
) -> None:
    assert declared(values, "category")[0] == Column(name="x", categories=categories)


@pytest.mark.parametrize(
    ("values", "kind", "date", "days"),
    [
        (["1970-01-02", "1970-01-01T06:00"], "date", "iso", [1, 0.25]),
        (["02/01/1970", "31/01/1970"], "date", "%d/%m/%Y", [1, 30]),
        (["1/2/1970", "1/31/1970", None], "date", "%m/%d/%Y", [1, 30, NAN]),
        (["2.1.70", "3.1.70"], "date:%d.%m.%y", "%d.%m.%y", [1, 2]),
        ([datetime.date(1970, 1, 3)], "date", "iso", [2]),
    ],
)
def test_a_column_declared_as_dates_holds_days(
    values: object, kind: str, date: str, days: list[float]
) -> None:
    column, encoded = declared(values, kind)
    assert column == Column(name="x", date=date)
    assert same(encoded, days)


@pytest.mark.parametrize(
    "values",
    [
        pa.array([datetime.date(1970, 1, 2), None]),
        pa.array([datetime.datetime(1970, 1, 2), None], pa.timestamp("ns")),
        pa.array([datetime.datetime(1970, 1, 2), None], pa.timestamp("ms", "Europe/Berlin")),
    ],
)
def test_typed_dates_need_no_declaration(values: pa.Array) -> None:
    column, encoded = infer(values)
    assert column == Column(name="x", date="iso")
    assert same(encoded, [1, NAN])


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (
            ["5 kg", "3 lb"],
            "number",
            "t, row 2: expected one unit in all rows, found '5 kg' and '3 lb'; write all numbers "
            "in one unit",
        ),
        (
            ["5", "five"],
            "number",
            "t, row 2: expected a number, found 'five'; correct it, or read it as a missing value "
            "with `--missing five`",
        ),
        (
            ["2026-01-31", "soon"],
            "date:%Y-%m-%d",
            "t, row 2: expected a date in the format '%Y-%m-%d', found 'soon'; correct it, or "
            "read it as a missing value with `--missing soon`",
        ),
        (
            [datetime.date(2026, 1, 1)],
            "number",
            "t: declared as number, but the file holds dates; leave out the declaration",
        ),
        (
            [True, False],
            "date",
            "t: declared as date, but the file holds booleans; leave out the declaration",
        ),
        (
            [1.5, 2.0],
            "category",
            "t, row 1: expected categories as strings or integers, found 1.5; declare it as a "
            "number",
        ),
        (
            [*range(101)],
            "category",
            "t: expected at most 100 categories, found 101 such as 0; leave the column out with "
            "`--exclude x`",
        ),
    ],
)
def test_a_declaration_that_the_column_contradicts_is_refused(
    values: object, kind: str, expected: str
) -> None:
    assert message(declared, values, kind) == expected


def test_declared_missing_strings_and_numbers_are_missing() -> None:
    text = TextFormat(missing=("-", "-999"))
    strings = infer_column("t", "x", arrow(["-", "-999", "5"]), text=text)
    typed = infer_column("t", "x", arrow([1.5, -999.0, 5.0]), text=text)
    assert same(strings[1], [NAN, NAN, 5])
    assert same(typed[1], [1.5, NAN, 5])


def test_a_decimal_comma_is_read_if_it_is_declared() -> None:
    column, encoded = infer_column("t", "x", arrow(["3,5", "4"]), text=TextFormat(decimal=","))
    assert (column, encoded.tolist()) == (Column(name="x"), [3.5, 4])


# Further rows for a trained network


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (Column(name="x", categories=("1", "2")), [2, None], [1, NAN]),
        (Column(name="x", categories=("1", "2")), [2.0, None], [1, NAN]),
        (Column(name="x", categories=("false", "true")), ["TRUE", "false"], [1, 0]),
        (Column(name="x", categories=("007", "7")), ["7", ""], [1, NAN]),
        (Column(name="x"), ["1", " 2.5"], [1, 2.5]),
        (Column(name="x", date="%d/%m/%Y"), ["02/01/1970", None], [1, NAN]),
        (Column(name="x", date="iso"), [datetime.date(1970, 1, 2)], [1]),
    ],
)
def test_further_rows_are_read_as_in_training(
    column: Column, values: object, expected: list[float]
) -> None:
    assert same(encode_column("t", column, arrow(values)), expected)


def test_further_numbers_have_the_unit_of_the_training_data() -> None:
    text = TextFormat(columns=(("x", "number"),))
    column = Column(name="x", unit="kg")
    assert same(encode_column("t", column, arrow(["1,000 kg"]), text=text), [1000])
    with pytest.raises(DataError) as error:
        encode_column("t", column, arrow(["3 lb"]), text=text)
    assert str(error.value) == (
        "t, row 1: expected numbers in the unit 'kg' of the training data, found '3 lb'"
    )


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        (
            Column(name="x"),
            ["1", "0x1A"],
            "t, row 2: expected a number, found '0x1A'",
        ),
        (Column(name="x"), [True], "t: expected numbers, found booleans"),
        (
            Column(name="x", date="iso"),
            ["soon"],
            "t, row 1: expected a date in ISO 8601, found 'soon'; correct it, or read it as a "
            "missing value with `--missing soon`",
        ),
        (Column(name="x", date="iso"), [5], "t: expected dates, found int64"),
        (
            Column(name="x", categories=("a", "b")),
            ["c"],
            "t, row 1: expected one of 'a', 'b', found 'c'",
        ),
        (
            Column(name="x", categories=("a", "b")),
            [datetime.date(2026, 1, 1)],
            "t: expected one of 'a', 'b', found dates",
        ),
    ],
)
def test_further_rows_that_do_not_match_are_refused(
    column: Column, values: object, expected: str
) -> None:
    assert message(encode_column, "t", column, arrow(values)) == expected


def test_1_and_0_beside_the_words_are_booleans() -> None:
    column, values = infer(["1", "0", "True", None])
    assert column == Column(name="x", categories=("false", "true"))
    assert same(values, [1, 0, 1, NAN])
    again = encode_column("t", column, arrow(["0", "TRUE", "1"]))
    assert same(again, [0, 1, 1])
