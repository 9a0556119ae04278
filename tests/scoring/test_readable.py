"""Rows that can be read are found among others by halves."""

import numpy as np
import pytest
from highway_client.errors import FileError
from highway_client.json_values import FloatArray

from scoring.readable import Read, readable

ROWS = np.arange(16, dtype=np.float32).reshape(8, 2)


def reader(wrong: set[int], calls: list[tuple[int, int]]) -> Read:
    def read(start: int, stop: int) -> FloatArray:
        calls.append((start, stop))
        bad = [row for row in range(start, stop) if row in wrong]
        if bad:
            raise FileError(f"row {bad[0]}")
        return ROWS[start:stop]

    return read


def test_rows_without_an_error_are_read_at_once() -> None:
    calls: list[tuple[int, int]] = []
    rows, errors = readable(reader(set(), calls), 8, 2, keep_errors=True)
    assert (rows.tolist(), errors, calls) == (ROWS.tolist(), {}, [(0, 8)])


def test_the_rows_beside_errors_are_kept_in_order() -> None:
    rows, errors = readable(reader({2, 7}, []), 8, 2, keep_errors=True)
    assert rows[:, 0].tolist() == [0, 2, 6, 8, 10, 12]
    assert errors == {2: "row 2", 7: "row 7"}


def test_no_row_may_be_readable() -> None:
    rows, errors = readable(reader(set(range(3)), []), 3, 2, keep_errors=True)
    assert rows.shape == (0, 2)
    assert list(errors) == [0, 1, 2]


def test_the_first_error_stops_unless_errors_are_kept() -> None:
    with pytest.raises(FileError, match="row 2"):
        readable(reader({2, 7}, []), 8, 2, keep_errors=False)
