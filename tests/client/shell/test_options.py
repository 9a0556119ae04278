import pytest
from highway_client.errors import ArgumentError
from highway_client.shell.options import check_one


def test_one_of_several_options_may_be_given() -> None:
    check_one(json=False, csv=False)
    check_one(json=True, csv=False)


def test_two_options_that_exclude_each_other_are_an_error() -> None:
    with pytest.raises(ArgumentError) as caught:
        check_one(atypical=True, typicality_below=True)
    assert str(caught.value) == (
        "--typicality-below: expected it without --atypical; leave out one of both"
    )
