"""Errors of first lines and of rows; `test_text_tables.py` has more of their messages."""

import pytest
from highway_client.errors import FileError
from highway_client.files.headers import check_names, check_start, ragged
from highway_client.files.records import Batch, Record


def batch(*records: Record) -> Batch:
    return Batch(records=list(records), lines=range(1, len(records) + 1), length=0)


@pytest.mark.parametrize(
    "records",
    [
        (),
        (["v"], ["1"]),
        (["v", "y"],),
        (["v", "y"], ["1", ""], ["", "a"]),
        (["#v", "y"], ["1", "a"]),
        (["v", "w", "y"], ["1", "2"], ["1", "2", "a"], ["1", "2", "a"]),
        (["v", "w", "y"], ["1", "2", "a"], ["1", "2", "a", "b"], ["1", "2", "a", "b"]),
    ],
)
def test_a_header_and_its_rows_are_accepted_and_single_rows_left_to_the_reader(
    records: tuple[Record, ...],
) -> None:
    check_start("t", batch(*records), ",")


def test_a_line_above_the_names_is_shown_in_part() -> None:
    with pytest.raises(FileError, match=r"found 'x{40}' and 2 cells in the lines from line 2"):
        check_start("t", batch(["x" * 50], ["v", "y"], ["1", "a"]), ",")


def test_only_the_first_column_may_have_no_name() -> None:
    check_names("t", ["", "v", "y"])
    with pytest.raises(FileError, match=r"found none for column 3 of 3; name it"):
        check_names("t", ["", "v", ""])


def test_a_ragged_row_is_an_error_with_advice() -> None:
    assert str(ragged("t, row 1", ["1"], 2, ";")) == (
        "t, row 1: expected 2 cells, one for each column, found 1"
    )
    assert str(ragged("t, row 1", ["1", "2", "a"], 2, ";")) == (
        "t, row 1: expected 2 cells, one for each column, found 3; put cells that contain ';' in "
        "quotes"
    )
