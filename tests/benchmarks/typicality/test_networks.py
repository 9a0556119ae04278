from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.typicality.networks import (
    EPOCHS,
    Networks,
    finished_runs,
    with_held_out_rows,
)
from models.data.dataset import Dataset, Part
from models.data.source import Source
from models.run import Run
from service.contract import Input


def networks(runs: Path) -> Networks:
    """Random images of two labels, 40 to train on."""
    random = np.random.default_rng(0)
    parts = [
        Part(x=random.uniform(0, 255, (rows, 784)).astype(np.float32), y=np.arange(rows) % 2)
        for rows in (40, 10, 10)
    ]
    image = Input(kind="image", shape=(28, 28), unit="pixel", low=0.0, high=255.0)
    data = Dataset(
        name="some",
        input=image,
        labels=("0", "1"),
        train=parts[0],
        validation=parts[1],
        test=parts[2],
    )
    return Networks(source=Source.of("digits"), dataset=data, runs=runs)


def test_a_network_is_trained_once(tmp_path: Path) -> None:
    first = networks(tmp_path).trained("dense-10", 3)
    assert first.path == tmp_path / "dense-3"
    assert first.config().training.epochs == EPOCHS["dense-10"] == len(first.metrics()) - 1
    written = (first.path / "model.safetensors").stat().st_mtime_ns
    again = networks(tmp_path).trained("dense-10", 3)
    assert (again.path / "model.safetensors").stat().st_mtime_ns == written


def test_another_training_in_its_folder_is_refused(tmp_path: Path) -> None:
    own = networks(tmp_path)
    config = own.config("dense-10", 3)
    Run.create(tmp_path / "dense-3", replace(config, training=replace(config.training, epochs=1)))
    with pytest.raises(SystemExit) as failure:
        own.trained("dense-10", 3)
    assert str(failure.value) == (
        f"{tmp_path / 'dense-3'}: expected a training of dense-10 with seed 3 and "
        "10 epochs on this data, found another one; choose another --runs"
    )


def finished(folder: Path, seed: int, preset: str = "dense-10") -> Path:
    """A run directory that holds a configuration and the mark of a finished training."""
    config = networks(folder).config("dense-10", seed)
    run = Run.create(folder, replace(config, preset=preset))
    (run.path / "model.safetensors").touch()
    return run.path


def test_a_preset_without_a_number_of_its_own_is_trained_for_all_of_its_epochs(
    tmp_path: Path,
) -> None:
    assert networks(tmp_path).config("mnist-conv-16", 1).training.epochs == 12


def test_finished_runs_are_found_by_seed_and_unfinished_ones_left_out(tmp_path: Path) -> None:
    second, first = finished(tmp_path / "a", 2), finished(tmp_path / "b", 1)
    Run.create(tmp_path / "c", networks(tmp_path).config("dense-10", 0))
    assert [run.path for run in finished_runs("dense-10", tmp_path)] == [first, second]


def test_a_folder_without_finished_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as failure:
        finished_runs("mnist-conv-16", tmp_path)
    assert str(failure.value) == (
        f"{tmp_path}: expected run directories of finished trainings of mnist-conv-16, found "
        "none; `highway reproduce mnist-conv-16` writes them"
    )


def test_a_run_of_another_preset_is_refused(tmp_path: Path) -> None:
    path = finished(tmp_path / "a", 0)
    with pytest.raises(SystemExit) as failure:
        finished_runs("mnist-conv-16", tmp_path)
    assert str(failure.value) == (
        f"{path}: expected a training of mnist-conv-16, found one of dense-10; choose a folder of "
        "mnist-conv-16 alone"
    )


def test_validation_rows_are_the_held_out_ones(tmp_path: Path) -> None:
    data = networks(tmp_path).dataset
    rows = np.zeros((100, 784), np.float32)
    enough = replace(data, validation=Part(x=rows, y=np.arange(100) % 2))
    assert with_held_out_rows(enough) is enough


def test_without_enough_of_them_every_second_test_row_is_held_out(tmp_path: Path) -> None:
    data = networks(tmp_path).dataset
    actual = with_held_out_rows(data)
    assert (actual.validation.x == data.test.x[::2]).all()
    assert (actual.test.x == data.test.x[1::2]).all()
    assert actual.train is data.train
