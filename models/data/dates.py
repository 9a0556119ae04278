"""Columns of dates: their format, found where it is certain, and their days since 1970-01-01."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from highway_client.files.cells import ISO, days, looks_like_missing
from numpy.typing import NDArray

from models.data.remedies import ColumnError, Remedy
from models.data.selection import DATE
from models.data.strings import Strings
from service.contract import FIRST_DAY, LAST_DAY

NUMERIC = tuple(
    tuple(f"{date.replace('-', mark)}{time}" for date in ("%d-%m-%Y", "%m-%d-%Y"))
    for mark in "/-."
    for time in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
)
SHORT = tuple(tuple(text.replace("%Y", "%y") for text in pair) for pair in NUMERIC)
CERTAIN = (
    *("%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S"),
    *("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%d %b %Y", "%d-%b-%Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%d-%b-%y", "%d %b %y"),
    *("%d%b%Y", "%d%b%Y:%H:%M:%S", "%d%b%y", "%d%b%y:%H:%M:%S"),
    *("%Y-%m", "%b-%Y", "%b %Y", "%B %Y", "%B-%Y"),
)
UNITS_PER_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}


def date_formats(strings: Strings) -> tuple[str, ...]:
    """Return the formats that read all dates: none, one, or two if day and month can be swapped.

    Strings that look like missing values are passed over.
    """
    cells = [text for text in strings.distinct.to_pylist() if not looks_like_missing(text)]
    for candidates in ((ISO,), *((text,) for text in CERTAIN), *NUMERIC, *SHORT):
        found = tuple(text for text in candidates if _reads(text, cells))
        if found:
            return found
    return ()


def date_format(where: str, name: str, declared: str, strings: Strings) -> str:
    """Return the format of a column declared "date" or "date:FORMAT".

    Raises `ColumnError` if the format of "date" is not certain.
    """
    _, _, given = declared.partition(":")
    if given:
        return given
    found = date_formats(strings)
    if len(found) == 1:
        return found[0]
    if found:
        raise ambiguous(where, name, strings.text(0), strings.row(0), found)
    cells = strings.distinct.to_pylist()
    position = next(p for p, text in enumerate(cells) if not _reads(ISO, [text]))
    raise ColumnError(
        f"{where}, row {strings.row(position)}: expected a date such as 2026-01-31, found "
        f"{strings.text(position)!r}; give the dates' format with --column '{name}=date:FORMAT', "
        "where FORMAT is one of strptime such as %d/%m/%Y"
    )


def ambiguous(where: str, name: str, text: str, row: int, formats: tuple[str, ...]) -> ColumnError:
    """Return the error of dates whose day and month can be swapped."""
    first, second = (Remedy(columns=((name, f"{DATE}:{one}"),)) for one in formats)
    return ColumnError(
        f"{where}, row {row}: found the date {text!r}, whose day and month cannot be distinguished "
        f"in any row; read it with {first} if the day is first, or with {second} if the month is",
        first,
    )


def text_days(where: str, strings: Strings, date_format: str) -> NDArray[np.float64]:
    """Return each row's days (n,), NaN if missing; a text of another format is refused."""
    values = [days(text, date_format) for text in strings.distinct.to_pylist()]
    if None in values:
        position = values.index(None)
        shape = "in ISO 8601" if date_format == ISO else f"in the format {date_format!r}"
        remedy = Remedy(missing=(strings.text(position),))
        raise ColumnError(
            f"{where}, row {strings.row(position)}: expected a date {shape}, found "
            f"{strings.text(position)!r}; correct it, or read it as a missing value with {remedy}",
            remedy,
        )
    return strings.expand(np.array(values, np.float64))


def arrow_days(
    where: str, values: pa.ChunkedArray, remedy: Remedy | None = None
) -> NDArray[np.float64]:
    """Return the days of an Arrow timestamp column (n,), NaN if missing.

    The type of the column can hold years that neither Python nor the calendar of a network has.
    """
    count = pc.cast(values, pa.int64()).cast(pa.float64(), safe=False).to_numpy()
    found = np.asarray(count / UNITS_PER_DAY[values.type.unit], np.float64)
    outside = np.flatnonzero((found < FIRST_DAY) | (found >= LAST_DAY))
    if len(outside):
        left_out = f", or leave the column out with {remedy}" if remedy else ""
        raise ColumnError(
            f"{where}, row {outside[0] + 1}: expected a date in the years 1 to 9999, found "
            f"{found[outside[0]]:.0f} days since 1970-01-01; correct it{left_out}",
            remedy,
        )
    return found


def _reads(date_format: str, cells: list[str]) -> bool:
    return all(days(text, date_format) is not None for text in cells)
