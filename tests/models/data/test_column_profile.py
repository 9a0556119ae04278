import numpy as np
import pyarrow as pa
import pytest

from models.data.column_profile import (
    ColumnProfile,
    kind_of,
    profile_column,
    profile_problem,
    solo_accuracy,
)
from service.contract import Column

NAN = float("nan")
RANDOM = np.random.default_rng(0)


def profile(
    values: object, column: Column | None = None, y: object = None, classes: int = 2
) -> ColumnProfile:
    labels = None if y is None else np.asarray(y)
    return profile_column(
        column or Column(name="x"), np.asarray(values, np.float32), labels, classes
    )


def test_numbers_have_examples_gaps_and_a_range() -> None:
    found = profile([3, NAN, 1.5, 3])
    assert (found.kind, found.examples) == ("number", ("3", "1.5"))
    assert (found.missing, found.distinct) == (1, 2)
    assert found.range == "1.5 to 3, mean 2.5, spread 0.7071"


def test_categories_have_the_share_of_the_most_frequent_one() -> None:
    found = profile([1, 0, 1, 1], Column(name="x", categories=("a", "b")))
    assert (found.examples, found.range) == (("b", "a"), "75% 'b'")


def test_dates_are_written_as_dates() -> None:
    found = profile([0, 1.5], Column(name="x", date="iso"))
    assert found.range == "1970-01-01 to 1970-01-02 12:00"


def test_the_last_second_of_the_year_9999_is_written_as_its_day() -> None:
    rounded = np.float32(2932896.99999)
    assert profile([0, rounded], Column(name="x", date="iso")).range == "1970-01-01 to 9999-12-31"


def test_a_column_without_values_has_no_range() -> None:
    assert (profile([NAN, NAN]).range, profile([NAN]).examples) == ("", ())


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (Column(name="x"), "number"),
        (Column(name="x", unit="kg"), "number in kg"),
        (Column(name="x", date="iso"), "date"),
        (Column(name="x", categories=("false", "true")), "boolean"),
        (Column(name="x", categories=("a",)), "1 category"),
        (Column(name="x", categories=("a", "b")), "2 categories"),
    ],
)
def test_kinds_are_words(column: Column, kind: str) -> None:
    assert kind_of(column) == kind


def test_a_problem_is_shown_with_the_strings() -> None:
    values = pa.chunked_array([pa.array(["-", "1", None, "x" * 40], pa.large_string())])
    found = profile_problem("x", values, "bad")
    assert (found.kind, found.problem) == ("unclear", "bad")
    assert found.examples == ("-", "1", "x" * 29 + "…")
    assert (found.missing, found.distinct) == (1, 3)


@pytest.mark.parametrize(
    ("values", "column", "warnings"),
    [
        ([1] * 9, Column(name="x"), ("constant",)),
        ([1] * 199 + [2], Column(name="x"), ("99.5% of the rows have one value",)),
        (
            range(50),
            Column(name="x"),
            ("looks like an id or a row number: every value is different",),
        ),
        (
            RANDOM.permutation(50) * 7,
            Column(name="customer_id"),
            ("looks like an id or a row number: every value is different",),
        ),
        (RANDOM.permutation(50) * 7, Column(name="x"), ()),
        (RANDOM.normal(size=50), Column(name="x_id"), ()),
        (
            [0, 1],
            Column(name="x", categories=("?", "a")),
            ("the category '?' may mark missing values (--missing)",),
        ),
        (
            [0, 1],
            Column(name="x", categories=("0x1A", "0x1B")),
            ("'0x1A' is a category, not a number",),
        ),
    ],
)
def test_suspicious_columns_have_warnings(
    values: object, column: Column, warnings: tuple[str, ...]
) -> None:
    assert profile(list(values), column).warnings == warnings  # type: ignore[call-overload]


def test_a_column_that_reveals_the_label_has_a_warning() -> None:
    y = RANDOM.integers(0, 2, 200)
    noise = RANDOM.normal(size=200)
    assert profile(y + 0.01 * noise, y=y).warnings == (
        "predicts the label alone (100.0% on held-out rows): does it reveal it?",
    )
    assert profile(noise, y=y).warnings == ()
    assert profile(y[:40] + 0.1 * noise[:40], y=y[:40]).warnings == ()


def test_the_accuracy_of_one_column_is_balanced() -> None:
    y = np.array([0] * 990 + [1] * 10)
    assert solo_accuracy(np.zeros(1000, np.float32), y, 2) == 0.5
    assert solo_accuracy(np.where(y == 1, np.nan, 1).astype(np.float32), y, 2) == 1
