from dataclasses import replace
from pathlib import Path

import pytest

from models.data.dataset import Dataset
from models.data.source import Source, load
from models.errors import ConfigError
from models.networks.preparation import Standardise
from models.presets import preset
from models.recipe import Hardware, TrainConfig
from models.run_config import DataConfig
from models.search.space import Numbers
from models.search.trial import Bench, Outcome, attempt

DIGITS = Source.of("digits")
NUMBERS: Numbers = {
    "learning_rate": 0.3,
    "momentum": 0.9,
    "drop_factor": 0.98,
    "activation": "relu",
    "gate_bias": -2.0,
}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load(DIGITS)


def bench(out: Path, dataset: Dataset, **training: object) -> Bench:
    recipe = replace(TrainConfig(epochs=2), **training)  # type: ignore[arg-type]
    return Bench(
        out=out,
        data=DataConfig.of(DIGITS, dataset),
        preparation=Standardise(),
        preset=replace(preset("dense-10"), depth=3, width=8, training=recipe),
        hardware=Hardware(),
        threads=1,
    )


def test_a_trial_is_an_ordinary_run_scored_on_the_validation_rows_of_its_last_epoch(
    tmp_path: Path, dataset: Dataset
) -> None:
    place = bench(tmp_path, dataset)
    outcome = attempt(place, dataset, 7, NUMBERS)
    run = place.run(7)
    assert run.path == tmp_path / "trials" / "0007"
    assert run.finished
    assert run.config() == place.config(NUMBERS)
    assert run.checkpoint() is None
    last = run.metrics()[1]
    assert last["epoch"] == 2
    assert outcome == Outcome(loss=last["validation_loss"], accuracy=last["validation_accuracy"])


def test_a_trial_that_had_ended_is_read_and_not_trained_again(
    tmp_path: Path, dataset: Dataset
) -> None:
    place = bench(tmp_path, dataset)
    first = attempt(place, dataset, 0, NUMBERS)
    written = (place.run(0).path / "model.safetensors").stat().st_mtime_ns
    assert attempt(place, dataset, 0, NUMBERS) == first
    assert (place.run(0).path / "model.safetensors").stat().st_mtime_ns == written


def test_a_trial_that_was_interrupted_starts_over(tmp_path: Path, dataset: Dataset) -> None:
    place = bench(tmp_path, dataset)
    first = attempt(place, dataset, 0, NUMBERS)
    (place.run(0).path / "model.safetensors").unlink()
    assert attempt(place, dataset, 0, NUMBERS) == first
    assert [line["epoch"] for line in place.run(0).metrics()[:-1]] == [1, 2]


def test_a_trial_that_diverges_is_an_outcome(tmp_path: Path, dataset: Dataset) -> None:
    place = bench(tmp_path, dataset, weight_decay=1000.0)
    outcome = attempt(place, dataset, 0, NUMBERS)
    assert outcome.reason == "epoch 1: expected a finite loss, found nan"
    assert place.run(0).checkpoint() is None


def test_a_trial_whose_last_step_diverges_has_no_validation_loss(
    tmp_path: Path, dataset: Dataset
) -> None:
    rows = dataset.train.take(slice(0, 100))  # one step an epoch: its loss was still finite
    place = bench(tmp_path, dataset, weight_decay=1e38, epochs=1)
    outcome = attempt(place, replace(dataset, train=rows), 0, NUMBERS)
    assert outcome.reason == "epoch 1: expected a finite validation loss, found nan"


def test_any_other_fault_is_raised(tmp_path: Path, dataset: Dataset) -> None:
    place = bench(tmp_path, dataset, precision="16-mixed")
    with pytest.raises(ConfigError) as caught:
        attempt(place, dataset, 0, NUMBERS)
    assert str(caught.value) == (
        "--precision: expected 32-true or bf16-mixed, found 16-mixed without --accelerator gpu"
    )
