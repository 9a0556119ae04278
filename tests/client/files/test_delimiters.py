"""The delimiter that the first lines of a table show."""

import pytest
from highway_client.errors import FileError
from highway_client.files.delimiters import (
    Sample,
    find_delimiter,
    has_names,
    known_delimiter,
    regular_from,
)


def found(text: str, usual: str = ",") -> str:
    return find_delimiter(Sample(text, is_last=True, keep_spaces=False), "t", usual)


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("v,y\n1,a\n", ","),
        ("v;y\n1,5;a\n2,5;b\n", ";"),
        ("v\ty\n1\ta\n", "\t"),
        ("v|y\n1|a\n", "|"),
        ('"v";"y"\n"1,5";"a"\n', ";"),
        ("v;y\n", ";"),
        ("y\n1\n2\n", ","),
        ("y\n", ","),
        ("", ","),
        ("v,y\n1|2|3,a\n", ","),
        ("genres,y\na|b,x\nc|d,x\n", ","),
    ],
)
def test_a_delimiter_is_found_where_all_lines_have_it(text: str, delimiter: str) -> None:
    assert found(text) == delimiter


def test_the_usual_delimiter_of_the_suffix_comes_first() -> None:
    assert found("a;b,c;d\n1;2,3;4\n", ";") == ";"
    assert found("v,y\n1,a\n", "\t") == ","


def test_the_header_decides_where_rows_differ() -> None:
    assert found("v;w;y\n1,5;2\n1,5;2;a;b\n") == ";"
    assert found("v,w,y\n1\n1;2;3;4\n") == ","


def test_lines_above_the_header_are_passed_over() -> None:
    assert found("Export\n\nv;w;y\n1,5;2;a\n2,5;3;b\n") == ";"


def test_a_cut_record_at_the_end_does_not_count() -> None:
    sample = Sample("v;y\n1,0;a\n2", is_last=False, keep_spaces=False)
    assert find_delimiter(sample, "t", ",") == ";"


def test_two_possible_delimiters_are_refused() -> None:
    with pytest.raises(FileError) as caught:
        found("a;b|c\n1;2|3\n")
    assert str(caught.value) == (
        "t: expected one delimiter between the cells, found ';' or '|'; name it with --delimiter"
    )


def test_spaces_are_refused_with_the_option() -> None:
    with pytest.raises(FileError) as caught:
        found("v  y\n1.5 a\n  2  b\n")
    assert str(caught.value) == (
        "t: expected a delimiter such as a comma between the cells, found spaces; name it with "
        '--delimiter " "'
    )


@pytest.mark.parametrize(
    ("text", "delimiter"), [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), (" ", " ")]
)
def test_delimiters_are_given_as_characters_or_as_tab(text: str, delimiter: str) -> None:
    assert known_delimiter(text) == delimiter


@pytest.mark.parametrize("text", ["", ";;", "comma", "a", "1", '"', "\n", "\0"])
def test_other_delimiters_are_refused(text: str) -> None:
    with pytest.raises(FileError) as caught:
        known_delimiter(text)
    assert str(caught.value) == (
        f"--delimiter: expected one character such as ';', or 'tab', found {text!r}"
    )


def test_records_are_regular_from_where_all_have_as_many_cells() -> None:
    one, two = ["a"], ["a", "b"]
    assert regular_from([two, two]) == 0
    assert regular_from([two]) == 0
    assert regular_from([one, two, two]) == 1
    assert regular_from([one, two]) is None
    assert regular_from([two, one, one]) is None
    assert regular_from([]) is None


def test_a_header_has_no_numbers() -> None:
    assert has_names(["v", "", "2a"])
    assert not has_names(["v", "2"])
