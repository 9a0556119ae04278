"""Tables in text files, as training and the client read them."""

import gzip
import os
import tracemalloc
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from highway_client.description import TextFormat
from highway_client.errors import FileError
from highway_client.files.compression import Span
from highway_client.files.text_tables import TextTable, read_text_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MEBIBYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Declared:
    delimiter: str | None = None
    encoding: str | None = None
    keep_spaces: bool = False


def table(
    folder: Path, content: str | bytes, declared: Declared | None = None, file_name: str = "t.csv"
) -> TextTable:
    path = folder / file_name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_text_table(path, declared or Declared(), name="t")


def rows(found: TextTable) -> list[tuple[str, ...]]:
    return [row for chunk in found.chunks() for row in zip(*chunk.columns, strict=True)]


def refusal(folder: Path, content: str | bytes, declared: Declared | None = None) -> str:
    with pytest.raises(FileError) as caught:
        rows(table(folder, content, declared))
    return str(caught.value)


def test_names_and_cells_are_read(tmp_path: Path) -> None:
    found = table(tmp_path, '\ufeffage, job ,y \r\n20, "a, b",yes\r\n\r\n,NA, no')
    assert found.names == ("age", "job", "y")
    assert rows(found) == [("20", "a, b", "yes"), ("", "NA", "no")]
    assert found.notes == ()


def test_a_table_is_read_as_often_as_needed(tmp_path: Path) -> None:
    found = table(tmp_path, "v,y\n1,a\n")
    assert rows(found) == rows(found) == [("1", "a")]


def test_the_path_begins_messages_unless_there_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("v,v\n")
    with pytest.raises(FileError, match=f"^{path}: expected each"):
        read_text_table(path, Declared())


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("v;y\n1;a\n", "t: its columns are separated by semicolons"),
        ("v\ty\n1\ta\n", "t: its columns are separated by tabs"),
        ("v|y\n1|a\n", "t: its columns are separated by vertical bars"),
    ],
)
def test_another_delimiter_is_found_with_a_note(content: str, note: str, tmp_path: Path) -> None:
    found = table(tmp_path, content)
    assert (found.names, rows(found)) == (("v", "y"), [("1", "a")])
    assert found.notes == (note,)


def test_a_given_delimiter_needs_no_note(tmp_path: Path) -> None:
    for delimiter, text in (("tab", "v\ty\n1\ta\n"), (" ", " v  y\n1   a \n"), (":", "v:y\n1:a\n")):
        found = table(tmp_path, text, Declared(delimiter=delimiter))
        assert (found.names, rows(found), found.notes) == (("v", "y"), [("1", "a")], ())


def test_tabs_are_usual_in_tsv_files(tmp_path: Path) -> None:
    content = "v\ty\n1\ta\n"
    assert table(tmp_path, content, file_name="t.tsv").notes == ()
    assert table(tmp_path, gzip.compress(content.encode()), file_name="t.tsv.gz").notes == ()


def test_the_notes_of_encoding_and_delimiter_come_together(tmp_path: Path) -> None:
    found = table(tmp_path, "v;y\nMüller;a\n".encode("cp1252"))
    assert rows(found) == [("Müller", "a")]
    assert found.notes == (
        "t: read as cp1252 (Latin-1 of Windows), because line 2 is not UTF-8; --encoding names "
        "another encoding",
        "t: its columns are separated by semicolons",
    )


def test_spaces_are_kept_on_request(tmp_path: Path) -> None:
    found = table(tmp_path, "v, y\n1, a \n", Declared(keep_spaces=True))
    assert found.names == ("v", " y")
    assert rows(found) == [("1", " a ")]


def test_lines_number_the_rows_of_all_chunks(tmp_path: Path) -> None:
    found = table(tmp_path, "v,y\n" + '1,"a\nb"\n\n' * 20_000)
    chunks = list(found.chunks())
    assert len(chunks) > 1
    assert [line for chunk in chunks for line in chunk.lines] == [2 + 3 * i for i in range(20_000)]
    assert sum(len(chunk.columns[0]) for chunk in chunks) == 20_000


def test_the_first_column_may_have_no_name(tmp_path: Path) -> None:
    assert table(tmp_path, ",v,y\n0,1,a\n").names == ("", "v", "y")


