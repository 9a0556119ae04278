"""The folder of finished parts: whose they are, and what is removed."""

from dataclasses import replace
from pathlib import Path

import pytest

from scoring.errors import ChangedError, ScoringError
from scoring.jobs import Job, Options
from scoring.planning import plan_job
from scoring.work_folder import (
    MANIFEST,
    finished_parts,
    job_digest,
    pending_parts,
    remove_folder,
    work_folder,
)


@pytest.fixture
def job(tmp_path: Path, text: Path, table_model: Path) -> Job:
    """A job of four parts."""
    return plan_job(text, table_model, tmp_path / "scores.parquet", Options(), part_rows=300)


def test_parts_are_finished_when_their_files_are_there(job: Job) -> None:
    with work_folder(job, restart=False):
        job.file_of(job.parts[1]).touch()
        assert [part.number for part in finished_parts(job)] == [1]
        assert [part.number for part in pending_parts(job)] == [0, 2, 3]


def test_a_later_run_finds_the_finished_parts_and_no_unfinished_files(job: Job) -> None:
    with work_folder(job, restart=False):
        job.file_of(job.parts[1]).touch()
        (job.folder / "part-000002.arrow.0123.tmp").touch()
    with work_folder(job, restart=False):
        assert [part.number for part in finished_parts(job)] == [1]
        assert not list(job.folder.glob("*.tmp"))


def test_restart_removes_the_finished_parts(job: Job) -> None:
    with work_folder(job, restart=False):
        job.file_of(job.parts[1]).touch()
    with work_folder(job, restart=True):
        assert finished_parts(job) == []


def test_parts_without_a_manifest_are_of_no_known_job(job: Job) -> None:
    job.folder.mkdir()
    job.file_of(job.parts[1]).touch()
    with work_folder(job, restart=False):
        assert finished_parts(job) == []


@pytest.mark.parametrize("manifest", ["", "[1]", '{"model": 1}'])
def test_a_damaged_manifest_is_of_another_job(manifest: str, job: Job) -> None:
    with work_folder(job, restart=False):
        (job.folder / MANIFEST).write_text(manifest)
    with (
        pytest.raises(ChangedError, match="found another; --restart begins anew"),
        work_folder(job, restart=False),
    ):
        pass


@pytest.mark.parametrize("restart", [False, True])
def test_files_that_are_not_of_a_run_are_never_removed(restart: bool, job: Job) -> None:
    job.folder.mkdir()
    (job.folder / "thesis.txt").touch()
    with pytest.raises(ScoringError) as refused, work_folder(job, restart=restart):
        pass
    assert str(refused.value) == (
        f"{job.folder}: expected the scores of finished parts, found 'thesis.txt'; move it "
        "elsewhere, or choose another --out"
    )
    remove_folder(job.folder)
    assert [path.name for path in job.folder.iterdir()] == ["thesis.txt"]


def test_hidden_files_of_a_file_system_are_passed_over(job: Job) -> None:
    job.folder.mkdir()
    (job.folder / ".nfs0000000001").touch()
    with work_folder(job, restart=False):
        assert finished_parts(job) == []


def test_the_digest_of_a_job_is_that_of_its_model_rows_options_and_parts(job: Job) -> None:
    others = (
        replace(job, model_digest="0"),
        replace(job, identity="0"),
        replace(job, options=Options(keep=("name",))),
        replace(job, parts=job.parts[:2]),
    )
    assert len({job_digest(each) for each in (job, *others)}) == 5
    assert job_digest(job) == job_digest(replace(job, out=Path("elsewhere.parquet")))
