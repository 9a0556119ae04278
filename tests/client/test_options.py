from typing import Any

import pytest
from highway_client.errors import ArgumentError
from highway_client.options import Options

USUAL: dict[str, Any] = {
    **{"model": None, "version": None, "binary": True, "timeout_seconds": 30, "retries": 3},
    **{"deadline_ms": None, "tags": ()},
}
BAD_TAG = "tags: expected each to have 1 to 64 letters, digits or . _ : = / @ -, found "


def test_without_a_deadline_or_tags_there_are_no_headers() -> None:
    assert Options(**USUAL).headers() == {}


def test_the_tags_of_a_call_follow_those_of_the_client() -> None:
    options = Options(**{**USUAL, "tags": ["a", "b=1"], "deadline_ms": 5})
    assert options.headers(("c",)) == {"X-Deadline-Ms": "5", "X-Tags": "a, b=1, c"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"version": "1"}, "version: expected a model beside it, found none; name the model"),
        ({"timeout_seconds": 0}, "timeout_seconds: expected a number above 0, found 0"),
        (
            {"timeout_seconds": float("nan")},
            "timeout_seconds: expected a number above 0, found nan",
        ),
        ({"retries": -1}, "retries: expected 0 or more, found -1"),
        ({"deadline_ms": 0}, "deadline_ms: expected 1 or more, found 0"),
        ({"tags": ["a,b"]}, f"{BAD_TAG}'a,b'"),
        ({"tags": "ab"}, "tags: expected a list of strings, found a string; put it in a list"),
    ],
)
def test_an_invalid_option_is_an_error(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        Options(**{**USUAL, **given})
    assert str(caught.value) == reason


@pytest.mark.parametrize("tag", ["", "a b", "a\r\nX-Other: 1", "é", "a" * 65, 7])
def test_an_invalid_tag_is_an_error(tag: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        Options(**USUAL).headers([tag])
    assert str(caught.value) == f"{BAD_TAG}{tag!r}"


def test_too_many_tags_are_an_error() -> None:
    options = Options(**{**USUAL, "tags": ["a"] * 9})
    with pytest.raises(ArgumentError) as caught:
        options.headers(["b"] * 8)
    assert str(caught.value) == "tags: expected at most 16 in all, found 17"
