"""A disk without space: one sentence, and what is finished continues when there is space again."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyarrow import parquet

from scoring.jobs import Options
from scoring.planning import plan_job
from scoring.running import local, run
from scoring.work_folder import finished_parts
from tests.conftest import prepared_process
from tests.scoring.conftest import people

ROWS = 20_000
PART_ROWS = 4000


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of a size, in memory."""
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder)
    done = subprocess.run(list(map(str, mount)), capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting a file system needs root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """People in a Parquet file, whose scores take about 1 MB in parts."""
    path = tmp_path / "many.parquet"
    parquet.write_table(people(ROWS), path)
    return path


@pytest.mark.parametrize(
    ("kilobytes", "finished"), [(700, range(1, 5)), (1300, [5])], ids=["in a part", "joining"]
)
def test_a_full_disk_is_one_sentence_and_the_same_command_continues(
    kilobytes: int, finished: list[int], tmp_path: Path, many: Path, table_model: Path
) -> None:
    with small_disk(tmp_path / "disk", kilobytes) as disk:
        out = disk / "scores.parquet"
        words = ("score", many, "--model", table_model, "--out", out)
        options = ("--part-rows", str(PART_ROWS))
        full = prepared_process("scoring", *words, *options)
        assert full.returncode == 1
        (last,) = [line for line in full.stderr.splitlines() if line.startswith("error: ")]
        assert last == full.stderr.splitlines()[-1]
        parts = len(list(disk.glob("scores.parquet.parts/part-*.arrow")))
        assert parts in finished
        assert last.startswith(f"error: {out}: cannot be written: ")
        assert "No space left on device" in last
        assert last.endswith(
            f"; {parts} of 5 parts are finished and kept in {disk}/scores.parquet.parts; the same "
            "command continues"
        )
        assert not out.exists()
        assert not list(disk.glob("*.parts/*.tmp"))
        assert not list(disk.glob("*.parts/joined*"))
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        again = prepared_process("scoring", *words, *options)
        assert again.returncode == 0, again.stderr
        assert parquet.read_table(out)["row"].to_pylist() == list(range(1, ROWS + 1))


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """A limit of the size of files, which is met as a full disk is: by an error of the write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_output_that_cannot_be_completed_is_removed_and_its_parts_are_kept(
    tmp_path: Path, many: Path, table_model: Path
) -> None:
    job = plan_job(many, table_model, tmp_path / "scores.parquet", Options(), part_rows=PART_ROWS)
    with files_up_to(300_000), pytest.raises(OSError, match="File too large"):
        run(job, local(1), lambda _: None, lambda _: None)
    assert len(finished_parts(job)) == 5
    assert {path.name for path in job.folder.iterdir()} == {
        *("lock", "manifest.json"),
        *(job.file_of(part).name for part in job.parts),
    }
    totals = run(job, local(1), lambda _: None, lambda _: None)
    assert totals is not None
    assert totals.rows == ROWS
