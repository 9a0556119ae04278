from math import isnan

import pytest
from highway_client.description import Column, TextFormat
from highway_client.files.coders import CellError, coder, listed

JOB = Column(name="job", categories=("NA", "nurse"))


def test_a_category_may_be_a_mark_of_missing_values() -> None:
    code = coder(JOB, TextFormat())
    assert (code("NA"), code("nurse")) == (0, 1)
    assert isnan(code("null"))


def test_a_cell_that_does_not_fit_is_an_error_that_says_what_was_expected() -> None:
    with pytest.raises(CellError) as caught:
        coder(JOB, TextFormat())("cook")
    assert str(caught.value) == "one of 'NA', 'nurse'"


def test_a_long_list_of_names_is_cut() -> None:
    assert listed("ab") == "'a', 'b'"
    assert listed("abcdefghijkl").endswith("'j' and 2 more")
