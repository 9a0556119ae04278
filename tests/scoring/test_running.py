"""A run that is killed or stopped at any moment continues, with no row twice or missing."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow import csv, parquet

from scoring.errors import ChangedError, ScoringError
from scoring.jobs import Job, Options
from scoring.joining import Totals, is_joined, output_mark
from scoring.part_files import write_synced
from scoring.part_scoring import Backend, OnNotes, OnRows
from scoring.planning import plan_job
from scoring.running import local, run
from scoring.sources import Part
from scoring.work_folder import MARK, work_folder
from tests.conftest import prepared_process
from tests.launcher import PreparedProcess
from tests.scoring.conftest import Score, people
from tests.scoring.killed import Killed
from tests.service.conftest import TABLE, Recipe, take_missing_values

MOMENTS = [
    # the manifest, then two parts: each is on disk before it gets its name
    *("fsync", "replace", "fsync"),
    *("fsync", "replace", "fsync", "unlink"),
    *("fsync", "replace", "fsync", "unlink"),
    # the joined file, the mark that says which one it is, and the output
    *("fsync", "fsync", "fsync", "replace", "fsync"),
    # two parts, the manifest, the mark, the lock, the folder
    *("unlink", "unlink", "unlink", "unlink", "unlink", "rmdir"),
]
PUBLISHED = MOMENTS.index("fsync", 15)  # the first moment at which the output is there


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, table_model: Path) -> list[Killed]:
    """The command on 60 rows in two parts, killed at each moment, the last one at none."""
    folder = tmp_path_factory.mktemp("killed")
    csv.write_csv(people(60), folder / "people.csv")
    words = ("score", folder / "people.csv", "--model", table_model, "--out", "{out}")
    options = ("--id", "name", "--part-rows", "31")
    done = prepared_process("tests.scoring.killed", folder, *words, *options)
    assert done.returncode == 0, done.stderr
    return [Killed(**json.loads(line)) for line in done.stdout.splitlines()]


def test_a_run_is_killed_whenever_it_names_or_removes_a_file(killed: list[Killed]) -> None:
    assert [each.call for each in killed] == [*MOMENTS, None]
    assert [each.has_output for each in killed].index(True) == PUBLISHED


def test_after_any_kill_the_same_command_writes_every_row_once(killed: list[Killed]) -> None:
    expected = parquet.read_table(killed[-1].out)
    assert expected["name"].to_pylist() == people(60)["name"].to_pylist()
    for each in killed:
        assert parquet.read_table(each.out).equals(expected), each


def test_after_any_kill_the_same_command_succeeds_and_leaves_no_folder(
    killed: list[Killed],
) -> None:
    for each in killed[:-3]:
        assert each.code == 0, each
        assert not Path(f"{each.out}.parts").exists()
    sentences = [each.errors.splitlines()[-1].partition(": ")[2] for each in killed]
    assert all(sentence.startswith("scored 60 rows in ") for sentence in sentences[:PUBLISHED])
    ended = {"an earlier run had written all scores"}
    assert set(sentences[PUBLISHED:-3]) == ended


def test_a_run_that_was_killed_when_all_was_done_is_one_that_has_ended(
    killed: list[Killed],
) -> None:
    """Only its empty folder is left, or the folder with its lock."""
    assert [each.rest for each in killed[-3:]] == [["lock"], [], None]
    for each in killed[-3:]:
        assert each.code == 1
        assert each.errors.splitlines()[-1] == (
            f"error: --out: expected a file that does not exist, found '{each.out}'; --force "
            "replaces it"
        )


def test_finished_parts_are_not_scored_again(
    tmp_path: Path, text: Path, table_model: Path, score: Score
) -> None:
    stopped(text, table_model, tmp_path)
    parts = sorted((tmp_path / "scores.parquet.parts").glob("part-*.arrow"))
    assert len(parts) == 2
    # Another part under the name of the first shows that it is not computed again.
    parts[0].write_bytes(parts[1].read_bytes())
    assert score(text, "--part-rows", "300").returncode == 0
    scores = parquet.read_table(tmp_path / "scores.parquet")
    assert scores.num_rows == len(people()) + 1  # the first part has one row less, for the names
    assert scores["row"][-1].as_py() == 1001


def stopped(data: Path, model: Path, folder: Path) -> Job:
    """Leave the folder of a run into `folder / "scores.parquet"` that ended after two parts."""
    job = plan_job(data, model, folder / "scores.parquet", Options(), part_rows=300)
    with work_folder(job, restart=False):
        local(1)(replace(job, parts=job.parts[:2]), job.parts[:2], lambda _: None, lambda _: None)
    return job


def test_kill_9_from_outside_again_and_again_loses_and_repeats_no_row(
    tmp_path: Path, table_model: Path, score: Score
) -> None:
    data, out = tmp_path / "many.parquet", tmp_path / "scores.parquet"
    parquet.write_table(people(6000), data, row_group_size=2500)
    words = ("score", data, "--model", table_model, "--out", out, "--id", "name")
    for finished in (1, 20, 40):
        with PreparedProcess("scoring", *words, "--part-rows", "100") as process:
            await_part(out, finished, process)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert not out.exists()
    assert score(data, "--id", "name", "--part-rows", "100").returncode == 0
    scores = parquet.read_table(out)
    assert scores["name"].to_pylist() == people(6000)["name"].to_pylist()


def await_part(out: Path, number: int, process: PreparedProcess) -> None:
    """Wait until a part is finished."""
    part, deadline = out.with_name(f"{out.name}.parts") / f"part-{number:06}.arrow", 60.0
    began = time.monotonic()
    while not part.exists():
        assert process.poll() is None
        assert time.monotonic() < began + deadline
        time.sleep(0.002)


def test_ctrl_c_is_one_sentence_and_keeps_what_is_finished(
    tmp_path: Path, table_model: Path, score: Score
) -> None:
    data = tmp_path / "many.parquet"
    parquet.write_table(people(20_000), data)
    out, folder = tmp_path / "scores.parquet", tmp_path / "scores.parquet.parts"
    words = ("score", data, "--model", table_model, "--out", out, "--part-rows", "50")
    with PreparedProcess("scoring", *words, stderr=-1) as process:
        await_part(out, 3, process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    last = errors.splitlines()[-1]
    assert last.startswith("stopped: ")
    assert last.endswith(f"parts are finished and kept in {folder}; the same command continues")
    assert "Traceback" not in errors
    assert len(list(folder.glob("part-*.arrow"))) >= 4
    assert score(data, "--part-rows", "50").returncode == 0
    assert parquet.read_table(out)["row"].to_pylist() == list(range(1, 20_001))


@pytest.mark.parametrize("changed", ["the model", "the rows", "the options"])
def test_another_model_other_rows_or_options_do_not_continue(
    changed: str, tmp_path: Path, text: Path, table_model: Path, score: Score
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes(table_model.read_bytes())
    stopped(text, model, tmp_path)
    folder = tmp_path / "scores.parquet.parts"
    options = ["--part-rows", "300"]
    if changed == "the model":
        metadata = replace(TABLE, version="2")
        model.write_bytes(Recipe(metadata=metadata, change=take_missing_values).build())
        noun = f"the model {model}"
    elif changed == "the rows":
        os.utime(text, ns=(1, 1))
        noun = f"the rows {text}"
    else:
        options += ["--id", "name"]
        noun = "the options"
    refused = score(text, *options, model=model)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"error: {folder}: expected to continue with {noun} of its finished parts, found another; "
        "--restart begins anew"
    )
    done = score(text, *options, "--restart", model=model)
    assert done.returncode == 0, done.stderr
    assert parquet.read_table(tmp_path / "scores.parquet").num_rows == 1000


def test_two_runs_cannot_score_into_one_file_at_once(
    tmp_path: Path, text: Path, score: Score
) -> None:
    folder = tmp_path / "scores.parquet.parts"
    folder.mkdir()
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused = score(text)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"error: {folder}: another run is scoring into this folder; wait for its end, or choose "
        "another --out"
    )
    assert score(text).returncode == 0


def test_two_runs_at_the_same_time_write_one_output(
    tmp_path: Path, text: Path, table_model: Path
) -> None:
    """Whichever is second is refused by the lock, or by the output of the first."""
    out = tmp_path / "scores.parquet"
    words = ("score", text, "--model", table_model, "--out", out, "--part-rows", "50")
    runs = [PreparedProcess("scoring", *words, stdout=-1, stderr=-1) for _ in range(3)]
    ended = [(run.communicate(timeout=60), run.returncode) for run in runs]
    assert sorted(code for _, code in ended) == [0, 1, 1]
    for (_, errors), code in ended:
        refusals = ("another run is scoring into this folder", "expected a file that does not")
        assert not code or any(refusal in errors.splitlines()[-1] for refusal in refusals)
    assert parquet.read_table(out)["row"].to_pylist() == list(range(1, 1001))
    assert not (tmp_path / "scores.parquet.parts").exists()


@pytest.fixture
def job(tmp_path: Path, text: Path, table_model: Path) -> Job:
    """A job of four parts, with a model of its own."""
    model = tmp_path / "model.onnx"
    model.write_bytes(table_model.read_bytes())
    return plan_job(text, model, tmp_path / "scores.parquet", Options(), part_rows=300)


def after_first_part(change: Callable[[], object]) -> Backend:
    """A backend that changes something when one part is finished."""

    def score(job: Job, parts: Sequence[Part], on_rows: OnRows, on_notes: OnNotes) -> None:
        local(1)(job, parts[:1], on_rows, on_notes)
        change()
        local(1)(job, parts[1:], on_rows, on_notes)

    return score


def run_quietly(job: Job, backend: Backend, **options: bool) -> Totals | None:
    return run(job, backend, lambda _: None, lambda _: None, **options)


def test_a_model_file_that_changes_meanwhile_is_refused(job: Job) -> None:
    other = Recipe(metadata=replace(TABLE, version="2"), change=take_missing_values).build()
    backend = after_first_part(lambda: job.model.write_bytes(other))
    with pytest.raises(ScoringError) as refused:
        run_quietly(job, backend)
    assert str(refused.value) == (
        f"{job.model}: expected the model that the command began with, found another one; run the "
        "command again"
    )
    assert not job.out.exists()


def test_by_default_there_is_a_thread_for_each_processor_that_the_process_may_use(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's quota of 3.5 processors gives three threads."""
    found: list[int] = []
    monkeypatch.setattr("scoring.running.usable_processors", lambda: 3.5)
    monkeypatch.setattr("scoring.running.score_parts", lambda *_, threads: found.append(threads))
    for threads in (None, 7):
        local(threads)(job, job.parts, lambda _: None, lambda _: None)
    assert found == [3, 7]


