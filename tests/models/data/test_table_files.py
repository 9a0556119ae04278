from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from openpyxl import Workbook
from pyarrow import feather
from pyarrow.parquet import write_table

from models.data.table_files import is_table, open_table
from models.errors import DataError
from service.contract import TextFormat

TABLE = pa.table({"0": [1, 2]})


def write(path: Path) -> None:
    """Write `TABLE` in the format of the suffix."""
    match path.suffix.lower():
        case ".parquet" | ".pq":
            write_table(TABLE, path)
        case ".feather" | ".arrow":
            feather.write_feather(TABLE, path)
        case ".xlsx":
            book = Workbook()
            for row in (["0"], [1], [2]):
                book.active.append(row)
            book.save(path)
        case ".npy":
            np.save(path, np.array([[1], [2]]))
        case _:
            path.write_text("0\n1\n2\n")


@pytest.mark.parametrize(
    "suffix", [".csv", ".TSV", ".txt", ".parquet", ".pq", ".feather", ".arrow", ".xlsx", ".npy"]
)
def test_the_suffix_selects_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    write(path)
    assert is_table(path)
    assert [int(value) for value in open_table(path, TextFormat()).table["0"].to_pylist()] == [1, 2]


def test_a_folder_of_parquet_files_is_a_table(tmp_path: Path) -> None:
    write(tmp_path / "part-0.parquet")
    assert is_table(tmp_path)
    assert open_table(tmp_path, TextFormat()).table.num_rows == 2


@pytest.mark.parametrize("name", ["t.npz", "t.json", "nowhere.csv"])
def test_other_paths_are_no_tables(tmp_path: Path, name: str) -> None:
    if name != "nowhere.csv":
        (tmp_path / name).touch()
    assert not is_table(tmp_path / name)


@pytest.mark.parametrize("suffix", [".xls", ".ods"])
def test_other_spreadsheets_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.touch()
    assert is_table(path)
    with pytest.raises(DataError) as error:
        open_table(path, TextFormat())
    assert (
        str(error.value) == f"t{suffix}: expected .xlsx or .csv, found {suffix}; save it as .xlsx"
    )
