import gzip
from pathlib import Path

import pytest

from models.data.text_tables import open_text_table
from models.errors import DataError
from service.contract import TextFormat


def test_cells_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n 1 ,"x, ""y""\n z"\r\n007,\r\n')
    opened = open_text_table(path, TextFormat())
    assert opened.table.to_pydict() == {"a": ["1", "007"], "b": ['x, "y"\n z', ""]}
    assert {str(kind) for kind in opened.table.schema.types} == {"large_string"}


def test_a_compressed_file_of_another_delimiter_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress("a;b\n1,5;x\n2,5;y\n".encode("cp1252")))
    opened = open_text_table(path, TextFormat())
    assert opened.table.to_pydict() == {"a": ["1,5", "2,5"], "b": ["x", "y"]}
    assert opened.notes == ("t.csv.gz: its columns are separated by semicolons",)


def test_a_header_without_rows_is_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n")
    opened = open_text_table(tmp_path / "t.csv", TextFormat())
    assert (opened.table.column_names, opened.table.num_rows) == (["a", "b"], 0)


def test_a_file_that_cannot_be_read_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    with pytest.raises(DataError) as error:
        open_text_table(path, TextFormat())
    assert str(error.value) == "t.csv: expected text, found a gzip file; name it 't.csv.gz'"


def test_a_row_of_another_length_names_row_and_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n"1\n",2\n3\n')
    with pytest.raises(DataError) as error:
        open_text_table(path, TextFormat())
    assert str(error.value).startswith("t.csv, row 2 (line 4): ")
