from datetime import UTC, datetime, timedelta, timezone

import pytest
from highway_client.errors import ArgumentError
from highway_client.shell.durations import time_of


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("1h", timedelta(hours=1)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_a_duration_is_a_time_before_now(text: str, before: timedelta) -> None:
    time = time_of("--since", text)
    assert time is not None
    assert abs(datetime.now(UTC) - before - time) < timedelta(minutes=1)


def test_a_time_is_utc_unless_it_has_an_offset() -> None:
    assert time_of("--since", "2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    hour = timezone(timedelta(hours=1))
    assert time_of("--since", "2026-01-31T12:00+01:00") == datetime(2026, 1, 31, 12, tzinfo=hour)


def test_no_time_is_no_filter() -> None:
    assert time_of("--since", None) is None


@pytest.mark.parametrize("text", ["", "h", "1 h", "-1h", "1y", "yesterday", "999999w", "1.5h"])
def test_other_strings_are_an_error(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        time_of("--until", text)
    assert str(caught.value) == (
        "--until: expected a duration such as 90s, 15m, 1h or 7d, or a time such as "
        f"2026-01-31T12:00, found {text!r}"
    )
