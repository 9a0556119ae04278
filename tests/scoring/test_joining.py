"""Parts are joined to one file in order, and counted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from highway_client.errors import FileError
from pyarrow import parquet

from scoring.errors import ScoringError
from scoring.jobs import Job, Options
from scoring.joining import Totals, is_joined, join
from scoring.part_files import written_part
from scoring.planning import plan_job
from scoring.work_folder import MARK


@pytest.fixture
def job(tmp_path: Path, text: Path, table_model: Path) -> Job:
    """A job of two parts, with its folder."""
    job = plan_job(text, table_model, tmp_path / "scores.parquet", Options(), part_rows=501)
    job.folder.mkdir()
    return job


def scores(
    labels: list[str | None], *, row: int = 1, note: object = "x", errors: Sequence[str | None] = ()
) -> pa.Table:
    values = pa.array([None if label is None else 0.005 for label in labels], pa.float32())
    return pa.table(
        {
            "row": list(range(row, row + len(labels))),
            "label": pa.array(labels).dictionary_encode(),
            "typicality_combined": values,
            "error": pa.array(errors or [None] * len(labels), pa.string()),
            "note": [note] * len(labels),
        }
    )


def write(job: Job, *tables: pa.Table) -> None:
    for part, table in zip(job.parts, tables, strict=True):
        with written_part(job.file_of(part)) as writer:
            writer.write(table)


def test_rows_are_numbered_on_from_part_to_part(job: Job) -> None:
    write(job, scores(["a", "b"]), scores(["a"]))
    totals = join(job)
    assert parquet.read_table(job.out)["row"].to_pylist() == [1, 2, 3]
    assert (totals.rows, dict(totals.labels)) == (3, {"a": 2, "b": 1})
    assert (totals.atypical, totals.typical) == (3, 0)
    assert is_joined(job)


def test_errors_are_counted_and_the_first_is_shown() -> None:
    totals = Totals()
    totals.add(scores(["a", None, None], errors=[None, "one", "two"]))
    assert (totals.rows, totals.errors, totals.first_error) == (3, 2, "one")
    assert dict(totals.labels) == {"a": 1}


def test_an_error_that_an_earlier_run_kept_stops_a_run_that_keeps_none(job: Job) -> None:
    write(job, scores(["a"]), scores([None], errors=["line 3: bad"]))
    with pytest.raises(FileError) as stopped:
        join(job)
    assert str(stopped.value) == "line 3: bad"
    assert not job.out.exists()


def test_the_output_has_a_column_of_errors_only_if_they_are_kept(job: Job) -> None:
    write(job, scores(["a"]), scores(["b", None], errors=[None, "line 4: bad"]))
    join(replace(job, options=Options(on_error="keep")))
    assert parquet.read_table(job.out)["error"].to_pylist() == [None, None, "line 4: bad"]
    write(job, scores(["a"]), scores(["b"]))
    join(job)
    assert "error" not in parquet.read_schema(job.out).names


def test_copied_columns_of_a_narrower_type_are_widened(job: Job) -> None:
    write(job, scores(["a"], note=1.5), scores(["b"], note=2))
    join(job)
    assert parquet.read_table(job.out)["note"].to_pylist() == [1.5, 2.0]


def test_copied_columns_of_other_types_are_refused_and_the_output_stays(job: Job) -> None:
    job.out.write_text("old")
    write(job, scores(["a"], note=1), scores(["b"], note="tall"))
    with pytest.raises(ScoringError) as refused:
        join(job)
    assert str(refused.value).startswith(
        f"{job.data}: expected copied columns of one type in all files, found others ("
    )
    assert str(refused.value).endswith("); omit them from --keep")
    assert job.out.read_text() == "old"
    assert not (job.folder / "joined.parquet").exists()


def test_parts_without_rows_are_refused(job: Job) -> None:
    write(job, scores([]), scores([]))
    with pytest.raises(FileError, match="expected rows below the header line, found none"):
        join(job)


def test_another_file_under_the_name_of_the_output_is_not_that_of_the_parts(job: Job) -> None:
    write(job, scores(["a"]), scores(["b"]))
    join(job)
    copy = job.out.read_bytes()
    job.out.unlink()
    assert not is_joined(job)
    job.out.write_bytes(copy)
    assert not is_joined(job)
    assert (job.folder / MARK).exists()
