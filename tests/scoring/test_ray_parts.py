"""What a worker of a cluster does with a part; without a cluster."""

import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from highway_client.errors import FileError

from scoring.jobs import Job, Options
from scoring.planning import plan_job
from scoring.ray_parts import PartScorer, RayPlan
from scoring.work_folder import work_folder
from tests.service.conftest import Recipe

ROWS = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    """A job of three rows in two parts, whose paths are relative."""
    monkeypatch.chdir(tmp_path)  # and back, after a worker has changed it
    Path("tiny.onnx").write_bytes(Recipe().build())
    np.save("rows.npy", ROWS)
    paths = Path("rows.npy"), Path("tiny.onnx"), Path("out.parquet")
    planned = plan_job(*paths, Options(), part_rows=2)
    with work_folder(planned, restart=False):
        yield planned


def test_a_plan_can_be_sent_to_another_process(job: Job) -> None:
    plan = RayPlan.of(job, job.parts, "local", 2)
    sent = pickle.loads(pickle.dumps(plan))
    assert (sent.parts, sent.folder, sent.job.parts) == (job.parts, Path.cwd(), ())


def test_a_worker_in_another_folder_scores_the_part_of_a_relative_path(
    job: Job, tmp_path: Path
) -> None:
    os.chdir("/")
    scorer = PartScorer(job, tmp_path)
    assert [scorer.score(part).rows for part in job.parts] == [2, 1]
    assert len(list((tmp_path / "out.parquet.parts").glob("part-*"))) == 2


def identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def test_a_part_that_a_dead_worker_had_finished_is_only_counted(job: Job, tmp_path: Path) -> None:
    PartScorer(job, tmp_path).score(job.parts[0])
    before = identity(job.file_of(job.parts[0]))
    assert PartScorer(job, tmp_path).score(job.parts[0]).rows == 2
    assert identity(job.file_of(job.parts[0])) == before


@pytest.mark.parametrize("missing", ["rows.npy", "tiny.onnx", "out.parquet.parts/manifest.json"])
def test_a_worker_that_does_not_see_a_file_names_it(missing: str, job: Job, tmp_path: Path) -> None:
    hidden = Path(missing).rename("hidden")
    scored = PartScorer(job, tmp_path).score(job.parts[0])
    assert str(scored.error).startswith(
        f"{missing}: expected a path that all workers of Ray see, found a worker on "
    )
    assert str(scored.error).endswith("put DATA, --model and --out on a shared file system")
    hidden.rename(missing)


def test_a_worker_that_does_not_see_the_folder_names_it(job: Job) -> None:
    scored = PartScorer(job, Path("/nowhere")).score(job.parts[0])
    assert str(scored.error).startswith("/nowhere: expected a path that all workers of Ray see")


def test_an_unreadable_row_is_an_error_that_can_be_sent(job: Job, tmp_path: Path) -> None:
    Path("rows.npy").write_bytes(b"no array")
    scored = PartScorer(job, tmp_path).score(job.parts[0])
    sent = pickle.loads(pickle.dumps(scored)).error
    assert isinstance(sent, FileError)
    assert str(sent) == str(scored.error)
    assert str(sent).startswith("rows.npy: ")


def test_a_model_that_has_changed_since_is_refused(job: Job, tmp_path: Path) -> None:
    scored = PartScorer(replace(job, model_digest="0" * 64), tmp_path).score(job.parts[0])
    assert "expected the model that the command began with" in str(scored.error)
