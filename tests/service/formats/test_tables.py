import json
import math
from typing import Any

import numpy as np
import pytest
import simdjson
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from service.contract import Column
from service.errors import InputError
from service.formats.predict import read_predict
from service.formats.tables import decode_table, shown_value
from tests.service.conftest import TABLE
from tests.service.formats.conftest import message_of

COLUMNS = TABLE.input.columns  # age; job: nurse, teacher, pilot; member: false, true; income
NAMES = [column.name for column in COLUMNS]
JOBS = COLUMNS[1].categories


def decode(*rows: str, columns: tuple[Column, ...] = COLUMNS) -> NDArray[np.float64]:
    instances = simdjson.Parser().parse(f"[{', '.join(rows)}]".encode())
    assert isinstance(instances, simdjson.Array)
    return decode_table(instances, columns, [f"instances[{i}]" for i in range(len(instances))])


def rejected(*rows: str, columns: tuple[Column, ...] = COLUMNS) -> str:
    return message_of(InputError, lambda: decode(*rows, columns=columns))


def test_a_category_becomes_its_index_and_a_boolean_0_or_1() -> None:
    rows = decode('[41, "nurse", false, 1.5]', '[-2, "pilot", true, 1e3]')
    assert rows.tolist() == [[41, 0, 0, 1.5], [-2, 2, 1, 1000]]


def test_a_boolean_may_be_its_category() -> None:
    assert decode('[0, "nurse", "true", 0]', '[0, "nurse", "false", 0]')[:, 2].tolist() == [1, 0]


def test_null_becomes_nan_in_every_column() -> None:
    rows = decode("[null, null, null, null]", '[1, "teacher", true, null]')
    assert np.isnan(rows).tolist() == [[True] * 4, [False, False, False, True]]


def test_names_may_have_any_order_and_the_last_of_a_repeated_name_counts() -> None:
    row = '{"income": 7, "age": 1, "member": true, "job": "pilot", "age": 2}'
    assert decode(row).tolist() == [[2, 2, 1, 7]]


def test_an_integer_above_2_to_the_53_is_rounded_to_float64() -> None:
    row = '[9007199254740993, "nurse", true, 18446744073709551615]'
    assert decode(row)[0, [0, 3]].tolist() == [2.0**53, 2.0**64]


def test_a_table_of_one_column_has_rows_of_one_value() -> None:
    age = (Column(name="age"),)
    assert decode('{"age": 1}', '{"age": 2}', columns=age).tolist() == [[1], [2]]
    assert decode("[1]", "[2]", columns=age).tolist() == [[1], [2]]


def test_booleans_require_the_categories_false_and_true_in_this_order() -> None:
    reversed_boolean = (Column(name="member", categories=("true", "false")),)
    assert decode('["true"]', '["false"]', columns=reversed_boolean).tolist() == [[0], [1]]
    assert rejected("[true]", columns=reversed_boolean) == (
        "instances[0][0]: expected one of 'true', 'false' or null for a missing value, "
        "found a boolean"
    )


def test_categories_that_look_like_numbers_are_strings() -> None:
    grade = (Column(name="grade", categories=("1", "2")),)
    assert decode('["2"]', columns=grade).tolist() == [[1]]
    assert rejected("[1]", columns=grade) == (
        "instances[0][0]: expected one of '1', '2' or null for a missing value, found a number"
    )


VALUES = {
    "age": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
    "job": st.none() | st.sampled_from(JOBS),
    "member": st.none() | st.booleans() | st.sampled_from(["false", "true"]),
    "income": st.none() | st.integers(-(2**63), 2**64 - 1),
}


def expected_number(name: str, value: Any) -> float:
    """Return the number for the graph by the contract."""
    if value is None:
        return math.nan
    if name == "job":
        return JOBS.index(value)
    return value in (True, "true") if name == "member" else float(value)


@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=5), st.permutations(NAMES))
def test_objects_and_lists_become_the_same_numbers(
    rows: list[dict[str, Any]], order: list[str]
) -> None:
    objects = [{name: row[name] for name in order} for row in rows]
    lists = [[row[name] for name in NAMES] for row in rows]
    expected = np.array(
        [[expected_number(name, row[name]) for name in NAMES] for row in rows], np.float32
    )
    for form in (objects, lists):
        body = json.dumps({"instances": form}).encode()
        decoded = read_predict(body, TABLE, max_rows=5).rows
        assert decoded.dtype == np.float32
        assert np.array_equal(decoded, expected, equal_nan=True)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["nurse", "true", "x"]),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from([*NAMES, "x"]), inner)
    ),
    max_leaves=20,
)


@given(st.lists(ANYTHING, min_size=1, max_size=3))
def test_any_json_is_rows_of_the_table_or_an_input_error(rows: list[Any]) -> None:
    try:
        values = decode(*map(json.dumps, rows))
    except InputError:
        return
    assert values.shape == (len(rows), 4)


GOOD = '[41, "nurse", true, null]'
NAMED = '{"age": 41, "job": "nurse", "member": true, "income": null}'


@pytest.mark.parametrize(
    ("row", "actual"),
    [("5", "a number"), ("null", "null"), ('"x"', "a string"), ("true", "a boolean")],
)
def test_a_row_is_an_object_or_a_list(row: str, actual: str) -> None:
    assert rejected(row) == (
        "instances[0]: expected an object keyed by column name or a list of 4 values, "
        f"found {actual}"
    )


def test_all_rows_must_have_the_form_of_the_first() -> None:
    assert rejected(NAMED, GOOD) == (
        "instances[1]: expected an object like the first row, found a list"
    )
    assert rejected(GOOD, GOOD, NAMED) == (
        "instances[2]: expected a list like the first row, found an object"
    )


