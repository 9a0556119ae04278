import json
from base64 import urlsafe_b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QueryError
from service.ledger.cursor import Position, read_cursor, write_cursor

KEYS = st.integers(0, 2**62) | st.floats(0, 1)


@given(st.sampled_from(["time", "-time", "unusual"]), KEYS, st.integers(1, 2**62))
def test_a_cursor_comes_back_as_the_position_it_was(sort: str, key: float, number: int) -> None:
    position = Position(sort, key, number)
    assert read_cursor(write_cursor(position)) == position


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        *("", "abc", "é", "!!!!", "A" * 201, "//79", encoded(None), encoded({}), encoded([])),
        *(encoded(["time", 1]), encoded(["time", 1, 2, 3]), encoded(["time", "1", 2])),
        *(encoded([1, 1, 2]), encoded(["time", True, 2]), encoded(["time", 1, 2.5])),
        *(encoded(["time", float("nan"), 2]), encoded(["time", float("inf"), 2])),
        *(encoded(["time", 2**63, 2]), encoded(["time", 1, -(2**63)]), encoded([["time"], 1, 2])),
    ],
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(QueryError) as error:
        read_cursor(text)
    assert str(error.value) == (
        "cursor: expected the 'next' of an earlier page, found another text"
    )


@given(st.text(max_size=60))
def test_whatever_is_no_cursor_is_one_error(text: str) -> None:
    with suppress(QueryError):
        read_cursor(text)
