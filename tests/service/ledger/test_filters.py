import json
from base64 import urlsafe_b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.ledger.filters import Filters, PageFilters, Position, read_cursor, write_cursor

CURSOR = write_cursor(Position("-time", 5, 7))


def read(**query: str) -> PageFilters:
    """Read filters as FastAPI does: from strings."""
    return PageFilters.model_validate(query)


def refused(query: dict[str, str], model: type[Filters] = PageFilters) -> tuple[str, str]:
    """Return the name and the message of the only error."""
    with pytest.raises(ValidationError) as raised:
        model.model_validate(query)
    (error,) = raised.value.errors()
    return ".".join(map(str, error["loc"])), error["msg"]


def test_without_parameters_all_rows_match_newest_first() -> None:
    filters = read()
    assert filters == PageFilters()
    assert (filters.by_time, filters.descending, filters.limit) == (True, True, 50)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("since", "1970-01-01T00:00:01Z", 1_000_000),
        ("since", "1970-01-01T00:00:01.000007", 1_000_007),
        ("until", "1970-01-02", 86_400_000_000),
        ("until", "1970-01-01T02:00:00+02:00", 0),
        ("label", "7; DROP TABLE", "7; DROP TABLE"),
        ("model", "digits", "digits"),
        ("version", "1", "1"),
        ("tag", "customer=acme", "customer=acme"),
        ("id", "a/b!", "a/b!"),
        ("typicality_below", "0.01", 0.01),
        ("typicality_below", "1e-5", 1e-5),
        ("typicality_below", "1", 1.0),
        ("sort", "-typicality", "-typicality"),
        ("limit", "1000", 1000),
        ("cursor", CURSOR, CURSOR),
    ],
)
def test_a_parameter_is_read(name: str, text: str, value: object) -> None:
    assert getattr(read(**{name: text}), name) == value


def test_a_cursor_is_the_position_after_which_rows_follow() -> None:
    assert read(cursor=CURSOR).after == Position("-time", 5, 7)
    assert read().after is None


TIME = "expected a time such as 2026-01-31T12:00:00Z; a + must be written as %2B"
TAG = "String should match pattern '^[A-Za-z0-9._:=/@-]{1,64}$'"
ID = "String should match pattern '^[!-~]{1,128}$'"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        *(("since", text, TIME) for text in ("yesterday", "", "20", "1700000000")),
        ("until", "1970-01-01T00:00:00 02:00", TIME),
        ("until", "2026-02-30", TIME),
        ("label", "", "String should have at least 1 character"),
        *(("tag", text, TAG) for text in ("a b", "x' OR 1=1 --", "", "a\n", "é", "x" * 65)),
        *(("id", text, ID) for text in ("a b", "x" * 129, "\0", "")),
        *(
            ("typicality_below", text, "Input should be greater than 0")
            for text in ("0", "-0.1", "1e-999")
        ),
        *(
            ("typicality_below", text, "Input should be less than or equal to 1")
            for text in ("1.1", "nan", "inf", "1" * 50)
        ),
        *(
            (
                "typicality_below",
                text,
                "Input should be a valid number, unable to parse string as a number",
            )
            for text in ("", "1e", "0x1", "٠.٥")
        ),
        ("sort", "size", "Input should be '-time', 'time', 'typicality' or '-typicality'"),
        ("limit", "0", "Input should be greater than or equal to 1"),
        ("limit", "1001", "Input should be less than or equal to 1000"),
        *(
            (
                "limit",
                text,
                "Input should be a valid integer, unable to parse string as an integer",
            )
            for text in ("", "1.5", "ten", "٣")
        ),
        ("cursor", "x", "expected the `next` of an earlier page"),
        ("cursor", "A" * 201, "String should have at most 200 characters"),
        ("lable", "7", "Extra inputs are not permitted"),
    ],
)
def test_an_invalid_value_is_refused(name: str, text: str, message: str) -> None:
    assert refused({name: text}) == (name, message)


@pytest.mark.parametrize("name", ["limit", "cursor"])
def test_filters_without_pages_have_no_paging_parameters(name: str) -> None:
    assert refused({name: "5"}, Filters) == (name, "Extra inputs are not permitted")


@pytest.mark.parametrize("until", ["2026-01-01", "2025-12-31"])
def test_an_interval_must_end_after_it_begins(until: str) -> None:
    message = "until: expected a time after since"
    assert refused({"since": "2026-01-01", "until": until}) == ("", message)


def test_a_cursor_must_have_the_same_sort() -> None:
    message = "cursor: expected the `next` of a page of this sort"
    assert refused({"cursor": CURSOR, "sort": "time"}) == ("", message)


NAMES = st.sampled_from(["since", "tag", "id", "typicality_below", "sort", "limit", "cursor", "x"])


@given(st.dictionaries(NAMES, st.text(max_size=30), max_size=4))
def test_any_query_is_read_or_rejected(query: dict[str, str]) -> None:
    with suppress(ValidationError):
        read(**query)


SORTS = st.sampled_from(["time", "-time", "typicality"])
KEYS = st.integers(0, 2**62) | st.floats(0, 1)


@given(SORTS, KEYS, st.integers(1, 2**62))
def test_a_cursor_is_decoded_to_the_same_position(sort: Any, key: float, number: int) -> None:
    position = Position(sort, key, number)
    decoded = read_cursor(write_cursor(position))
    assert decoded == position
    assert type(decoded.key) is type(key)


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "abc", "é", "!!!!", "//79", encoded(None), encoded({}), encoded([])),
        *(encoded(["time", 1]), encoded(["time", 1, 2, 3]), encoded(["time", "1", 2])),
        *(encoded([1, 1, 2]), encoded(["time", True, 2]), encoded(["time", 1, 2.5])),
        *(encoded(["time", float("nan"), 2]), encoded(["time", float("inf"), 2])),
        *(encoded(["time", 2**63, 2]), encoded(["time", 1, -(2**63)]), encoded([["time"], 1, 2])),
    ],
)
def test_a_malformed_cursor_is_refused(cursor: str) -> None:
    assert refused({"cursor": cursor}) == ("cursor", "expected the `next` of an earlier page")
