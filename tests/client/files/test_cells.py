"""The rules by which training and the client read a cell."""

import math
import re

import pytest
from highway_client.files.cells import (
    NUMBER,
    boolean,
    days,
    decorated_number,
    is_date_format,
    is_number,
    looks_like_date,
    looks_like_missing,
    number,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7.0),
        ("+2.33", 2.33),
        ("-0", 0.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e-13", 1e-13),
        ("2E+3", 2000.0),
        (" 12\t", 12.0),
        ("\u00a012\u202f", 12.0),
        ("007", 7.0),
    ],
)
def test_a_number_has_digits_and_may_have_a_sign_a_point_and_an_exponent(
    text: str, value: float
) -> None:
    assert is_number(text)
    assert number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", "+", "e5", "-.", "1e", "1,5", "1 2", "1_000", "0x1A", "0b1", "inf"),
        *("-Infinity", "nan", "١٢", "１２", "1.2.3", "12a", "$5", "½", "1\n"),
    ],
)
def test_other_strings_are_no_numbers(text: str) -> None:
    assert not is_number(text)
    assert number(text) is None


def test_a_decimal_comma_replaces_the_point() -> None:
    assert number("1,5", ",") == 1.5
    assert number("1.5", ",") is None


def test_a_number_beyond_float64_is_infinite() -> None:
    assert number("1e999") == math.inf


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_comes_back(value: float) -> None:
    assert number(repr(value)) == value


@given(st.text(max_size=6))
def test_the_pattern_says_the_same_as_the_function(text: str) -> None:
    assert is_number(text) == (re.fullmatch(NUMBER, text) is not None)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("12", 12.0, ""),
        ("1,234", 1234.0, ""),
        ("1,234,567.5", 1234567.5, ""),
        ("1 234", 1234.0, ""),
        ("1\u202f234", 1234.0, ""),
        ("1'234", 1234.0, ""),
        ("$1,234.50", 1234.5, "$"),
        ("-$5", -5.0, "$"),
        ("$-5", -5.0, "$"),
        ("−5 €", -5.0, "€"),
        ("USD 5", 5.0, "USD"),
        ("5 USD", 5.0, "USD"),
        ("US$5", 5.0, "US$"),
        ("12%", 12.0, "%"),
        ("12 %", 12.0, "%"),
        ("20 °C", 20.0, "°C"),
        ("5m²", 5.0, "m²"),
        ("3 km/h", 3.0, "km/h"),
        ("5 kg/m3", 5.0, "kg/m3"),
        ("7 µg", 7.0, "µg"),
        ("1e5 Pa", 1e5, "Pa"),
        ("12a", 12.0, "a"),
    ],
)
def test_a_decorated_number_has_separators_a_currency_or_a_unit(
    text: str, value: float, unit: str
) -> None:
    assert decorated_number(text) == (value, unit)


@pytest.mark.parametrize(
    "text",
    [
        *("1,2", "12,34", "1,2345", "1,234,56", "1,234 567", "0,123", "0x1A", "0xFF", "1_000"),
        *("$5 €", "-$-5", "kg", "12 Main St", "3/4", "12:30", "1.2.3", "", "-", "2026-01-02"),
    ],
)
def test_groups_have_three_digits_and_a_unit_is_one_word(text: str) -> None:
    assert decorated_number(text) is None


def test_points_separate_thousands_where_the_decimal_is_a_comma() -> None:
    assert decorated_number("1.234,5 kg", ",") == (1234.5, "kg")
    assert decorated_number("1.23", ",") is None


@pytest.mark.parametrize(
    "text", ["-", ".", "?", "+", "--", " ", "None", "UNKNOWN", "n.a.", "#N/A", "missing", "(null)"]
)
def test_signs_alone_and_some_words_look_like_missing_values(text: str) -> None:
    assert looks_like_missing(text)


@pytest.mark.parametrize("text", ["0", "no", "none of these", "-1", "é"])
def test_other_strings_do_not_look_missing(text: str) -> None:
    assert not looks_like_missing(text)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05.5+02:00", "2026/1/2"),
        *("1/2/2026", "31/12/2026", "12-31-2026", "1.2.2026", "01.02.26", "1/2/26 5:30 PM"),
        *("1 Jan 2026", "Jan 1, 2026", "1-Jan-26", "May 5 2020", "Monday, 1 January 2026"),
        *("3rd March 2001", "march 3, 2001 12:00"),
    ],
)
def test_dates_look_like_dates(text: str) -> None:
    assert looks_like_date(text)


@pytest.mark.parametrize(
    "text", ["01JAN2020", "15feb21", "01JAN2020:12:30:00", "2020-01", "Jan-2020", "March 2020"]
)
def test_the_dates_of_sas_and_months_of_a_year_look_like_dates(text: str) -> None:
    assert looks_like_date(text)


@pytest.mark.parametrize("text", ["01JAM2020", "2020-13", "1820-01", "May-20", "JAN2020"])
def test_codes_and_seasons_do_not_look_like_months(text: str) -> None:
    assert not looks_like_date(text)


@pytest.mark.parametrize(
    "text", ["13/14/2026", "1.2.30", "1.2.3", "12-34-56", "2019-20", "12:30", "20260102", "May", ""]
)
def test_versions_times_and_numbers_do_not_look_like_dates(text: str) -> None:
    assert not looks_like_date(text)


@pytest.mark.parametrize(
    ("text", "date_format", "value"),
    [
        ("1970-01-01", "iso", 0.0),
        ("1970-01-02T12:00", "iso", 1.5),
        ("1970-01-02 12:00:00+12:00", "iso", 1.0),
        ("1970-01-02T00:00:00Z", "iso", 1.0),
        ("1969-12-31", "iso", -1.0),
        ("19700103", "iso", 2.0),
        (" 1970-01-02 ", "iso", 1.0),
        ("0001-01-01", "iso", -719162.0),
        ("3/1/1970", "%d/%m/%Y", 2.0),
        ("Jan 4, 1970 6 PM +0600", "%b %d, %Y %I %p %z", 3.5),
    ],
)
def test_a_date_is_a_number_of_days(text: str, date_format: str, value: float) -> None:
    assert days(text, date_format) == value


@pytest.mark.parametrize(
    ("text", "date_format"),
    [
        ("1970-01-01x03:04", "iso"),
        ("1970-13-01", "iso"),
        ("today", "iso"),
        ("", "iso"),
        ("١٩٧٠-01-01", "iso"),
        ("١/1/1970", "%d/%m/%Y"),
        ("1/13/1970", "%d/%m/%Y"),
        ("1970", "%Y%Y"),
        ("1970", "%Q"),
    ],
)
def test_other_strings_are_no_dates(text: str, date_format: str) -> None:
    assert days(text, date_format) is None


@pytest.mark.parametrize("date_format", ["iso", "%d/%m/%Y", "%Y-%m", "%m/%d/%y %H:%M", "%Y%m%d"])
def test_a_date_format_has_the_year(date_format: str) -> None:
    assert is_date_format(date_format)


@pytest.mark.parametrize("date_format", ["", "ISO", "%d/%m", "%H:%M", "%Q %Y", "%Y%Y", "day"])
def test_other_strings_are_no_date_formats(date_format: str) -> None:
    assert not is_date_format(date_format)


@pytest.mark.parametrize(
    ("text", "value"),
    [("True", True), (" 1", True), ("FALSE ", False), ("0", False), ("yes", None), ("", None)],
)
def test_booleans_are_words_in_any_case_or_1_and_0(text: str, value: bool | None) -> None:
    assert boolean(text) is value
