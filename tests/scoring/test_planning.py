"""A job from rows and a model: its parts, and what identifies it."""

import os
from pathlib import Path

import numpy as np
import pytest
from highway_client.errors import FileError
from pyarrow import parquet

from scoring.errors import ScoringError
from scoring.jobs import Options
from scoring.planning import identity, plan_job
from service.contract import ContractError
from tests.scoring.conftest import people


def test_a_text_is_divided_into_parts_of_lines(
    tmp_path: Path, text: Path, table_model: Path
) -> None:
    job = plan_job(text, table_model, tmp_path / "out.parquet", Options(), part_rows=400)
    assert [part.first for part in job.parts] == [1, 401, 801]  # the first has the names too
    assert (job.rows, job.parts[-1].stop) == (1000, text.stat().st_size)
    assert job.folder == tmp_path / "out.parquet.parts"
    assert job.file_of(job.parts[2]).name == "part-000002.arrow"


def test_parquet_is_divided_by_row_groups_and_large_ones_in_parts(
    tmp_path: Path, typed: Path, table_model: Path
) -> None:
    job = plan_job(typed, table_model, tmp_path / "out.parquet", Options(), part_rows=200)
    found = [(part.group, part.start, part.stop, part.first) for part in job.parts]
    assert found[:3] == [(0, 0, 200, 1), (0, 200, 300, 201), (1, 0, 200, 301)]
    assert found[-1] == (3, 0, 100, 901)


def test_the_output_is_described_by_the_model(
    tmp_path: Path, typed: Path, table_model: Path
) -> None:
    job = plan_job(typed, table_model, tmp_path / "out.parquet", Options())
    assert set(job.described) == {"highway.name", "highway.version", "highway.digest"}
    assert job.described["highway.name"] == "tiny"


def test_rows_are_identified_by_the_names_sizes_and_times_of_their_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        (folder / "x").write_text("1")
        os.utime(folder / "x", ns=(5, 5))
    assert identity(first) == identity(second)
    (second / "x").write_text("12")
    os.utime(second / "x", ns=(5, 5))
    assert identity(first) != identity(second)
    (second / "x").write_text("1")
    os.utime(second / "x", ns=(5, 6))
    assert identity(first) != identity(second)
    (second / "x").rename(second / "y")
    os.utime(second / "y", ns=(5, 5))
    assert identity(first) != identity(second)


def test_a_model_that_is_none_is_named(tmp_path: Path, typed: Path) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(b"none")
    with pytest.raises(ContractError, match=f"^{model}: "):
        plan_job(typed, model, tmp_path / "out.parquet", Options())


def test_a_pipe_is_refused(tmp_path: Path, table_model: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(FileError, match="expected a file or a folder, found a pipe or a device"):
        plan_job(tmp_path / "pipe.csv", table_model, tmp_path / "out.parquet", Options())


def test_columns_of_an_array_cannot_be_copied(tmp_path: Path, table_model: Path) -> None:
    np.save(tmp_path / "rows.npy", np.zeros((2, 4)))
    with pytest.raises(ScoringError, match="--id and --keep: expected a table with named columns"):
        plan_job(
            tmp_path / "rows.npy", table_model, tmp_path / "out.parquet", Options(keep=("age",))
        )


def test_a_folder_of_key_and_value_has_the_column_of_its_name(
    tmp_path: Path, table_model: Path
) -> None:
    """As Spark, DuckDB and pandas write a partitioned table; the column may be the model's."""
    folder = tmp_path / "people"
    for job in ("nurse", "pilot"):
        (folder / f"job={job}").mkdir(parents=True)
        table = people(6).drop_columns(["job"])
        parquet.write_table(table, folder / f"job={job}" / "0.parquet")
    options = Options(keep=("job", "name"))
    job_ = plan_job(folder, table_model, tmp_path / "out.parquet", options, part_rows=4)
    batches = [batch for part in job_.parts for batch in job_.source.read(part, keep_errors=False)]
    assert [batch.rows[:, 1].tolist() for batch in batches] == [[0] * 4, [0] * 2, [2] * 4, [2] * 2]
    copied = batches[2].columns
    assert copied is not None
    assert copied["job"].to_pylist() == ["pilot"] * 4
    assert batches[3].locate(1) == f"{folder}/job=pilot/0.parquet, row 6"
