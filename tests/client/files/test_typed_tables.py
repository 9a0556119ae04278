from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from highway_client.errors import FileError
from highway_client.files.arrow_files import read_parquet
from highway_client.files.rows import FileRows
from highway_client.files.typed_tables import read_typed_table
from pyarrow.parquet import write_table

from tests.client.conftest import IMAGE, PEOPLE, matrix, named

PERSON: dict[str, list[Any]] = {"age": [41], "job": ["nurse"], "member": [True]}


def read(folder: Path, table: pa.Table) -> FileRows:
    write_table(table, folder / "t.parquet")
    return read_typed_table(folder / "t.parquet", PEOPLE, read_parquet)


def test_columns_are_found_by_name_and_others_are_ignored_with_a_note(tmp_path: Path) -> None:
    rows = read(tmp_path, pa.table({"bought": ["yes"], **PERSON}))
    assert rows.count == 1
    assert rows.notes == (
        f"{tmp_path}/t.parquet: ignored columns that the model does not read: 'bought'",
    )
    assert named(rows) == [{"age": 41, "job": "nurse", "member": "true"}]


def test_a_large_table_is_encoded_part_by_part(tmp_path: Path) -> None:
    columns = {name: values * 1025 for name, values in PERSON.items()}
    rows = read(tmp_path, pa.table(columns))
    assert [len(batch.rows) for batch in rows.batches] == [1024, 1]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": pa.array([], pa.int64()), "job": [], "member": []}, ": expected rows below the "
         "header line, found none"),
        ({"age": [*[1] * 1024, float("inf")], "job": [None] * 1025, "member": [None] * 1025},
         ": column 'age', row 1025: expected a number within float32's range or a missing value, "
         "found inf"),
        ({"age": [True]}, ": column 'age': expected numbers, found booleans"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_an_error(
    change: dict[str, object], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError) as caught:
        matrix(read(tmp_path, pa.table({**PERSON, **change})))
    assert str(caught.value) == f"{tmp_path}/t.parquet{reason}"


def test_a_missing_column_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="expected the column 'age', found 'job', 'member'"):
        read(tmp_path, pa.table(PERSON).drop_columns("age"))


def test_a_repeated_column_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="expected each column's name once, found 'age' again"):
        read(tmp_path, pa.Table.from_arrays([[1], [2]], names=["age", "age"]))


def test_a_model_of_images_reads_no_table(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="because the model reads images"):
        read_typed_table(tmp_path / "t.parquet", IMAGE, read_parquet)
