from datetime import date, timedelta

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.networks.calendar import CALENDAR_FLAGS, FIRST_DAY, LAST_DAY, calendar_flags

EPOCH = date(1970, 1, 1)


def flags_of(*days: float) -> list[tuple[int, int]]:
    """Return the day of the week, Monday being 0, and the month of each date."""
    flags = calendar_flags(torch.tensor(days, dtype=torch.float32))
    assert flags.shape == (len(days), CALENDAR_FLAGS)
    assert (flags.sum(dim=1) == 2).all()
    weekdays, months = flags[:, :7].argmax(dim=1), flags[:, 7:].argmax(dim=1) + 1
    return list(zip(weekdays.tolist(), months.tolist(), strict=True))


@given(st.lists(st.dates(), min_size=1))
def test_every_date_has_the_weekday_and_month_of_the_calendar(dates: list[date]) -> None:
    days = [float((day - EPOCH).days) for day in dates]
    assert flags_of(*days) == [(day.weekday(), day.month) for day in dates]


def test_the_first_of_march_follows_the_last_of_february_in_all_kinds_of_years() -> None:
    for year, last in ((1900, 28), (2000, 29), (2024, 29), (2025, 28), (2400, 29)):
        february = (date(year, 2, last) - EPOCH).days
        assert [month for _, month in flags_of(february, february + 1)] == [2, 3]


def test_the_time_of_day_is_ignored() -> None:
    friday = date(2026, 11, 27)
    days = (friday - EPOCH).days
    assert flags_of(days, days + 0.5, days + 0.99) == [(4, 11)] * 3


def test_days_outside_the_calendar_count_as_its_first_or_last() -> None:
    assert date.fromordinal(1) - EPOCH == timedelta(days=FIRST_DAY)
    assert date(9999, 12, 31) - EPOCH == timedelta(days=LAST_DAY)
    assert flags_of(-1e30, FIRST_DAY - 1, LAST_DAY + 1, 3e38) == [(0, 1), (0, 1), (4, 12), (4, 12)]


def test_float32_and_float64_agree() -> None:
    days = torch.from_numpy(np.linspace(FIRST_DAY, LAST_DAY, 20_001).astype(np.float32))
    assert torch.equal(calendar_flags(days).double(), calendar_flags(days.double()))