def test_a_header_may_begin_with_a_number_sign(tmp_path: Path) -> None:
    assert table(tmp_path, "#v,y\n1,a\n").names == ("#v", "y")


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_refused(content: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, content) == "t: expected a line of column names, found an empty file"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "v,w,y\n1,2,a\n1,2\n",
            "t, row 2 (line 3): expected 3 cells, one for each column, found 2",
        ),
        (
            "v,w,y\n\n1,2,a,b\n1,2,a\n",
            "t, row 1 (line 3): expected 3 cells, one for each column, found 4; put cells that "
            "contain ',' in quotes",
        ),
        (
            "v,w,y\n1,2,a,\n1,2,a\n",
            "t, row 1 (line 2): expected 3 cells, one for each column, found 4; remove ',' from "
            "the end of the line",
        ),
        (
            "# made by, tool\nv,w,y\n1,2,a\n",
            "t, line 1: expected names or cells, found a comment, '# made by'; remove the lines "
            "that begin with '#'",
        ),
        (
            "v,w,y\n1,2,a\n# note\n",
            "t, row 2 (line 3): expected names or cells, found a comment, '# note'; remove the "
            "lines that begin with '#'",
        ),
        (
            "Export of today\n\nv,y\n1,a\n2,b\n",
            "t, line 1: expected the column names in the first line, found 'Export of today' and "
            "2 cells in the lines from line 3 on; remove the lines above the column names",
        ),
        (
            "Export\nv,y\n1,a\n",
            "t, line 1: expected the column names in the first line, found 'Export' and 2 cells "
            "in the lines from line 2 on; remove the lines above the column names",
        ),
        (
            "Export, today\nsecond\nv;w;y\n1;2;a\n2;3;b\n",
            "t, line 1: expected the column names in the first line, found 'Export, today' and 3 "
            "cells in the lines from line 3 on; remove the lines above the column names",
        ),
        (
            "sep=;\nv;y\n1,5;a\n2;b\n",
            "t, line 1: expected column names, found the line of Excel that names the delimiter, "
            "'sep='; remove it",
        ),
        (
            "v,y,\n1,a,\n2,b,\n",
            "t: expected a cell at the end of each line, found ','; remove it from the end of the "
            "lines",
        ),
        (
            "v,y\n1,a,\n2,b,\n",
            "t: expected a cell at the end of each line, found ','; remove it from the end of the "
            "lines",
        ),
        (
            "v,y\n1,2,a\n2,3,b\n",
            "t, line 1: expected 3 column names, as the lines below have 3 cells, found 2; name "
            "every column",
        ),
        (
            "v\n1,5\n2,5\n",
            "t, row 1 (line 2): expected 1 cell, one for each column, found 2; put cells that "
            "contain ',' in quotes",
        ),
        (
            "v,,y\n1,2,a\n",
            "t: expected a name for each column, found none for column 2 of 3; name it in the "
            "header line",
        ),
        (
            ",v,\n1,2,a\n",
            "t: expected a name for each column, found none for column 3 of 3; name it in the "
            "header line",
        ),
        ("v,y ,y\n1,2,a\n", "t: expected each column's name once, found 'y' again; rename one"),
        (
            'v,y\n1,"a\n2,b\n',
            "t, line 2: expected a closing quote at the end of the cell that begins with "
            "'\"a\\n2,b\\n', found none",
        ),
    ],
)
def test_other_strings_are_refused_with_their_cause(
    content: str, message: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, content) == message


def test_a_refusal_far_below_names_row_and_line(tmp_path: Path) -> None:
    content = "v,y\n" + "1,a\n" * 100_000 + "1\n"
    assert refusal(tmp_path, content).startswith("t, row 100001 (line 100002): expected 2 cells")


@given(content=st.binary(max_size=200), name=st.sampled_from(["t.csv", "t.gz", "t.zip", "t.zst"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_are_a_table_or_refused(content: bytes, name: str, tmp_path: Path) -> None:
    with suppress(FileError):
        rows(table(tmp_path, content, file_name=name))


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    content = "".join(f"{os.urandom(4).hex()},yes\n" for _ in range(80_000))
    found = table(tmp_path, "v,y\n" + content)
    tracemalloc.start()
    for chunk in found.chunks():
        assert chunk.lines
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * MEBIBYTE  # all cells together take 10


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_part_of_a_table_has_its_rows_and_lines(tmp_path: Path, suffix: str) -> None:
    data = b"x,y\n1,2\n3,4\n5,6\n"
    path = tmp_path / f"table{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    table = read_text_table(path, TextFormat())
    (chunk,) = table.part(Span(start=8, stop=12, line=3)).chunks()
    assert chunk.columns == (("3",), ("4",))
    assert list(chunk.lines) == [3]
    (first,) = table.part(Span(start=0, stop=8)).chunks()
    assert first.columns == (("1",), ("2",))
