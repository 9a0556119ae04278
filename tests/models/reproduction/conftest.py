"""Small experiments: images of ten patterns as IDX files, and tasks of seconds.

The images are easy to learn, and reading them imports less than the bundled digits need.
"""

import struct
from pathlib import Path

import numpy as np
import pytest

from models.data.source import Source
from models.recipe import Hardware
from models.reproduction.experiment import Effort, Task
from models.reproduction.trainings import Training, Trainings
from models.run import Run

TRAINING_ROWS, TEST_ROWS = 100, 40


def write_mnist(folder: Path, size: int) -> Path:
    """Write MNIST's four files with `size` × `size` images: a random pattern for each digit."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    patterns = random.integers(0, 200, (10, size, size))
    for part, count in (("train", TRAINING_ROWS), ("t10k", TEST_ROWS)):
        labels = np.arange(count) % 10
        images = patterns[labels] + random.integers(0, 56, (count, size, size))
        header = struct.pack(">4I", 0x803, count, size, size)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(
            header + images.astype(np.uint8).tobytes()
        )
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">2I", 0x801, count) + labels.astype(np.uint8).tobytes()
        )
    return folder


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images of 8×8 pixels."""
    return write_mnist(tmp_path_factory.mktemp("images") / "mnist", 8)


def trainings(out: Path, data: Path, *, jobs: int = 1, validation_share: float = 0.1) -> Trainings:
    """Trainings whose lines are kept nowhere."""
    return Trainings(
        out=out,
        source=Source.of(str(data), validation_share=validation_share),
        jobs=jobs,
        threads=1,
        hardware=Hardware(),
        on_finished=lambda _line: None,
    )


def task(out: Path, of: Trainings, effort: Effort | None = None) -> Task:
    """An experiment in progress without progress bars; a search has one trial of one epoch."""
    return Task(
        out=out,
        trainings=of,
        effort=effort or Effort(trials=1, epochs=1),
        bar=lambda _description, _total: lambda _amount: None,
    )


def written(run: Run, *losses: float, diverged: bool = False) -> Run:
    """Write the metrics of a training with these losses, by hand."""
    run.path.mkdir(parents=True)
    for epoch, loss in enumerate(losses, 1):
        run.append_metrics(epoch=epoch, seconds=60.0 * epoch, train_loss=loss)
    if diverged:
        (run.path / "diverged.txt").write_text("epoch 2: expected a finite loss, found nan\n")
    else:
        run.append_metrics(test_accuracy=0.5, test_loss=1.0, seconds=99.0, parameters=3)
        (run.path / "model.safetensors").touch()
    return run


def written_at(folder: Path) -> dict[Path, int]:
    """Return the time at which each file was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def metrics(of: Trainings, plans: list[Training]) -> list[list[dict[str, float]]]:
    """Return the metrics of trainings without their times."""
    return [
        [{k: v for k, v in line.items() if k != "seconds"} for line in of.run(plan).metrics()]
        for plan in plans
    ]
