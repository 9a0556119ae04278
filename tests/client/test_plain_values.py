"""Values of Python, NumPy and pandas as the client sends them."""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from highway_client.errors import ArgumentError
from highway_client.plain_values import plain_members


def plain(value: object) -> object:
    return plain_members({"rows": [{"v": value}]})["rows"][0]["v"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (1, 1),
        (True, True),
        ("a", "a"),
        (None, None),
        (1.5, 1.5),
        (math.nan, None),
        (Decimal("1.5"), 1.5),
        (Decimal("NaN"), None),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.int64(2), 2),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.array(2.0), 2.0),
        ((1, [2]), [1, [2]]),
        (pd.NA, None),
        (pd.NaT, None),
    ],
)
def test_values_become_those_of_json(value: object, sent: object) -> None:
    assert plain(value) == sent


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (np.datetime64("2026-01-02T03:04", "ns"), "2026-01-02T03:04:00.000000000"),
        (np.datetime64("NaT"), None),
        (pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00"),
        (np.array(["2026-01-02", "NaT"], "datetime64[D]"), ["2026-01-02", None]),
    ],
)
def test_dates_become_strings_of_iso_8601(value: object, sent: object) -> None:
    assert plain(value) == sent


def test_names_may_be_numbers() -> None:
    assert plain_members({"row": {0: 1, np.int64(1): 2}}) == {"row": {"0": 1, "1": 2}}


INFINITIES: Sequence[Any] = (
    *(math.inf, -math.inf, np.float32("inf"), np.float64("-inf"), Decimal("Infinity")),
    *(np.array(np.inf), np.array(-np.inf, np.float16)),
)


@pytest.mark.parametrize("value", INFINITIES)
def test_infinity_is_refused_in_every_form(value: object) -> None:
    with pytest.raises(ArgumentError) as caught:
        plain(value)
    found = "-inf" if float(value) < 0 else "inf"  # type: ignore[arg-type]
    assert str(caught.value) == f"rows[0].v: expected a finite number or NaN, found {found}"


@pytest.mark.parametrize(
    ("rows", "location"),
    [
        ([[1, math.inf]], "rows[0][1]"),
        ([[1, 2], (1, Decimal("-inf"))], "rows[1][1]"),
        ([np.array([1, 2]), np.array([1, np.inf])], "rows[1][1]"),
        ({"v": np.array([1, np.inf])}, "rows.v[1]"),
        (math.inf, "rows"),
    ],
)
def test_the_location_of_infinity_is_named(rows: object, location: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        plain_members({"n": 1, "rows": rows})
    assert str(caught.value).startswith(f"{location}: expected a finite number or NaN, found ")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({1, 2}, "rows[0].v: expected numbers, strings, booleans, dates, lists or mappings, found "
         "the type set"),
        (np.timedelta64(1, "D"), "rows[0].v: expected numbers or dates, found the type "
         "timedelta64[D]"),
        ({("a", "b"): 1}, "rows[0].v: expected names as strings, found the type tuple"),
    ],
)  # fmt: skip
def test_values_of_other_types_are_refused(value: object, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        plain(value)
    assert str(caught.value) == message
