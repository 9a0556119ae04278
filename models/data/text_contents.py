"""What the strings of a column look like if they are not all plain numbers."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
from highway_client.files.cells import (
    decorated_number,
    is_number,
    looks_like_date,
    looks_like_missing,
)

from models.data.strings import Strings

SAMPLE = 1000  # different strings that are looked at; a column of more has too many categories
ONE_UNIT = 0.8  # of the rows with a unit, those with the most frequent one; 12a and 12b have none

Look = Literal["number", "decorated", "other decimal", "date", "missing", "text"]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Rows of a column by the look of their strings, and the distinct strings of each look.

    A decorated number has thousands separators or a unit; "other decimal" is a number, also a
    decorated one, with a comma instead of a point, or the reverse.
    """

    rows: dict[Look, int]
    positions: dict[Look, tuple[int, ...]]

    def share(self, *looks: Look) -> float:
        """Return the share of the rows with these looks, without those that look missing."""
        known = sum(rows for look, rows in self.rows.items() if look != "missing")
        return sum(self.rows.get(look, 0) for look in looks) / max(1, known)

    def of(self, look: Look) -> tuple[int, ...]:
        """Return the positions of the distinct strings of that look, of which there may be none."""
        return self.positions.get(look, ())


def contents(strings: Strings) -> Contents:
    """Look at all numbers and at about `SAMPLE` other strings of a column."""
    strange = np.flatnonzero(~strings.are_numbers)
    sample = strange[:: max(1, len(strange) // SAMPLE)].tolist()
    looks = dict(zip(sample, _looks(strings, sample), strict=True))
    counts = strings.counts
    scale = counts[strange].sum() / max(1, counts[sample].sum())
    rows: Counter[Look] = Counter({"number": int(counts[strings.are_numbers].sum())})
    positions: dict[Look, tuple[int, ...]] = {}
    for position, look in looks.items():
        rows[look] += round(scale * int(counts[position]))
        positions[look] = (*positions.get(look, ()), position)
    return Contents(rows=rows, positions=positions)


def _looks(strings: Strings, positions: list[int]) -> list[Look]:
    cells = [strings.text(position) for position in positions]
    units = [_unit(cell, strings.decimal) for cell in cells]
    counts: Counter[str] = Counter()
    for position, unit in zip(positions, units, strict=True):
        if unit:
            counts[unit] += int(strings.counts[position])
    several = bool(counts) and max(counts.values()) < ONE_UNIT * counts.total()
    return [
        _look(cell, None if unit and several else unit, strings.decimal)
        for cell, unit in zip(cells, units, strict=True)
    ]


def _unit(cell: str, decimal: str) -> str | None:
    found = decorated_number(cell, decimal)
    return None if found is None or looks_like_date(cell) else found[1]


def _look(cell: str, unit: str | None, decimal: str) -> Look:
    if looks_like_missing(cell):
        return "missing"
    if looks_like_date(cell):
        return "date"
    if unit is not None:
        return "decorated"
    mark = other_decimal(decimal)
    # A version such as 1.2.345 has no decimal mark.
    is_other = is_number(cell, mark) or (mark in cell and decorated_number(cell, mark) is not None)
    return "other decimal" if is_other else "text"


def other_decimal(decimal: str) -> str:
    """Return the comma for the point, and the reverse."""
    return "," if decimal == "." else "."
