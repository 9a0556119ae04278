from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QueryError
from service.ledger.cursor import Position, write_cursor
from service.ledger.filters import Filters, read_filters

CURSOR = Position("-time", 5, 7)


def test_nothing_asked_for_is_everything_the_newest_first() -> None:
    filters = read_filters([])
    assert filters == Filters()
    assert (filters.by_time, filters.descending, filters.limit) == (True, True, 50)


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("since", "1970-01-01T00:00:01Z", "since_us", 1_000_000),
        ("since", "1970-01-01T00:00:01.000007", "since_us", 1_000_007),
        ("until", "1970-01-02", "until_us", 86_400_000_000),
        ("until", "1970-01-01T02:00:00+02:00", "until_us", 0),
        ("label", "7; DROP TABLE", "label", "7; DROP TABLE"),
        ("model", "digits", "model", "digits"),
        ("version", "1", "version", "1"),
        ("tag", "customer=acme", "tag", "customer=acme"),
        ("id", "a/b!", "id", "a/b!"),
        ("unusual_below", "0.01", "unusual_below", 0.01),
        ("unusual_below", "1e-5", "unusual_below", 1e-5),
        ("unusual_below", ".5", "unusual_below", 0.5),
        ("unusual_below", "1", "unusual_below", 1.0),
        ("sort", "-unusual", "sort", "-unusual"),
        ("limit", "1000", "limit", 1000),
        ("cursor", write_cursor(CURSOR), "after", CURSOR),
    ],
)
def test_a_parameter_is_read(name: str, text: str, field: str, value: object) -> None:
    assert read_filters([(name, text)]) == Filters(**{field: value})  # type: ignore[arg-type]


TIME = "expected a time as 2026-01-31T12:00:00Z, found another text; a + is written %2B in a query"
SHARE = "expected a number above 0 and at most 1, found another value"
LIMIT = "expected a whole number from 1 to 1000, found another value"
TAG = "expected 1 to 64 letters, digits or . _ : = / @ -, found another text"
ID = "expected 1 to 128 visible ASCII letters, found another text"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("since", "yesterday", TIME),
        ("since", "", TIME),
        ("until", "1970-01-01T00:00:00 02:00", TIME),
        ("until", "2026-02-30", TIME),
        ("label", "", "expected a text, found none"),
        ("tag", "a b", TAG),
        ("tag", "x' OR 1=1 --", TAG),
        ("tag", "", TAG),
        ("id", "a b", ID),
        ("id", "x" * 129, ID),
        *(("unusual_below", text, SHARE) for text in ("0", "1.1", "-0.1", "nan", "1e", "", "0x1")),
        *(("unusual_below", text, SHARE) for text in ("inf", "1_0", "٠.٥", "1e-999", "1" * 50)),
        ("sort", "size", "expected -time or -unusual or time or unusual, found another"),
        *(
            ("limit", text, LIMIT)
            for text in ("0", "1001", "-1", "", "1.5", "ten", "9" * 5000, "٣")
        ),
        ("cursor", "x", "expected the 'next' of an earlier page, found another text"),
    ],
)
def test_a_value_that_makes_no_sense_names_its_parameter(
    name: str, text: str, message: str
) -> None:
    with pytest.raises(QueryError) as error:
        read_filters([(name, text)])
    assert str(error.value) == f"{name}: {message}"


def test_an_unknown_parameter_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(QueryError) as error:
        read_filters([("lable", "7")])
    assert str(error.value) == (
        "query: expected parameters among since, until, label, model, version, tag, id, "
        "unusual_below, sort, limit, cursor; found another"
    )


@pytest.mark.parametrize("name", ["limit", "cursor"])
def test_what_is_not_paged_has_no_pages(name: str) -> None:
    with pytest.raises(QueryError) as error:
        read_filters([(name, "5")], paged=False)
    assert str(error.value) == (
        "query: expected parameters among since, until, label, model, version, tag, id, "
        "unusual_below, sort; found another"
    )


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(QueryError) as error:
        read_filters([("tag", "a"), ("tag", "b")])
    assert str(error.value) == "tag: expected it once, found it again"


@pytest.mark.parametrize("until", ["2026-01-01", "2025-12-31"])
def test_an_end_before_the_beginning_is_refused(until: str) -> None:
    with pytest.raises(QueryError) as error:
        read_filters([("since", "2026-01-01"), ("until", until)])
    assert str(error.value) == "until: expected a time after since, found none"


def test_a_cursor_goes_with_its_own_sort() -> None:
    with pytest.raises(QueryError) as error:
        read_filters([("cursor", write_cursor(CURSOR)), ("sort", "time")])
    assert str(error.value) == (
        "cursor: expected one of a page with the same sort, found another's"
    )


NAMES = st.sampled_from(["since", "tag", "id", "unusual_below", "sort", "limit", "cursor", "x"])


@given(st.lists(st.tuples(NAMES, st.text(max_size=30)), max_size=4))
def test_whatever_is_asked_is_read_or_refused(query: list[tuple[str, str]]) -> None:
    with suppress(QueryError):
        assert isinstance(read_filters(query), Filters)
