"""Trainings that are stopped in the middle of an epoch, for real, and gone on with."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.errors import RunError
from models.run import Run
from tests.conftest import ROOT, command

# Epochs long enough to be stopped in, by dropout too, whose draws must come back.
TRAINING = (
    *("models", "train", "digits", "--depth", "12", "--dropout", "0.1"),
    *("--epochs", "6", "--batch-size", "20"),
)


def stopped(out: Path, signal_number: int, epochs: int, *more: str) -> tuple[int, str]:
    """Train; stop it by a signal in the epoch after `epochs` ones; return exit code and words."""
    arguments = [sys.executable, "-m", *TRAINING, "--out", str(out), *more]
    process = subprocess.Popen(
        arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    metrics, deadline = out / "metrics.jsonl", time.monotonic() + 60
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < epochs:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal_number)
    words, _ = process.communicate(timeout=60)
    return process.returncode, words.strip()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same training without any interruption."""
    path = tmp_path_factory.mktemp("whole") / "run"
    done = command(*TRAINING, "--out", path)
    assert done.returncode == 0, done.stderr
    return Run(path)


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def assert_goes_on_to_the_same(path: Path, whole: Run) -> None:
    done = command("models", "train", "--resume", path)
    assert done.returncode == 0, done.stderr
    run = Run(path)
    assert weights(run) == weights(whole)
    expected = [{**line, "seconds": 0} for line in whole.metrics()]
    assert [{**line, "seconds": 0} for line in run.metrics()] == expected


def test_a_killed_training_goes_on_to_the_same_weights_bit_for_bit(
    tmp_path: Path, whole: Run
) -> None:
    code, _ = stopped(tmp_path / "run", signal.SIGKILL, epochs=2)
    assert code == -signal.SIGKILL
    assert_goes_on_to_the_same(tmp_path / "run", whole)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_training_says_how_to_go_on_and_does(
    tmp_path: Path, whole: Run, signal_number: int
) -> None:
    path = tmp_path / "run"
    code, words = stopped(path, signal_number, epochs=3)
    assert code == 130
    assert words == (
        f"stopped: the whole epochs are kept in {path}; go on with "
        f"`python -m models train --resume {path}`"
    )
    assert_goes_on_to_the_same(path, whole)


def test_stopping_one_of_two_processes_stops_both(tmp_path: Path) -> None:
    code, words = stopped(tmp_path / "run", signal.SIGINT, 1, "--devices", "2")
    assert code == 130
    assert words.startswith("stopped: ")
    assert len(Run(tmp_path / "run").metrics()) < 6


def test_a_line_that_the_checkpoint_does_not_know_is_forgotten(tmp_path: Path, whole: Run) -> None:
    path = tmp_path / "run"
    stopped(path, signal.SIGKILL, epochs=2)
    with (path / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"epoch": 99, "train_loss": 0.1}\n{"epoch": 100, "tr')
    assert_goes_on_to_the_same(path, whole)


def test_a_run_stopped_before_its_first_epoch_begins_anew(tmp_path: Path, whole: Run) -> None:
    config = whole.config()
    run = Run.create(tmp_path / "run", config)
    assert_goes_on_to_the_same(run.path, whole)


def test_a_damaged_checkpoint_is_told_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "run"
    stopped(path, signal.SIGKILL, epochs=2)
    checkpoint = path / "checkpoint.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    done = command("models", "train", "--resume", path)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {checkpoint}: expected the state of a training, found a damaged file; "
        "remove it to begin again\n",
    )


def test_a_finished_run_has_nothing_left_to_do(whole: Run) -> None:
    done = command("models", "train", "--resume", whole.path)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {whole.path}: expected a training that was stopped, found a finished one; "
        "nothing is left to do\n",
    )


def test_a_resumed_run_keeps_its_own_settings(whole: Run) -> None:
    done = command("models", "train", "--resume", whole.path, "--epochs", "9")
    assert (done.returncode, done.stderr) == (
        1,
        "error: --epochs: expected nothing beside --resume, for the run keeps its own settings; "
        "leave it out\n",
    )


def test_nothing_there_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        Run(tmp_path / "nothing").config()
    done = command("models", "train", "--resume", tmp_path / "nothing")
    assert done.stderr == (
        f"error: {tmp_path / 'nothing'}: expected a run directory, found nothing there\n"
    )
