"""Dates in JSON become days since 1970-01-01, and days become dates."""

from datetime import datetime

import pytest
from highway_client.files import cells
from hypothesis import given
from hypothesis import strategies as st

from service.contract import is_date_format
from service.formats.dates import days, iso_date


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1970-01-01", 0.0),
        ("1970-01-02T12:00:00", 1.5),
        ("1970-01-02 00:00:00.000000000", 1.0),
        ("1970-01-02T12:00+12:00", 1.0),
        ("1970-01-02T00:00:00Z", 1.0),
        ("19691231", -1.0),
        ("0001-01-01", -719162.0),
        ("9999-12-31", 2932896.0),
    ],
)
def test_a_date_in_iso_8601_is_a_number_of_days(text: str, value: float) -> None:
    assert days(text, "iso") == value
    assert days(text, "%d/%m/%Y") == value


def test_a_date_may_have_the_columns_own_format() -> None:
    assert days("3/1/1970", "%d/%m/%Y") == 2.0
    assert days("3/1/1970", "iso") is None


def test_a_date_that_the_columns_format_and_iso_8601_read_differently_is_no_date() -> None:
    assert days("1970-02-01", "%Y-%d-%m") is None
    assert days("1970-01-31", "%Y-%d-%m") == 30.0
    assert days("1970-31-01", "%Y-%d-%m") == 30.0
    assert days("1970-02-02", "%Y-%d-%m") == 32.0


@pytest.mark.parametrize(
    "text", ["", "iso", "today", "1970-13-01", "1970-01-01x00:00", "10000-01-01", "١٩٧٠-01-01"]
)
def test_other_strings_are_no_dates(text: str) -> None:
    assert days(text, "iso") is None
    assert days(text, "%Y-%m-%d") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "1970-01-01"),
        (20454.5, "2026-01-01T12:00"),
        (20454.00001, "2026-01-01"),
        (-719162.0, "0001-01-01"),
        (2932896.75, "9999-12-31T18:00"),
        (2932896.99999, None),
        (2932897.0, None),
        (-719163.0, None),
    ],
)
def test_a_number_of_days_is_a_date_in_iso_8601_to_the_minute(
    value: float, text: str | None
) -> None:
    assert iso_date(value) == text


@given(st.datetimes())
def test_a_date_that_was_written_is_read_as_the_same_minute(date: datetime) -> None:
    read = days(str(date), "iso")
    assert read is not None
    text = iso_date(read)
    if text is not None:  # the last half minute of the year 9999
        assert days(text, "iso") == pytest.approx(read, abs=0.51 / 1440)


@given(st.one_of(st.dates().map(str), st.datetimes().map(str), st.text("0123456789-T:. ")))
def test_the_client_reads_the_same_dates(text: str) -> None:
    assert days(text, "iso") == cells.days(text, "iso")


@given(st.text("%YmdHq/y- ", max_size=8))
def test_the_client_knows_the_same_formats(text: str) -> None:
    assert is_date_format(text) == cells.is_date_format(text)
