import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from models.data.excel import open_excel
from models.data.opened_table import OpenedTable
from models.errors import DataError
from service.contract import TextFormat


def workbook(path: Path, *rows: list[Any], sheets: tuple[str, ...] = ("data",)) -> Path:
    book = Workbook()
    book.active.title = sheets[0]
    for row in rows:
        book.active.append(row)
    for name in sheets[1:]:
        book.create_sheet(name)
    book.save(path)
    return path


def opened(tmp_path: Path, *rows: list[Any], sheets: tuple[str, ...] = ("data",)) -> OpenedTable:
    return open_excel(workbook(tmp_path / "t.xlsx", *rows, sheets=sheets), TextFormat())


def message(tmp_path: Path, *rows: list[Any]) -> str:
    with pytest.raises(DataError) as error:
        opened(tmp_path, *rows)
    return str(error.value)


def test_cells_keep_their_types(tmp_path: Path) -> None:
    moment = datetime.datetime(2026, 1, 2, 3)
    table = opened(
        tmp_path,
        ["n", "flag", "when", "word"],
        [1, True, moment, " a "],
        [2.5, False, None, None],
    ).table
    assert table.to_pydict() == {
        "n": [1, 2.5],
        "flag": [True, False],
        "when": [moment, None],
        "word": ["a", None],
    }


def test_a_column_of_several_types_is_text(tmp_path: Path) -> None:
    table = opened(tmp_path, ["a"], [1], [2.5], ["-"], [True]).table
    assert table.to_pydict() == {"a": ["1", "2.5", "-", "true"]}


def test_empty_rows_and_columns_are_passed_over(tmp_path: Path) -> None:
    table = opened(tmp_path, [None], [None, "a", 5], [None, 1, 2], [None], [None, 3]).table
    assert table.to_pydict() == {"a": [1, 3], "5": [2, None]}


def test_a_column_without_a_name_keeps_its_values(tmp_path: Path) -> None:
    assert opened(tmp_path, [None, "a"], [7, 1]).table.column_names == ["", "a"]


def test_the_first_sheet_is_read_with_a_note(tmp_path: Path) -> None:
    notes = opened(tmp_path, ["a"], [1], sheets=("data", "x", "y")).notes
    assert notes == ("t.xlsx: the first sheet 'data' is read, not 'x', 'y'",)


def test_a_formula_without_a_stored_value_is_refused(tmp_path: Path) -> None:
    assert message(tmp_path, ["a", "b"], [1, "=A2+1"]) == (
        "t.xlsx, row 2 of the sheet: the formula '=A2+1' has no stored value; open the file in a "
        "spreadsheet program and save it again"
    )


def test_an_empty_sheet_is_refused(tmp_path: Path) -> None:
    assert message(tmp_path) == "t.xlsx: the first sheet is empty"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK no zip")
    with pytest.raises(DataError) as error:
        open_excel(tmp_path / "t.xlsx", TextFormat())
    assert str(error.value) == (
        "t.xlsx: the Excel file is damaged (File is not a zip file); save it again as .xlsx"
    )