@pytest.mark.parametrize(("row", "count"), [("[]", 0), ("[1, 2]", 2), ("[1, 2, 3, 4, 5]", 5)])
def test_a_list_must_have_a_value_for_every_column(row: str, count: int) -> None:
    assert rejected(GOOD, row) == (
        f"instances[1]: expected a list of 4 values, found one of {count}"
    )


@pytest.mark.parametrize(
    "row",
    [
        '{"age": 41, "member": true, "income": null}',
        '{"age": 41, "age": 41, "member": true, "income": null}',
        '{"age": 41, "JOB": "nurse", "member": true, "income": null}',
    ],
)
def test_an_error_names_the_missing_column(row: str) -> None:
    assert rejected(NAMED, row) == (
        "instances[1]: the column 'job' is missing; send null for a missing value"
    )


def test_an_unknown_column_is_rejected_without_its_name() -> None:
    assert rejected(NAMED[:-1] + ', "SECRET": "SECRET"}') == (
        "instances[0]: expected only the columns 'age', 'job', 'member', 'income', found an "
        "unknown column; remove it"
    )


NUMBER = "expected a number or null for a missing value"
JOB = "expected one of 'nurse', 'teacher', 'pilot' or null for a missing value"
MEMBER = "expected true, false or null for a missing value"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('["41", "nurse", true, 0]', f"instances[1][0]: {NUMBER}, found a string"),
        ('[true, "nurse", true, 0]', f"instances[1][0]: {NUMBER}, found a boolean"),
        ('[1, "nurse", true, [0]]', f"instances[1][3]: {NUMBER}, found a list"),
        ('[1, "nurse", true, {}]', f"instances[1][3]: {NUMBER}, found an object"),
        ('[1, "SECRET", true, 0]', f"instances[1][1]: {JOB}, found another string"),
        ('[1, "Nurse", true, 0]', f"instances[1][1]: {JOB}, found another string"),
        ("[1, 0, true, 0]", f"instances[1][1]: {JOB}, found a number"),
        ("[1, true, true, 0]", f"instances[1][1]: {JOB}, found a boolean"),
        ("[1, [], true, 0]", f"instances[1][1]: {JOB}, found a list"),
        ('[1, "nurse", 1, 0]', f"instances[1][2]: {MEMBER}, found a number"),
        ('[1, "nurse", "yes", 0]', f"instances[1][2]: {MEMBER}, found another string"),
        ('[1, "nurse", {}, 0]', f"instances[1][2]: {MEMBER}, found an object"),
    ],
)
def test_an_error_names_the_value_that_does_not_fit_its_column(row: str, message: str) -> None:
    assert rejected(GOOD, row) == message


def test_an_error_names_the_column_of_an_objects_value() -> None:
    assert rejected(NAMED, NAMED.replace("41", '"SECRET"')) == (
        f"instances[1].age: {NUMBER}, found a string"
    )
    assert rejected(NAMED.replace('"nurse"', '"SECRET"')) == (
        f"instances[0].job: {JOB}, found another string"
    )


def test_an_error_lists_at_most_ten_categories() -> None:
    letters = (Column(name="letter", categories=tuple("abcdefghijklm")),)
    assert rejected('["z"]', columns=letters) == (
        "instances[0][0]: expected one of 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j' and 3 "
        "more or null for a missing value, found another string"
    )
    assert "'j' or null" in rejected(
        '["z"]', columns=(Column(name="letter", categories=tuple("abcdefghij")),)
    )


def test_the_index_of_a_category_is_rejected_even_in_a_row_of_numbers() -> None:
    body = b'{"instances": [[41, 0, 1, 1.5]]}'
    assert message_of(InputError, lambda: read_predict(body, TABLE, max_rows=5)) == (
        f"instances[0][1]: {JOB}, found a number"
    )


def test_a_number_that_overflows_float32_is_rejected_beside_a_missing_one() -> None:
    body = b'{"instances": [[null, "nurse", true, 1], [null, "nurse", true, 1e39]]}'
    error_message = message_of(InputError, lambda: read_predict(body, TABLE, max_rows=5))
    assert error_message == "instances[1]: a number overflows float32"


def test_an_object_of_many_members_is_rejected_before_they_are_read() -> None:
    most = '{"age": 1, "job": null, "member": null, "income": 2%s}'
    assert decode(most % (', "age": 1' * 64))[0, 0] == 1
    assert rejected(most % (', "age": 1' * 65)) == (
        "instances[0]: expected an object of 4 columns, found one of 69 members"
    )


NUMBER_COLUMN, DATE_COLUMN = Column(name="a"), Column(name="b", date="iso")
_, JOB_COLUMN, MEMBER_COLUMN, _ = COLUMNS


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        (NUMBER_COLUMN, 41.0, 41),
        (NUMBER_COLUMN, float(np.float32(0.1)), 0.1),
        (NUMBER_COLUMN, 16777216.0, 16777216.0),
        (NUMBER_COLUMN, math.nan, None),
        (JOB_COLUMN, 2.0, "pilot"),
        (JOB_COLUMN, math.nan, None),
        (MEMBER_COLUMN, 1.0, "true"),
        (DATE_COLUMN, 1.5, "1970-01-02T12:00"),
        (DATE_COLUMN, 2932897.0, 2932897),
        (DATE_COLUMN, math.nan, None),
    ],
)
def test_a_number_is_shown_as_a_row_has_it(column: Column, value: float, shown: Any) -> None:
    assert shown_value(column, value) == shown
    assert type(shown_value(column, value)) is type(shown)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_shown_number_is_read_as_the_same_float32(value: float) -> None:
    row = json.dumps([shown_value(NUMBER_COLUMN, value)])
    assert np.float32(decode(row, columns=(NUMBER_COLUMN,))[0, 0]) == value
