import datetime

import numpy as np
import pyarrow as pa
import pytest

from models.data.dates import arrow_days, date_format, date_formats, text_days
from models.data.remedies import ColumnError, Remedy
from models.data.strings import Strings
from service.contract import FIRST_DAY, LAST_DAY


def strings(*cells: str | None) -> Strings:
    return Strings.of(pa.chunked_array([pa.array(cells, pa.large_string())]), ".")


@pytest.mark.parametrize(
    ("cells", "formats"),
    [
        (("2026-01-31", "2026-02-01T12:30"), ("iso",)),
        (("31/1/2026", "1/2/2026"), ("%d/%m/%Y",)),
        (("1/31/2026", "1/2/2026"), ("%m/%d/%Y",)),
        (("1/2/2026", "3/4/2026"), ("%d/%m/%Y", "%m/%d/%Y")),
        (("31.01.26", "01.02.26"), ("%d.%m.%y",)),
        (("13-1-2026 08:30",), ("%d-%m-%Y %H:%M",)),
        (("1/31/2026 8:30 PM",), ("%m/%d/%Y %I:%M %p",)),
        (("2026/01/31", "-"), ("%Y/%m/%d",)),
        (("1 Jan 2026",), ("%d %b %Y",)),
        (("01JAN2026", "15FEB2026"), ("%d%b%Y",)),
        (("01JAN2026:12:30:00",), ("%d%b%Y:%H:%M:%S",)),
        (("2026-01", "2026-11"), ("%Y-%m",)),
        (("Jan 2026", "Feb 2026"), ("%b %Y",)),
        (("31/1/2026", "1/31/2026"), ()),
        (("soon",), ()),
    ],
)
def test_the_format_is_the_one_that_reads_all_dates(
    cells: tuple[str, ...], formats: tuple[str, ...]
) -> None:
    assert date_formats(strings(*cells)) == formats


def test_a_declared_format_is_taken() -> None:
    assert date_format("t", "x", "date:%d.%m.%Y", strings("1.2.2026")) == "%d.%m.%Y"
    assert date_format("t", "x", "date", strings("2026-01-31")) == "iso"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (
            "1/2/2026",
            "t, row 1: found the date '1/2/2026', whose day and month cannot be distinguished in "
            "any row; read it with `--column x=date:%d/%m/%Y` if the day is first, or with "
            "`--column x=date:%m/%d/%Y` if the month is",
        ),
        (
            "soon",
            "t, row 1: expected a date such as 2026-01-31, found 'soon'; give the dates' format "
            "with --column 'x=date:FORMAT', where FORMAT is one of strptime such as %d/%m/%Y",
        ),
    ],
)
def test_dates_without_a_certain_format_are_refused(cell: str, expected: str) -> None:
    with pytest.raises(ColumnError) as error:
        date_format("t", "x", "date", strings(cell))
    assert str(error.value) == expected


def test_dates_are_days_since_1970() -> None:
    days = text_days("t", strings("02.01.1970", None, "31.12.1969"), "%d.%m.%Y")
    assert str(days.tolist()) == "[1.0, nan, -1.0]"


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_every_unit_are_days(unit: str) -> None:
    moment = datetime.datetime(1970, 1, 2, 12)
    values = pa.chunked_array([pa.array([moment, None], pa.timestamp(unit))])
    assert str(arrow_days("t", values).tolist()) == "[1.5, nan]"


def test_timestamps_outside_the_calendar_are_refused() -> None:
    values = pa.chunked_array([pa.array([0, None, 400_000_000_000], pa.timestamp("s"))])
    with pytest.raises(ColumnError) as error:
        arrow_days("t", values, Remedy(exclude=("x",)))
    assert str(error.value) == (
        "t, row 3: expected a date in the years 1 to 9999, found 4629630 days since "
        "1970-01-01; correct it, or leave the column out with `--exclude x`"
    )


def test_the_first_and_the_last_second_of_the_calendar_are_dates() -> None:
    moments = [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59)]
    days = arrow_days("t", pa.chunked_array([pa.array(moments, pa.timestamp("s"))]))
    assert days.astype(np.float32).tolist() == [FIRST_DAY, LAST_DAY]
