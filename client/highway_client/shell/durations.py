"""Times of `--since` and `--until`: a duration before now, or a date."""

import re
from datetime import UTC, datetime, timedelta

from highway_client.errors import ArgumentError

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DURATION = re.compile(r"([0-9]{1,6})([smhdw])")


def time_of(option: str, text: str | None) -> datetime | None:
    """Return the time that a text such as "15m", "7d" or "2026-01-31T12:00" means."""
    if text is None:
        return None
    duration = DURATION.fullmatch(text)
    try:
        if duration is not None:
            return datetime.now(UTC) - timedelta(**{UNITS[duration[2]]: int(duration[1])})
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(
            f"{option}: expected a duration such as 90s, 15m, 1h or 7d, or a time such as "
            f"2026-01-31T12:00, found {text!r}"
        ) from error
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
