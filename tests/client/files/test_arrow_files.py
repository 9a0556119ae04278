"""The readers are tested in full where training uses them: tests/models/data/test_parquet.py."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from highway_client.errors import FileError
from highway_client.files.arrow_files import (
    is_parquet_folder,
    needs_package,
    read_arrow,
    read_parquet,
    read_parquet_folder,
)
from pyarrow import feather
from pyarrow.parquet import write_table

TABLE = pa.table({"age": [41, 7]})


def test_files_and_folders_are_read(tmp_path: Path) -> None:
    write_table(TABLE, tmp_path / "t.parquet")
    feather.write_feather(TABLE, tmp_path / "t.feather")
    assert is_parquet_folder(tmp_path)
    for file in (
        read_parquet(tmp_path / "t.parquet", "t"),
        read_arrow(tmp_path / "t.feather", "t"),
        read_parquet_folder(tmp_path, "t"),
    ):
        assert file.table.equals(TABLE)


def test_a_damaged_file_is_an_error_that_begins_with_the_given_name(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").touch()
    with pytest.raises(FileError, match=r"^the/name: the Parquet file is damaged \("):
        read_parquet(tmp_path / "t.parquet", "the/name")


def test_a_missing_pyarrow_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FileError) as caught:
        read_parquet(tmp_path / "t.parquet", "t.parquet")
    assert str(caught.value) == (
        "t.parquet: expected pyarrow to read Parquet files, found none; install it with "
        "`pip install pyarrow`"
    )


def test_any_missing_package_is_named() -> None:
    error = needs_package("t.xlsx", "read Excel files", ModuleNotFoundError(name="openpyxl"))
    assert str(error) == (
        "t.xlsx: expected openpyxl to read Excel files, found none; install it with "
        "`pip install openpyxl`"
    )
