from models.data.column_names import did_you_mean, normalised


def test_names_are_composed_unless_they_would_become_equal() -> None:
    assert normalised(["cafe\u0301", "y"]) == ["café", "y"]
    assert normalised(["cafe\u0301", "café"]) == ["cafe\u0301", "café"]


def test_a_name_with_other_spaces_or_case_is_suggested_before_a_similar_one() -> None:
    assert did_you_mean("Y", ["x", "y "]) == "; did you mean 'y '?"
    assert did_you_mean("colour", ["color", "size"]) == "; did you mean 'color'?"
    assert did_you_mean("weight", ["a", "b"]) == ""
