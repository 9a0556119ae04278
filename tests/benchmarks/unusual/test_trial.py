from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.unusual.answers import answered, layers
from benchmarks.unusual.signs import fitted, p_values
from benchmarks.unusual.trial import Trial
from models.data.dataset import Dataset
from models.gates.record import record_gates
from models.networks.network import HighwayClassifier
from models.run import Run


@pytest.fixture(scope="module")
def network(run_path: Path) -> HighwayClassifier:
    """8×8 digits, three highway layers of eight units."""
    return Run(run_path).network()


@pytest.fixture(scope="module")
def dataset(run_path: Path) -> Dataset:
    return Run(run_path).dataset()


@pytest.fixture(scope="module")
def trial(network: HighwayClassifier, dataset: Dataset) -> Trial:
    noise = np.random.default_rng(0).uniform(0, 16, (50, 64)).astype(np.float32)
    return Trial.of(network, dataset, {"noise": noise, "none": dataset.test.x})


def test_features_are_what_the_output_layer_is_given(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    answers = answered(network, dataset.test.x)
    assert answers.features.shape == (180, 8)
    with torch.no_grad():
        logits = network.output(torch.from_numpy(answers.features))
    assert logits.numpy() == pytest.approx(answers.logits, abs=1e-5)


def test_layers_are_found_among_all_units() -> None:
    assert layers([3, 2]) == [slice(0, 3), slice(3, 5)]


def test_ours_is_fitted_as_a_finished_training_fits_it(
    trial: Trial, network: HighwayClassifier, dataset: Dataset
) -> None:
    ours = fitted(trial.trained, trial.labels, trial.held_out)
    kept = record_gates(network, dataset).unusualness
    answers = trial.test.gates()
    assert p_values(ours, answers) == pytest.approx(p_values(kept, answers), rel=1e-6)


def test_noise_is_told_from_digits_and_digits_are_not_told_from_themselves(trial: Trial) -> None:
    found, noticed = trial.ours(fitted(trial.trained, trial.labels, trial.held_out))
    assert found["both"]["noise"] > 0.9
    assert noticed["both"]["noise"] > noticed["both"]["none"]
    for scores in (found, trial.others()):
        assert all(kinds["none"] == 0.5 for kinds in scores.values())


def test_each_layer_is_asked_alone(trial: Trial) -> None:
    found = list(trial.alone())
    assert len(found) == 3
    assert all(0.5 < one["gates"] <= 1 and 0.5 < one["both"] <= 1 for one in found)
