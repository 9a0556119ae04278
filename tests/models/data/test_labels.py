import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from models.data.labels import encode_labels, similar_labels
from models.errors import DataError

NAN = float("nan")


def arrow(values: object) -> pa.ChunkedArray:
    return pa.chunked_array([values if isinstance(values, pa.Array) else pa.array(values)])


def message(values: object, declared: str | None = None) -> str:
    with pytest.raises(DataError) as error:
        encode_labels("t", arrow(values), declared=declared)
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "labels", "index"),
    [
        (["b", "a"], ("a", "b"), [1, 0]),
        (pa.array(["b", "a"]).dictionary_encode(), ("a", "b"), [1, 0]),
        ([True, False], ("false", "true"), [1, 0]),
        ([10, 9], ("9", "10"), [1, 0]),
        ([10.0, 9.0], ("9", "10"), [1, 0]),
        ([Decimal("10.0"), Decimal("9.0")], ("9", "10"), [1, 0]),
        (["10", "9"], ("9", "10"), [1, 0]),
        (["10.0", "9.0"], ("9", "10"), [1, 0]),
        (["True", "FALSE"], ("false", "true"), [1, 0]),
        (["+1", "-1"], ("+1", "-1"), [0, 1]),
        (["007", "7"], ("007", "7"), [0, 1]),
        (["2024-01", "2023-12"], ("2023-12", "2024-01"), [1, 0]),
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
        (
            ["1.0", "2.5"],
            "t, row 2: expected classes as strings or integers, found 2.5; choose another target, "
            "or round it to integers",
        ),
        (
            [[1], [2]],
            "t: expected numbers, strings, booleans or dates, found list<item: int64>; choose "
            "another target",
        ),
        (["a", "NA"], "t, row 2: the class is missing; remove the row"),
        ([1, None], "t, row 2: the class is missing; remove the row"),
        ([NAN, 1.0], "t, row 1: the class is missing; remove the row"),
        (
            [datetime.date(2020, 1, 1)] * 2,
            "t: expected classes, found dates; choose another target",
        ),
    ],
)
def test_a_target_without_classes_is_refused(values: object, expected: str) -> None:
    assert message(values) == expected


def test_labels_that_are_declared_or_known_stay_as_they_are_written() -> None:
    values = arrow(["1.0", "2.0"])
    assert encode_labels("t", values, declared="category")[0] == ("1.0", "2.0")
    assert encode_labels("t", values, known=("1.0", "2.0", "x"))[0] == ("1.0", "2.0")
    assert encode_labels("t", values, known=("1", "2"))[0] == ("1", "2")


def test_a_target_declared_as_another_kind_is_refused() -> None:
    assert message(["a", "b"], "number") == (
        "t: the target is declared as number; choose another target"
    )


def test_labels_that_differ_only_by_case_or_spaces_are_noted() -> None:
    assert similar_labels(("No", "no", "yes")) == (
        "the labels 'No', 'no' differ only by case or spaces, and are different labels",
    )
    assert similar_labels(("no", "yes")) == ()
