from pathlib import Path

import pytest
from highway_client.errors import FileError
from highway_client.files.rows import FileRows
from highway_client.files.tables import read_csv

from tests.client.conftest import IMAGE, PEOPLE


def read(folder: Path, text: str | bytes) -> FileRows:
    path = folder / "people.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path, PEOPLE)


def test_cells_become_numbers_and_categories(tmp_path: Path) -> None:
    result = read(tmp_path, "job,age,member\nnurse,41,True\npilot, 3e1 ,false\n")
    assert result.rows == [
        {"age": 41, "job": "nurse", "member": "true"},
        {"age": 30, "job": "pilot", "member": "false"},
    ]
    assert result.notes == ()


def test_empty_cells_and_na_are_missing_values(tmp_path: Path) -> None:
    result = read(tmp_path, "age,job,member\n,NA,\nNaN,,null\n")
    assert result.rows == [dict.fromkeys(("age", "job", "member"))] * 2


def test_other_columns_are_ignored_with_a_note(tmp_path: Path) -> None:
    result = read(tmp_path, "id,age,job,member,bought\n1,41,nurse,true,yes\n")
    assert result.rows == [{"age": 41, "job": "nurse", "member": "true"}]
    assert result.notes == (
        f"{tmp_path}/people.csv: ignored columns that the model does not read: 'id', 'bought'",
    )


def test_a_byte_order_mark_quotes_and_empty_lines_are_read(tmp_path: Path) -> None:
    text = '\ufeffage,job,member,"a ""note"", long"\r\n\r\n1,nurse,true,"x\r\ny"\r\n'
    assert read(tmp_path, text).rows == [{"age": 1, "job": "nurse", "member": "true"}]


HEAD = "age,job,member\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ": expected the column 'age', found no names"),
        ("age,member\n1,true\n", ": expected the column 'job', found 'age', 'member'"),
        ("age,age,job,member\n", ": expected each column's name once, found 'age' again"),
        (HEAD, ": expected rows below the header line, found none"),
        (HEAD + "1,nurse\n", ", line 2: expected 3 cells as in the first line, found 2"),
        (HEAD + "old,nurse,true\n", ", line 2, column 'age': expected a number, found 'old'"),
        (HEAD + "inf,nurse,true\n", ", line 2, column 'age': expected a number, found 'inf'"),
        (HEAD + "1,cook,true\n", ", line 2, column 'job': expected one of 'nurse', 'pilot', found "
         "'cook'"),
        (HEAD + "1,nurse,yes\n", ", line 2, column 'member': expected one of 'false', 'true', "
         "found 'yes'"),
        (HEAD + '1,"nurse,true\n', ": not CSV: unexpected end of data"),
        (b"age,job,member\n1,\xff,true\n", ": not UTF-8; save it as UTF-8"),
    ],
)  # fmt: skip
def test_a_cell_that_does_not_fit_is_an_error_with_its_position(
    text: str | bytes, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError) as caught:
        read(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/people.csv{reason}"


def test_a_long_list_of_names_is_cut(tmp_path: Path) -> None:
    names = ",".join(f"c{n}" for n in range(12))
    with pytest.raises(FileError, match=r"'c9' and 2 more$"):
        read(tmp_path, f"{names}\n")


def test_a_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_csv(tmp_path, PEOPLE)
    assert str(caught.value) == f"{tmp_path}: expected a file to read, found Is a directory"


def test_a_model_of_images_reads_no_table(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        read_csv(tmp_path / "people.csv", IMAGE)
    assert str(caught.value) == (
        f"{tmp_path}/people.csv: expected a picture or an array, because the model reads images"
    )