def test_the_metadata_are_those_of_the_model_that_computed(job: Job) -> None:
    """The file is replaced when it is loaded, and no longer needed."""

    def score(job: Job, parts: Sequence[Part], on_rows: OnRows, on_notes: OnNotes) -> None:
        local(1)(job, parts, on_rows, on_notes)
        job.model.unlink()

    run_quietly(job, score)
    assert parquet.read_schema(job.out).metadata[b"highway.version"] == b"1"


@pytest.mark.parametrize("change", ["touched", "removed"])
def test_rows_that_change_meanwhile_are_refused(change: str, job: Job) -> None:
    def score(job: Job, parts: Sequence[Part], on_rows: OnRows, on_notes: OnNotes) -> None:
        local(1)(job, parts, on_rows, on_notes)
        if change == "removed":
            job.data.unlink()
        else:
            os.utime(job.data, ns=(1, 1))

    with pytest.raises(ChangedError) as refused:
        run_quietly(job, score)
    assert str(refused.value) == (
        f"{job.data}: expected rows that stay the same while they are scored, found that a file "
        "has changed since; --restart begins anew"
    )
    assert not job.out.exists()


def test_an_output_that_another_run_writes_meanwhile_is_not_replaced(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It appears between the first look and the lock of the folder."""

    @contextmanager
    def late(job: Job, *, restart: bool) -> Iterator[None]:
        job.out.write_text("of another run")
        with work_folder(job, restart=restart):
            yield

    monkeypatch.setattr("scoring.running.work_folder", late)
    with pytest.raises(ScoringError, match="expected a file that does not exist"):
        run_quietly(job, local(1))
    assert job.out.read_text() == "of another run"
    assert not job.folder.exists()


def test_a_run_with_another_model_does_not_take_the_output_of_a_killed_one_for_its_own(
    job: Job, table_model: Path
) -> None:
    """The killed run has written its output, and removed all but its mark."""
    run_quietly(job, local(1))
    job.folder.mkdir()
    write_synced(job.folder / MARK, output_mark(job, job.out))
    assert is_joined(job)
    other = Recipe(metadata=replace(TABLE, version="2"), change=take_missing_values).build()
    job.model.write_bytes(other)
    again = plan_job(job.data, job.model, job.out, job.options, part_rows=300)
    assert not is_joined(again)
    assert run_quietly(again, local(1), force=True) is not None
    assert parquet.read_schema(job.out).metadata[b"highway.version"] == b"2"
