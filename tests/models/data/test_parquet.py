from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from highway_client.files.arrow_files import is_parquet_folder
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather
from pyarrow.parquet import write_table

from models.data.opened_table import OpenedTable
from models.data.parquet import open_arrow, open_parquet, open_parquet_folder
from models.errors import DataError
from service.contract import TextFormat

TABLE = pa.table({"a": [1, 2], "y": ["p", "q"]})


def opened(path: Path) -> OpenedTable:
    read = open_parquet_folder if path.is_dir() else open_parquet
    return read(path, TextFormat())


def message(path: Path) -> str:
    with pytest.raises(DataError) as error:
        opened(path)
    return str(error.value)


def test_a_file_is_read_without_columns_for_its_folders(tmp_path: Path) -> None:
    folder = tmp_path / "year=2020"
    folder.mkdir()
    write_table(TABLE, folder / "t.parquet")
    assert opened(folder / "t.parquet").table.equals(TABLE)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1PAR1PAR1")
    assert message(tmp_path / "t.parquet") == (
        "t.parquet: the Parquet file is damaged (Parquet file size is 12 bytes, smaller than "
        "the size reported by footer's (827474256bytes)); write it again"
    )


@given(data=st.data())
def test_a_truncated_file_is_always_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("table") / "a.parquet"
    write_table(TABLE, path)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    assert message(path).startswith("a.parquet: the Parquet file is damaged (")


def test_the_index_columns_of_pandas_are_known(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2]}, index=pd.Index([5, 7], name="id"))
    frame.to_parquet(tmp_path / "t.parquet")
    assert opened(tmp_path / "t.parquet").index_columns == ("id",)
    frame.reset_index().to_parquet(tmp_path / "t.parquet")
    assert opened(tmp_path / "t.parquet").index_columns == ()


@pytest.mark.parametrize("compression", ["lz4", "uncompressed"])
def test_feather_files_are_read(tmp_path: Path, compression: str) -> None:
    feather.write_feather(TABLE, tmp_path / "t.feather", compression=compression)
    assert open_arrow(tmp_path / "t.feather", TextFormat()).table.equals(TABLE)


def test_arrow_streams_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    with pa.ipc.new_stream(str(path), TABLE.schema) as stream:
        stream.write_table(TABLE)
    assert open_arrow(path, TextFormat()).table.equals(TABLE)


def test_a_damaged_arrow_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.arrow").write_bytes(b"nothing")
    with pytest.raises(DataError) as error:
        open_arrow(tmp_path / "t.arrow", TextFormat())
    assert str(error.value).startswith("t.arrow: the Arrow file is damaged (")


def spark_folder(path: Path, parts: int = 2) -> Path:
    """Write a folder as Spark does: parts, checksums and an empty file that marks success."""
    path.mkdir()
    (path / "_SUCCESS").touch()
    for part in range(parts):
        write_table(TABLE, path / f"part-0000{part}-c000.snappy.parquet")
        (path / f".part-0000{part}-c000.snappy.parquet.crc").write_bytes(b"crc")
    return path


@pytest.mark.parametrize("name", ["t.parquet", "table"])
def test_a_folder_of_parts_is_one_table(tmp_path: Path, name: str) -> None:
    folder = spark_folder(tmp_path / name)
    assert is_parquet_folder(folder)
    assert opened(folder).table.to_pydict() == {"a": [1, 2, 1, 2], "y": ["p", "q", "p", "q"]}
    assert opened(folder).notes == (f"{name}: read 2 Parquet files",)


def test_partition_folders_add_a_column_with_a_note(tmp_path: Path) -> None:
    for year in (2020, 2021):
        folder = tmp_path / "t" / f"year={year}"
        folder.mkdir(parents=True)
        write_table(TABLE, folder / "part-0.parquet")
    assert is_parquet_folder(tmp_path / "t")
    table = opened(tmp_path / "t")
    assert sorted(table.table["year"].to_pylist()) == [2020, 2020, 2021, 2021]
    assert table.notes == ("t: the folders such as 'year=2020' are read as the column 'year'",)


def test_parts_of_different_columns_are_refused(tmp_path: Path) -> None:
    folder = spark_folder(tmp_path / "t.parquet", parts=1)
    write_table(pa.table({"a": ["text"]}), folder / "part-00001.parquet")
    assert message(folder).startswith("t.parquet: the Parquet file is damaged (Unable to merge:")


def test_a_folder_of_other_parts_is_refused(tmp_path: Path) -> None:
    folder = spark_folder(tmp_path / "t.parquet", parts=0)
    (folder / "part-00000.csv").touch()
    assert message(folder) == (
        "t.parquet: expected .parquet files in the folder, found 1 other files such as "
        "'part-00000.csv'; write the table as Parquet, or as one CSV file"
    )


def test_a_folder_of_images_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").touch()
    assert not is_parquet_folder(tmp_path)
    assert not is_parquet_folder(tmp_path / "nowhere")
