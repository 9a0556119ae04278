"""The distinct strings of a column, and which of them are numbers, codes or words."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from highway_client.files.cells import (
    SPACES,
    boolean,
    number_pattern,
)
from numpy.typing import NDArray

CODE = f"^[{SPACES}]*[+-]?0[0-9]"  # a number with leading zeros
INTEGER = f"^[{SPACES}]*[+-]?[0-9]+[{SPACES}]*$"
MOST_BOOLEANS = 64  # distinct strings of true, false, 1 and 0 in any case, with spaces

Flags = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Strings:
    """The distinct strings of a column in order of their first rows; null cells are missing.

    `index` (n,) is each row's position among the distinct strings, -1 if missing.
    """

    distinct: pa.Array
    index: NDArray[np.int64]
    decimal: str

    @classmethod
    def of(cls, values: pa.ChunkedArray, decimal: str) -> "Strings":
        """Encode large strings (n,)."""
        encoded = pa.chunked_array(values.chunks, pa.large_string()).combine_chunks()
        encoded = encoded.dictionary_encode()
        index = pc.cast(pc.fill_null(encoded.indices, -1), pa.int64())
        return cls(distinct=encoded.dictionary, index=index.to_numpy(), decimal=decimal)

    def __len__(self) -> int:
        return len(self.distinct)

    def text(self, position: int) -> str:
        """Return one of the distinct strings."""
        return str(self.distinct[position].as_py())

    def row(self, position: int) -> int:
        """Return the first row with that text, counted from 1."""
        return int(np.flatnonzero(self.index == position)[0]) + 1

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The number of rows with each distinct text."""
        return np.bincount(self.index[self.index >= 0], minlength=len(self))

    @cached_property
    def are_numbers(self) -> Flags:
        """Whether each distinct text is a plain number."""
        return self.match(number_pattern(self.decimal))

    @cached_property
    def are_codes(self) -> Flags:
        """Whether each distinct text is a number with leading zeros."""
        return self.are_numbers & self.match(CODE)

    @property
    def are_booleans(self) -> bool:
        """Whether the strings are true, false, 1 and 0, not all of them numbers."""
        if self.are_numbers.all() or len(self) > MOST_BOOLEANS:
            return False
        return None not in self.booleans

    @property
    def booleans(self) -> tuple[bool | None, ...]:
        """The boolean of each distinct string, None for other strings."""
        return tuple(map(boolean, self.distinct.to_pylist()))

    def match(self, pattern: str) -> Flags:
        """Return which of the distinct strings match a regular expression."""
        flags: Flags = pc.match_substring_regex(self.distinct, pattern).to_numpy(
            zero_copy_only=False
        )
        return flags.astype(bool)

    def values(self) -> NDArray[np.float64]:
        """Return the distinct strings, all numbers, as float64; infinite beyond its range."""
        trimmed = pc.utf8_trim(self.distinct, SPACES)
        if self.decimal != ".":
            trimmed = pc.replace_substring(trimmed, self.decimal, ".")
        return np.fromiter(map(float, trimmed.to_pylist()), np.float64, len(self))

    def expand(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value of each row (n,), NaN where missing, from those of the strings."""
        padded = np.append(values, np.nan)
        return np.asarray(padded[self.index])
