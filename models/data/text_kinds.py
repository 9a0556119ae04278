"""What a column of strings holds: numbers, booleans or categories, decided before any conversion.

Every function raises `ColumnError`; its argument `where` begins the message.
"""

from typing import Literal

import numpy as np
from highway_client.files.cells import decorated_number, is_number

from models.data.dates import ambiguous, date_formats
from models.data.precision import Numbers
from models.data.remedies import ColumnError, Remedy
from models.data.selection import CATEGORY, DATE, NUMBER
from models.data.strings import Strings
from models.data.text_contents import Contents, contents, other_decimal

MAX_CATEGORIES = 100
ID_SHARE = 0.9  # of the known rows: with more different strings they are ids or free text
FEW_STRINGS = 20  # at most so many different strings are rather categories than numbers with gaps
FEW_ODD_STRINGS = 5  # at most so many strings among numbers are rather gaps

TextKind = Literal["number", "boolean", "category"]


def text_kind(where: str, name: str, strings: Strings) -> TextKind:
    """Decide what an undeclared column holds; nearly numbers and dates are refused."""
    if strings.are_numbers.all() and not strings.are_codes.any():
        return "number"
    if strings.are_booleans:
        return "boolean"
    if not strings.are_codes.any():
        _check_contents(where, name, strings, contents(strings))
    if len(strings) > MAX_CATEGORIES:
        raise _too_many_codes(where, name, strings)
    return "category"


def declared_numbers(where: str, strings: Strings) -> tuple[Numbers, str]:
    """Return each row's number (n,), plain or decorated, and the unit that all of them have."""
    found = [decorated_number(text, strings.decimal) for text in strings.distinct.to_pylist()]
    if None in found:
        position = found.index(None)
        remedy = Remedy(missing=(strings.text(position),))
        raise ColumnError(
            f"{where}, row {strings.row(position)}: expected a number, found "
            f"{strings.text(position)!r}; correct it, or read it as a missing value with {remedy}",
            remedy,
        )
    values, units = zip(*filter(None, found), strict=True)
    if len(set(units)) > 1:
        other = next(position for position, unit in enumerate(units) if unit != units[0])
        raise ColumnError(
            f"{where}, row {strings.row(other)}: expected one unit in all rows, found "
            f"{strings.text(0)!r} and {strings.text(other)!r}; write all numbers in one unit"
        )
    return strings.expand(np.array(values, np.float64)), units[0]


def too_many_categories(where: str, name: str, strings: Strings) -> ColumnError:
    """Return the error of a column of more than `MAX_CATEGORIES` different strings."""
    remedy = Remedy(exclude=(name,))
    known = int(strings.counts.sum())
    like_ids = "; they seem to be ids or free text" if len(strings) >= ID_SHARE * known else ""
    return ColumnError(
        f"{where}: expected numbers or at most {MAX_CATEGORIES} different strings, found "
        f"{len(strings)} strings such as {strings.text(0)!r}{like_ids}; leave the column out with "
        f"{remedy}",
        remedy,
    )


def _too_many_codes(where: str, name: str, strings: Strings) -> ColumnError:
    codes = np.flatnonzero(strings.are_codes)
    if not (len(codes) and strings.are_numbers.all()):
        return too_many_categories(where, name, strings)
    left_out, numbers = Remedy(exclude=(name,)), Remedy(columns=((name, NUMBER),))
    return ColumnError(
        f"{where}: expected at most {MAX_CATEGORIES} different codes, found {len(strings)} codes "
        f"with leading zeros such as {strings.text(int(codes[0]))!r}; leave the column out with "
        f"{left_out}, or read the codes as numbers with {numbers}",
        left_out,
    )


def _check_contents(where: str, name: str, strings: Strings, found: Contents) -> None:
    """Refuse a column that would become categories because of how its numbers are written."""
    numbers = found.share("number", "decorated", "other decimal")
    dates = found.share("date")
    if 2 * (numbers + dates) < 1:
        return
    if dates > numbers:
        raise _dates(where, name, strings, found.of("date"))
    if found.of("other decimal"):
        raise _other_decimal(where, name, strings, found.of("other decimal")[0])
    if found.of("decorated"):
        raise _decorated(where, name, strings, found.of("decorated")[0])
    odd = (*found.of("date"), *found.of("text"))
    if odd:
        raise _odd(where, name, strings, odd)
    raise _missing(where, strings, found.of("missing"))


def _dates(where: str, name: str, strings: Strings, positions: tuple[int, ...]) -> ColumnError:
    text, row = strings.text(positions[0]), strings.row(positions[0])
    formats = date_formats(strings)
    if len(formats) == 2:
        return ambiguous(where, name, text, row, formats)
    remedy = Remedy(columns=((name, DATE),))
    return ColumnError(
        f"{where}, row {row}: found the date {text!r}; read dates with {remedy}"
        f"{_or_categories(name, strings)}",
        remedy,
    )


def _decorated(where: str, name: str, strings: Strings, position: int) -> ColumnError:
    text, remedy = strings.text(position), Remedy(columns=((name, NUMBER),))
    mark = other_decimal(strings.decimal)
    commas = f", or decimal marks with {Remedy(decimal=mark)}" if is_number(text, mark) else ""
    return ColumnError(
        f"{where}, row {strings.row(position)}: expected plain numbers, found {text!r}; read the "
        f"column as numbers with {remedy}{commas}{_or_categories(name, strings)}",
        remedy,
    )


def _other_decimal(where: str, name: str, strings: Strings, position: int) -> ColumnError:
    remedy = Remedy(decimal=other_decimal(strings.decimal))
    return ColumnError(
        f"{where}, row {strings.row(position)}: expected {strings.decimal!r} in decimal numbers, "
        f"found {strings.text(position)!r}; read the table's numbers with {remedy}"
        f"{_or_categories(name, strings)}",
        remedy,
    )


def _missing(where: str, strings: Strings, positions: tuple[int, ...]) -> ColumnError:
    remedy = Remedy(missing=tuple(strings.text(position) for position in positions))
    return ColumnError(
        f"{where}, row {strings.row(positions[0])}: expected a number as in most of the column's "
        f"rows, found {strings.text(positions[0])!r}; read it as a missing value with {remedy}",
        remedy,
    )


def _odd(where: str, name: str, strings: Strings, positions: tuple[int, ...]) -> ColumnError:
    position = positions[0]
    missing = Remedy(missing=tuple(map(strings.text, positions[:FEW_ODD_STRINGS])))
    remedy = Remedy(exclude=(name,)) if len(positions) > FEW_ODD_STRINGS else missing
    if len(strings) <= FEW_STRINGS:
        remedy = Remedy(columns=((name, CATEGORY),))
    return ColumnError(
        f"{where}, row {strings.row(position)}: expected a number as in most of the column's rows, "
        f"found the string {strings.text(position)!r}; correct it, read it as a missing value with "
        f"{missing}{_or_categories(name, strings)}",
        remedy,
    )


def _or_categories(name: str, strings: Strings) -> str:
    if len(strings) > MAX_CATEGORIES:
        return f", or leave the column out with {Remedy(exclude=(name,))}"
    return f", or keep the strings as categories with {Remedy(columns=((name, CATEGORY),))}"
