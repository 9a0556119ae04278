from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.typicality.outsiders import NOTMNIST
from benchmarks.typicality.scores import fitted, outputs_of, p_values
from benchmarks.typicality.trial import Trial, layer_slices
from models.data.dataset import Dataset
from models.gates.record import record_gates
from models.networks.network import HighwayClassifier
from models.run import Run


@pytest.fixture(scope="module")
def network(run_path: Path) -> HighwayClassifier:
    """Three highway layers of eight units, trained on 8×8 digits."""
    return Run(run_path).network()


@pytest.fixture(scope="module")
def dataset(run_path: Path) -> Dataset:
    return Run(run_path).dataset()


@pytest.fixture(scope="module")
def trial(network: HighwayClassifier, dataset: Dataset) -> Trial:
    noise = np.random.default_rng(0).uniform(0, 16, (50, 64)).astype(np.float32)
    return Trial.of(network, dataset, {"noise": noise, "none": dataset.test.x})


def test_features_are_the_output_layers_inputs(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    outputs = outputs_of(network, dataset.test.x)
    assert outputs.features.shape == (180, 8)
    with torch.no_grad():
        logits = network.output(torch.from_numpy(outputs.features))
    assert logits.numpy() == pytest.approx(outputs.logits, abs=1e-5)


def test_slices_of_layers_among_all_units() -> None:
    assert layer_slices([3, 2]) == [slice(0, 3), slice(3, 5)]


def test_typicality_is_fitted_as_a_finished_training_does(
    trial: Trial, network: HighwayClassifier, dataset: Dataset
) -> None:
    ours = fitted(trial.trained, trial.labels, trial.held_out, trial.widths)
    kept = record_gates(network, dataset).typicality
    outputs = trial.test.gates()
    assert p_values(ours, outputs) == pytest.approx(p_values(kept, outputs), rel=1e-6)


def test_noise_is_separated_from_digits_and_digits_not_from_themselves(trial: Trial) -> None:
    aurocs, detected = trial.typicality_aurocs(
        fitted(trial.trained, trial.labels, trial.held_out, trial.widths)
    )
    assert aurocs["combined"]["noise"] > 0.9
    assert detected["combined"]["noise"] > detected["combined"]["none"]
    for scores in (aurocs, trial.other_aurocs()):
        assert all(kinds["none"] == 0.5 for kinds in scores.values())


def test_each_layer_is_measured_alone(trial: Trial) -> None:
    layers = list(trial.by_layer())
    assert len(layers) == 3
    assert all(0.5 < auroc <= 1 for layer in layers for auroc in layer.values())


def test_the_layers_mean_does_not_count_notmnist_letters(trial: Trial) -> None:
    more = replace(trial, kinds={**trial.kinds, NOTMNIST: trial.kinds["none"]})
    assert list(more.by_layer()) == list(trial.by_layer())
