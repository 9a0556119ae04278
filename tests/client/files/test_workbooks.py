"""The reader is tested in full where training uses it: tests/models/data/test_excel.py."""

import sys
from pathlib import Path

import pytest
from highway_client.errors import FileError
from highway_client.files.workbooks import read_excel
from openpyxl import Workbook


def test_the_first_sheet_is_read_with_its_types(tmp_path: Path) -> None:
    book = Workbook()
    for row in (("age", "job"), (41, "nurse"), (None, "pilot")):
        book.active.append(row)
    book.create_sheet("more")
    book.save(tmp_path / "t.xlsx")
    file = read_excel(tmp_path / "t.xlsx", "the/name")
    assert file.table.to_pydict() == {"age": [41, None], "job": ["nurse", "pilot"]}
    assert file.notes == ("the/name: the first sheet 'Sheet' is read, not 'more'",)


def test_a_missing_openpyxl_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(FileError, match="expected openpyxl to read Excel files, found none"):
        read_excel(tmp_path / "t.xlsx", "t.xlsx")
