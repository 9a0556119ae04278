"""Checks of a column's numbers: float32 must tell them apart, and a network must add them up.

Every function raises `ColumnError`; its argument `where` begins the message.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
from highway_client.files.cells import SPACES
from numpy.typing import NDArray

from models.data.magnitude import MAX_MAGNITUDE, MAX_ROUNDING
from models.data.remedies import ColumnError, Remedy
from models.data.selection import CATEGORY, NUMBER
from models.data.strings import Strings

FLOAT32_EXACT = 2**24  # all integers up to here are exact in float32
MAX_MERGED = 0.01  # share of different integers that may become equal in float32
MAX_MARKERS = 5  # different huge numbers that can mark missing values
MAX_LOOKED_AT = 1000  # huge numbers

Numbers = NDArray[np.float64]


def check_magnitude(where: str, numbers: Numbers, written: Callable[[int], str]) -> None:
    """Refuse numbers (n,) beyond `MAX_MAGNITUDE`; `written` returns a row's number as text."""
    outside = np.flatnonzero(np.abs(numbers) > MAX_MAGNITUDE)
    if not len(outside):
        return
    markers = tuple(dict.fromkeys(written(int(row)) for row in outside[:MAX_LOOKED_AT]))
    rows = int((numbers == numbers[outside[0]]).sum())
    found = (
        f"{where}, row {outside[0] + 1}: expected numbers of at most {MAX_MAGNITUDE:g}, found "
        f"{markers[0]} in {rows} {'row' if rows == 1 else 'rows'}"
    )
    if len(markers) > MAX_MARKERS:
        raise ColumnError(f"{found}; divide the column by a power of ten")
    remedy = Remedy(missing=markers)
    is_infinite = not np.isfinite(numbers[outside]).all()
    other = "correct it" if is_infinite else "divide the column by a power of ten"
    raise ColumnError(
        f"{found}; if it marks a missing value, read it with {remedy}, else {other}", remedy
    )


def check_integers(where: str, name: str, integers: Sequence[int]) -> None:
    """Refuse different integers that become equal as float32, which are ids."""
    if len(integers) < 2 or max(map(abs, integers)) <= FLOAT32_EXACT:
        return
    ordered = sorted(integers)
    numbers = np.array(ordered, np.float64)
    equal = np.flatnonzero(np.diff(numbers.astype(np.float32)) == 0)
    exact = all(int(number) == integer for number, integer in zip(numbers, ordered, strict=True))
    if exact and len(equal) <= MAX_MERGED * len(ordered):
        return
    first = int(equal[0]) if len(equal) else 0
    change = "become equal" if len(equal) else "cannot be kept exactly"
    remedy = Remedy(exclude=(name,))
    raise ColumnError(
        f"{where}: the integers {ordered[first]} and {ordered[first + 1]} {change} in float32; "
        f"leave the column out with {remedy}, or round its numbers with "
        f"{Remedy(columns=((name, NUMBER),))}",
        remedy,
    )


def check_spread(
    where: str, name: str, numbers: Numbers, ends: Callable[[], Sequence[str]]
) -> None:
    """Refuse numbers (n,) whose differences float32 loses.

    `ends` returns the lowest and the highest number as strings, or less if all are equal.
    """
    rounding = np.nanmax(np.abs(numbers - numbers.astype(np.float32)))
    if rounding == 0 or rounding < MAX_ROUNDING * np.nanstd(numbers):
        return
    differing = ends()
    if len(differing) > 1:
        remedy = Remedy(exclude=(name,))
        raise ColumnError(
            f"{where}: numbers from {differing[0]} to {differing[1]} are too close together for "
            f"float32; subtract the lowest, or leave the column out with {remedy}",
            remedy,
        )


def check_decimals(where: str, name: str, strings: Strings, numbers: Numbers) -> None:
    """Refuse strings such as 1.1 and 1.10, which are one number but two codes.

    `numbers` are those of the distinct strings.
    """
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    if len(counts) == len(numbers):
        return
    seen: dict[str, str] = {}
    repeated = (counts[inverse] > 1) & strings.match(rf"\{strings.decimal}[0-9]")
    for position in np.flatnonzero(repeated).tolist():
        text = strings.text(position).strip(SPACES)
        first = seen.setdefault(text.lstrip("+").rstrip("0"), text)
        if first.lstrip("+") != text.lstrip("+") and "e" not in text.lower():
            as_numbers, as_strings = (
                Remedy(columns=((name, kind),)) for kind in (NUMBER, CATEGORY)
            )
            raise ColumnError(
                f"{where}, row {strings.row(position)}: found {text!r} and {first!r}, which are "
                f"one number but two codes; read numbers with {as_numbers}, or codes with "
                f"{as_strings}",
                as_numbers,
            )


def text_ends(strings: Strings) -> Sequence[str]:
    """Return the lowest and the highest number of the strings, or one number if all are equal."""
    cells = (
        text.strip(SPACES).replace(strings.decimal, ".") for text in strings.distinct.to_pylist()
    )
    exact = set(map(Decimal, cells))
    return tuple(map(str, (min(exact), max(exact))[: len(exact)]))
