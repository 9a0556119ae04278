"""Dates in JSON, and as the numbers of a date column: days since 1970-01-01."""

import re
from datetime import UTC, datetime, timedelta

from service.contract import FIRST_DAY, ISO, LAST_DAY

EPOCH = datetime(1970, 1, 1)
ONE_DAY = timedelta(days=1)
MINUTES = 24 * 60  # of a day
# `fromisoformat` alone would take any character between date and time.
ISO_DATE = re.compile(
    r"[0-9]{4}-?(?:[0-9]{2}-?[0-9]{2}|W[0-9]{2}(?:-?[0-9])?)(?:[T ][0-9:.,Z+-]+)?"
)


def days(text: str, date_format: str) -> float | None:
    """Return a date in ISO 8601 or in `date_format`, one of `datetime.strptime` or "iso", as days.

    A time of day is a fraction; without a time zone it is UTC. None for other strings, and for one
    that is another date in ISO 8601 than in a format with the day before the month.
    """
    if any(character.isdecimal() and not character.isascii() for character in text):
        return None  # strptime reads the digits of every script
    readings = (
        {_iso_days(text)} if date_format == ISO else {_iso_days(text), _days(text, date_format)}
    )
    found = readings - {None}
    return found.pop() if len(found) == 1 else None


def iso_date(days: float) -> str | None:
    """Return days as a date in ISO 8601, with hour and minute unless it is midnight.

    float32 is no more precise. None beyond the year 9999.
    """
    minutes = round(days * MINUTES)
    if not FIRST_DAY * MINUTES <= minutes < LAST_DAY * MINUTES:
        return None
    date = EPOCH + timedelta(minutes=minutes)
    return date.isoformat(timespec="minutes").removesuffix("T00:00")


def _iso_days(text: str) -> float | None:
    try:
        return _since_epoch(datetime.fromisoformat(text)) if ISO_DATE.fullmatch(text) else None
    except ValueError:
        return None


def _days(text: str, date_format: str) -> float | None:
    try:
        return _since_epoch(datetime.strptime(text, date_format))
    except ValueError:
        return None


def _since_epoch(date: datetime) -> float:
    epoch = EPOCH if date.tzinfo is None else EPOCH.replace(tzinfo=UTC)
    return (date - epoch) / ONE_DAY
