import numpy as np
import pytest
from highway_client.errors import FileError
from highway_client.files.rows import FileRows, regrouped
from hypothesis import given
from hypothesis import strategies as st

from tests.client.conftest import matrix

EMPTY = FileError("no rows")


def sizes(rows: FileRows) -> list[int]:
    return [len(np.asarray(batch.rows)) for batch in rows.batches]


def test_rows_in_the_form_of_json_are_sent_256_at_a_time() -> None:
    rows = FileRows.of_instances([[n] for n in range(600)], 1)
    assert rows.count == 600
    assert sizes(rows) == [256, 256, 88]


def test_large_rows_fit_the_default_limit_of_a_body() -> None:
    assert sizes(FileRows.of_instances([[0]] * 5, 2**15)) == [4, 1]
    assert sizes(FileRows.of_instances([[0]] * 2, 2**22)) == [1, 1]
    assert sizes(FileRows.of_matrix(np.zeros((5, 1)), 300_000)) == [3, 2]
    assert sizes(FileRows.of_matrix(np.zeros((2, 1)), 2_000_000)) == [1, 1]


def test_arrays_are_sent_1024_rows_at_a_time() -> None:
    rows = FileRows.of_matrix(np.zeros((2050, 1)), 1)
    assert (rows.count, sizes(rows)) == (2050, [1024, 1024, 2])


def test_a_file_of_full_batches_has_no_empty_one() -> None:
    rows = FileRows(batches=regrouped([np.zeros((2048, 1), np.float32)], 1, empty=EMPTY))
    assert sizes(rows) == [1024, 1024]


@given(counts=st.lists(st.integers(0, 1500), max_size=5))
def test_parts_of_a_file_are_regrouped_in_their_order(counts: list[int]) -> None:
    numbers = np.arange(sum(counts), dtype=np.float32)[:, np.newaxis]
    parts = np.split(numbers, np.cumsum(counts)[:-1]) if counts else []
    if not sum(counts):
        with pytest.raises(FileError, match="no rows"):
            list(regrouped(parts, 1, empty=EMPTY))
        return
    found = sizes(FileRows(batches=regrouped(parts, 1, empty=EMPTY)))
    assert found[:-1] == [1024] * (len(found) - 1)
    assert 0 < found[-1] <= 1024
    rows = FileRows(batches=regrouped(parts, 1, empty=EMPTY))
    np.testing.assert_array_equal(matrix(rows), numbers)
