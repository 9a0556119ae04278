from highway_client.column_names import column_indices, other_names, repeated_name
from highway_client.description import Column

COLUMNS = (Column(name="age"), Column(name="café"))


def test_columns_are_found_by_name_however_their_accents_are_written() -> None:
    assert column_indices(["x", "cafe\u0301", "age"], COLUMNS) == [2, 1]


def test_a_column_that_is_not_among_the_names_has_no_position() -> None:
    assert column_indices(["age"], COLUMNS) == [0, None]


def test_other_names_are_those_of_no_column() -> None:
    assert other_names(["x", "cafe\u0301", "age", "y"], COLUMNS) == ["x", "y"]


def test_a_name_that_another_column_has_is_found_however_its_accents_are_written() -> None:
    assert repeated_name(["café", "age", "cafe\u0301", "age"]) == "cafe\u0301"
    assert repeated_name(["age", "Age"]) is None
