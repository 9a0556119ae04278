"""Rows of Parquet files, part by part, in any order."""

import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from highway_client.errors import FileError
from highway_client.json_values import FloatArray
from pyarrow import feather, parquet

from scoring.errors import ScoringError
from scoring.jobs import Job, Options
from scoring.planning import plan_job
from scoring.sources import Part, Source
from tests.scoring.conftest import people


@pytest.fixture
def job(tmp_path: Path, typed: Path, table_model: Path) -> Job:
    """A job of row groups of 300 rows, in parts of 140, 140, 20, and so on."""
    options = Options(keep=("name",))
    return plan_job(typed, table_model, tmp_path / "out.parquet", options, part_rows=140)


def rows(source: Source, part: Part) -> FloatArray:
    return np.concatenate([batch.rows for batch in source.read(part, keep_errors=False)])


def names(source: Source, part: Part) -> list[str]:
    found: list[str] = []
    for batch in source.read(part, keep_errors=False):
        assert batch.columns is not None
        found += batch.columns["name"].to_pylist()
    return found


def test_the_parts_have_all_rows_in_order(job: Job) -> None:
    read = [name for part in job.parts for name in names(job.source, part)]
    assert read == people()["name"].to_pylist()


def test_a_part_has_the_same_rows_alone_after_any_other_and_in_another_process(job: Job) -> None:
    expected = [rows(job.source, part) for part in job.parts]
    backwards = [rows(job.source, part) for part in reversed(job.parts)][::-1]
    sent = pickle.loads(pickle.dumps(job.source))
    for number, part in enumerate(job.parts):
        assert np.array_equal(expected[number], backwards[number], equal_nan=True)
        assert np.array_equal(expected[number], rows(sent, part), equal_nan=True)


def test_an_arrow_file_has_the_rows_of_the_parquet_file(job: Job, tmp_path: Path) -> None:
    data = tmp_path / "people.feather"
    feather.write_feather(people(), data)
    other = plan_job(data, job.model, job.out, job.options, part_rows=300)
    expected = np.concatenate([rows(job.source, part) for part in job.parts])
    found = np.concatenate([rows(other.source, part) for part in other.parts])
    assert np.array_equal(found, expected, equal_nan=True)


def test_a_wrong_value_is_an_error_of_its_row_in_the_file(job: Job, tmp_path: Path) -> None:
    table = people()
    jobs = table["job"].to_pylist()
    jobs[650] = "astronaut"
    data = tmp_path / "wrong.parquet"
    parquet.write_table(table.set_column(2, "job", pa.array(jobs)), data, row_group_size=300)
    wrong = plan_job(data, job.model, job.out, job.options, part_rows=140)
    message = f"{data}: column 'job', row 651: expected one of 'nurse', 'teacher', 'pilot', found"
    (part,) = [part for part in wrong.parts if part.first == 601]
    with pytest.raises(FileError, match=message):
        list(wrong.source.read(part, keep_errors=False))
    (batch,) = wrong.source.read(part, keep_errors=True)
    assert list(batch.errors) == [651 - part.first]
    assert len(batch.rows) == batch.count - 1


def test_a_column_of_a_wrong_type_is_refused_even_if_errors_are_kept(
    job: Job, tmp_path: Path
) -> None:
    """No row has a value, so that none is kept with its error."""
    data = tmp_path / "wrong.parquet"
    parquet.write_table(people().set_column(1, "age", pa.array([True] * 1000)), data)
    wrong = plan_job(data, job.model, job.out, job.options)
    with pytest.raises(ScoringError) as refused:
        list(wrong.source.read(wrong.parts[0], keep_errors=True))
    assert str(refused.value) == f"{data}: column 'age': expected numbers, found booleans"
