"""Day of the week and month of dates, computed inside the graph from days since 1970-01-01."""

import torch
from torch import Tensor

FIRST_DAY, LAST_DAY = -719_162.0, 2_932_896.0  # 0001-01-01 and 9999-12-31; exact in float32
WEEKDAYS, MONTHS = 7, 12
CALENDAR_FLAGS = WEEKDAYS + MONTHS

# The calendar repeats every 400 years, an era. Counted from 0000-03-01, a leap day is the last of
# its year, and of a group of 4, 100 or 400 years.
MARCH_FIRST = 719_468.0  # days from 0000-03-01 to 1970-01-01
ERA, CENTURY, FOUR_YEARS, YEAR = 146_097.0, 36_524.0, 1_460.0, 365.0
FIRST_WEEKDAY = 2.0  # 0000-03-01 is a Wednesday, Monday being 0


def calendar_flags(days: Tensor) -> Tensor:
    """Map days (…,) to flags (…, 19): Monday to Sunday, then January to December.

    Fractions of a day are ignored, and days before year 1 or after year 9999 count as the first or
    the last. All numbers are integers below 2^24, so float32 is exact (the algorithm is Howard
    Hinnant's civil_from_days).
    """
    day = days.floor().clamp(FIRST_DAY, LAST_DAY) + MARCH_FIRST
    weekday = _remainder(day + FIRST_WEEKDAY, WEEKDAYS)
    of_era = _remainder(day, ERA)
    leap_days = _quotient(of_era, FOUR_YEARS) - _quotient(of_era, CENTURY)
    leap_days = leap_days + _quotient(of_era, ERA - 1)
    year = _quotient(of_era - leap_days, YEAR)
    of_year = of_era - (YEAR * year + _quotient(year, 4) - _quotient(year, 100))
    month = _quotient(5 * of_year + 2, 153)  # from March; five months have 153 days
    weekdays = torch.arange(WEEKDAYS, dtype=days.dtype, device=days.device)
    months = (torch.arange(MONTHS, dtype=days.dtype, device=days.device) + 10) % MONTHS
    flags = torch.cat([weekday[..., None] == weekdays, month[..., None] == months], dim=-1)
    return flags.to(days.dtype)


def _quotient(number: Tensor, divisor: float) -> Tensor:
    return (number / divisor).floor()


def _remainder(number: Tensor, divisor: float) -> Tensor:
    return number - divisor * _quotient(number, divisor)
