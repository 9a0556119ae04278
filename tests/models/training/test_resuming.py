"""Trainings stopped in the middle of an epoch by a signal, and resumed."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.errors import RunError
from models.run import Run
from tests.conftest import command, once
from tests.launcher import PreparedProcess

# Epochs long enough for a signal to arrive in one; dropout, because its draws must repeat.
TRAINING = (
    *("models", "train", "digits", "--depth", "12", "--dropout", "0.1"),
    *("--epochs", "6", "--batch-size", "20"),
)


def stopped(out: Path, signal_number: int, epochs: int, *more: str) -> tuple[int, str]:
    """Train, send a signal in the epoch after `epochs`; return the exit code and the output."""
    process = PreparedProcess(
        *TRAINING, "--out", out, *more, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    metrics, deadline = out / "metrics.jsonl", time.monotonic() + 120
    while not metrics.exists() or metrics.read_bytes().count(b"\n") < epochs:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal_number)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output.strip()


@pytest.fixture(scope="module")
def uninterrupted(shared: Path) -> Run:
    """The same training without an interruption."""
    path = shared / "resuming" / "uninterrupted"

    def train() -> None:
        done = command(*TRAINING, "--out", path)
        assert done.returncode == 0, done.stderr

    return Run(once(path, train))


@pytest.fixture
def killed(shared: Path, tmp_path: Path) -> Path:
    """A copy of a run whose process was killed in its third epoch."""
    path = shared / "resuming" / "killed"

    def train() -> None:
        code, _ = stopped(path, signal.SIGKILL, epochs=2)
        assert code == -signal.SIGKILL

    return shutil.copytree(once(path, train), tmp_path / "run")


def weights(run: Run) -> bytes:
    return (run.path / "model.safetensors").read_bytes()


def assert_resumes_to_the_same_weights(path: Path, uninterrupted: Run) -> None:
    done = command("models", "train", "--resume", path)
    assert done.returncode == 0, done.stderr
    run = Run(path)
    assert weights(run) == weights(uninterrupted)
    expected = [{**line, "seconds": 0} for line in uninterrupted.metrics()]
    assert [{**line, "seconds": 0} for line in run.metrics()] == expected


def test_a_killed_training_resumes_to_the_same_weights_bit_for_bit(
    killed: Path, uninterrupted: Run
) -> None:
    assert_resumes_to_the_same_weights(killed, uninterrupted)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_the_error_of_a_stopped_training_names_the_command_that_resumes_it(
    tmp_path: Path, uninterrupted: Run, signal_number: int
) -> None:
    path = tmp_path / "run"
    code, output = stopped(path, signal_number, epochs=3)
    assert code == 130
    assert output.splitlines()[-1] == (
        f"stopped: complete epochs are kept in {path}; resume with "
        f"`{sys.executable} -m models train --resume {path}`"
    )
    assert_resumes_to_the_same_weights(path, uninterrupted)


def test_a_signal_to_one_of_two_processes_stops_both(tmp_path: Path) -> None:
    code, output = stopped(tmp_path / "run", signal.SIGINT, 1, "--devices", "2")
    assert code == 130
    assert output.splitlines()[-1].endswith(f" --resume {tmp_path / 'run'} --devices 2`")
    assert len(Run(tmp_path / "run").metrics()) < 6


def test_metrics_that_the_checkpoint_does_not_contain_are_removed(
    killed: Path, uninterrupted: Run
) -> None:
    with (killed / "metrics.jsonl").open("a") as metrics:
        metrics.write('{"epoch": 99, "train_loss": 0.1}\n{"epoch": 100, "tr')
    assert_resumes_to_the_same_weights(killed, uninterrupted)


def test_a_run_stopped_in_its_first_epoch_starts_again(tmp_path: Path, uninterrupted: Run) -> None:
    config = uninterrupted.config()
    run = Run.create(tmp_path / "run", config)
    assert_resumes_to_the_same_weights(run.path, uninterrupted)


def test_a_damaged_checkpoint_is_refused(killed: Path) -> None:
    checkpoint = killed / "checkpoint.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    done = command("models", "train", "--resume", killed)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {checkpoint}: the checkpoint is damaged; remove it to train from the start\n",
    )


def test_a_finished_run_cannot_be_resumed(uninterrupted: Run) -> None:
    done = command("models", "train", "--resume", uninterrupted.path)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {uninterrupted.path}: the training has finished; there is nothing to resume\n",
    )


def test_settings_are_refused_with_resume(uninterrupted: Run) -> None:
    done = command("models", "train", "--resume", uninterrupted.path, "--epochs", "9")
    assert (done.returncode, done.stderr) == (
        1,
        "error: --epochs: not allowed with --resume, which keeps the original settings; "
        "leave it out\n",
    )


def test_a_missing_directory_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        Run(tmp_path / "nothing").config()
    done = command("models", "train", "--resume", tmp_path / "nothing")
    assert done.stderr == (
        f"error: {tmp_path / 'nothing'}: expected a run directory, found nothing there\n"
    )
