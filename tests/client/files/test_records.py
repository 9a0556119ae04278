"""Cells of delimited text: quotes, white space and line ends."""

import csv
import io
from itertools import pairwise
from typing import Literal

import pytest
from highway_client.errors import FileError
from highway_client.files.cells import SPACES
from highway_client.files.records import MAX_RECORD, RecordReader
from hypothesis import given
from hypothesis import strategies as st

CELLS = st.text(st.sampled_from('ab1é",;|\t \u00a0#'), max_size=5)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=6)
)


def cells(text: str, delimiter: str = ",", *, keep_spaces: bool = False) -> list[list[str]]:
    reader = RecordReader("t", delimiter, keep_spaces=keep_spaces)
    return reader.read(text, 1, is_last=True).records


def test_cells_end_at_delimiters_and_records_at_line_ends() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert cells(f"a,b{end}1,{end},2{end}") == [["a", "b"], ["1", ""], ["", "2"]]
    assert cells("a,b\r\n1,2\n3,4\r5,6") == [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]


def test_white_space_around_cells_is_removed_unless_it_is_in_quotes() -> None:
    assert cells(' a ,\tb\u00a0\n" c ", "d"\t\n') == [["a", "b"], [" c ", "d"]]
    assert cells(' "a, b" ,"c\n"\n') == [["a, b", "c\n"]]


def test_spaces_are_kept_on_request() -> None:
    assert cells('a, "b c" \n" d",\n', keep_spaces=True) == [["a", ' "b c" '], [" d", ""]]
    assert cells("  \n", keep_spaces=True) == [["  "]]


def test_a_tab_that_separates_cells_is_no_white_space() -> None:
    assert cells("\ta \t\n \n\t\t\n", "\t") == [["", "a", ""], ["", "", ""]]


def test_quoted_cells_hold_delimiters_line_ends_and_doubled_quotes() -> None:
    assert cells('"a,""b""\r\nc",""\n') == [['a,"b"\r\nc', ""]]
    assert cells('""\n') == [[""]]


def test_a_quote_inside_an_unquoted_cell_is_a_character() -> None:
    assert cells('5" pipe,a "b" c\n') == [['5" pipe', 'a "b" c']]


def test_lines_without_text_are_skipped() -> None:
    assert cells('\n"a",b\n\n  \n1,2\n\n') == [["a", "b"], ["1", "2"]]
    assert cells("\na,b\n\n  \n1,2\n\n") == [["a", "b"], ["1", "2"]]


def test_any_number_of_spaces_separates_cells() -> None:
    assert cells("  a  b\t c \n1 2   3\n", " ") == [["a", "b", "c"], ["1", "2", "3"]]
    assert cells(' "a b"  c \n 1 "2" \n', " ") == [["a b", "c"], ["1", "2"]]


def test_the_line_of_each_record_is_known() -> None:
    for text in ("a\n\nb\nc\n", 'a\r\n\r\n"b"\r\nc\r\n', '"a"\r\r"b"\rc\r'):
        batch = RecordReader("t", ",", keep_spaces=False).read(text, 10, is_last=True)
        assert list(batch.lines) == [10, 12, 13]
    batch = RecordReader("t", ",", keep_spaces=False).read('"a\n\nb"\nc', 1, is_last=True)
    assert list(batch.lines) == [1, 4]


def test_long_quoted_cells_are_read() -> None:
    text = "x" * 300_000
    assert cells(f'1,"{text}",y\n2, "{text}" ,n\n') == [["1", text, "y"], ["2", text, "n"]]


@pytest.mark.parametrize(
    ("text", "line", "cell"),
    [
        ('a,b\n1,"2\n3,4\n', 2, '"2\\n3,4\\n'),
        ('a,b\n"x\ny", "z" w\n', 3, '"z" w\\n'),
        ('a,b\n1,"it"s"\n', 2, '"it"s"\\n'),
    ],
)
def test_a_quote_that_is_not_closed_is_named_with_its_line(text: str, line: int, cell: str) -> None:
    with pytest.raises(FileError) as caught:
        cells(text)
    assert str(caught.value) == (
        f"t, line {line}: expected a closing quote at the end of the cell that begins with "
        f"'{cell}', found none"
    )


@pytest.mark.parametrize("text", ["x" * (MAX_RECORD + 1), '"' + "x\n" * (MAX_RECORD // 2 + 1)])
def test_text_without_line_ends_outside_quotes_is_refused(text: str) -> None:
    reader = RecordReader("t", ",", keep_spaces=False)
    with pytest.raises(FileError) as caught:
        reader.read("v,y\n1,2\n" + text, 1, is_last=False)
    assert str(caught.value) == (
        "t, line 3: expected lines of text, found over 33,554,432 characters without a line end "
        "outside quotes"
    )


@given(
    TABLES,
    st.sampled_from(",;|\t"),
    st.sampled_from(["\r\n", "\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_python_writes_comes_back(
    table: list[list[str]], delimiter: str, line_end: str, quoting: Literal[0, 1]
) -> None:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(table)
    assert cells(file.getvalue(), delimiter, keep_spaces=True) == table
    if quoting == csv.QUOTE_ALL:
        assert cells(file.getvalue(), delimiter) == table
    spaces = SPACES.replace(delimiter, "")
    assert _stripped(cells(file.getvalue(), delimiter), spaces) == _stripped(table, spaces)


def _stripped(table: list[list[str]], spaces: str) -> list[list[str]]:
    rows = [[cell.strip(spaces) for cell in row] for row in table]
    return [row for row in rows if any(row)]


@given(
    st.text(st.sampled_from('ab" ,\r\n'), max_size=30),
    st.lists(st.integers(0, 30)),
    st.booleans(),
)
def test_records_do_not_depend_on_how_the_text_is_cut(
    text: str, cuts: list[int], keep_spaces: bool
) -> None:
    reader = RecordReader("t", ",", keep_spaces=keep_spaces)
    ends = [0, *sorted(cuts), len(text)]
    found: list[list[str]] = []
    lines: list[int] = []
    rest, line = "", 1
    try:
        whole = reader.read(text, 1, is_last=True)
        for start, end in pairwise(ends):
            rest += text[start:end]
            batch = reader.read(rest, line, is_last=False)
            found += batch.records
            lines += batch.lines
            read = rest[: batch.length]
            line += read.count("\n") + read.count("\r") - read.count("\r\n")
            rest = rest[batch.length :]
        batch = reader.read(rest, line, is_last=True)
    except FileError:
        return
    assert found + batch.records == whole.records
    assert lines + list(batch.lines) == list(whole.lines)
