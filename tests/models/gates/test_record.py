from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.data.dataset import Dataset
from models.evaluation import evaluate
from models.gates.record import LEAST_NORMAL, gate_answers, openness, record_gates
from models.gates.unusualness import Unusualness, fit_unusualness
from models.networks.network import HighwayClassifier
from models.run import Run


@pytest.fixture(scope="module")
def network(run_path: Path) -> HighwayClassifier:
    """8×8 digits, three highway layers of eight units."""
    return Run(run_path).network()


@pytest.fixture(scope="module")
def dataset(run_path: Path) -> Dataset:
    return Run(run_path).dataset()


def same(first: Unusualness, second: Unusualness) -> bool:
    pairs = zip(first.buffers(), second.buffers(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def test_rows_kept_for_validation_are_the_normal_ones(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    record = record_gates(network, dataset)
    assert (record.baseline.held_out.part, record.baseline.held_out.rows) == ("validation", 180)
    fitted = fit_unusualness(
        gate_answers(network, dataset.train),
        dataset.train.y,
        gate_answers(network, dataset.validation),
        classes=10,
    )
    assert same(record.unusualness, fitted)


@pytest.mark.parametrize(
    ("rows", "part", "counted"),
    [
        (LEAST_NORMAL, "validation", LEAST_NORMAL),
        (LEAST_NORMAL - 1, "train", 718),
        (0, "train", 718),
    ],
)
def test_with_too_few_of_them_every_second_training_row_is_spared(
    rows: int, part: str, counted: int, network: HighwayClassifier, dataset: Dataset
) -> None:
    assert len(dataset.train) == 1437
    few = replace(dataset, validation=dataset.validation.take(slice(rows)))
    found = record_gates(network, few).baseline.held_out
    assert (found.part, found.rows) == (part, counted)


def test_the_rows_that_are_spared_calibrate_and_the_others_fit(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    none = replace(dataset, validation=dataset.validation.take(slice(0)))
    even, odd = (dataset.train.take(slice(first, None, 2)) for first in (0, 1))
    fitted = fit_unusualness(
        gate_answers(network, even), even.y, gate_answers(network, odd), classes=10
    )
    assert same(record_gates(network, none).unusualness, fitted)


def test_a_row_of_each_label_is_enough(network: HighwayClassifier, dataset: Dataset) -> None:
    first = np.unique(dataset.train.y, return_index=True)[1]
    ten = replace(
        dataset,
        train=dataset.train.take(first),
        validation=dataset.validation.take(slice(0)),
    )
    record = record_gates(network, ten)
    assert record.baseline.held_out.rows == 5
    answers = gate_answers(network, dataset.test)
    logits = torch.from_numpy(answers.logits)
    shares = record.unusualness(
        logits, torch.softmax(logits, dim=1), torch.from_numpy(answers.gate_units)
    )
    assert ((shares > 0) & (shares <= 1)).all()


def test_held_out_rows_are_counted_by_predicted_label(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    found = record_gates(network, dataset).baseline.held_out
    labels = gate_answers(network, dataset.validation).logits.argmax(axis=1)
    assert found.predicted == np.bincount(labels, minlength=10).tolist()
    counts = np.array(found.counts)  # (labels, layers, bins)
    assert counts.sum(axis=2) == pytest.approx(np.array(found.predicted)[:, None].repeat(3, axis=1))


def test_answers_are_the_networks_in_evaluation_mode(
    network: HighwayClassifier, dataset: Dataset
) -> None:
    network.train()
    answers = gate_answers(network, dataset.test)
    assert not network.training
    assert answers.logits.shape == (180, 10)
    assert answers.gate_units.shape == (180, 24)
    scores = evaluate(network, dataset.test)
    assert (answers.logits.argmax(axis=1) == dataset.test.y).mean() == pytest.approx(
        scores.accuracy
    )
    means = openness(answers.gate_units, [8, 8, 8]).mean(axis=0)
    assert means == pytest.approx(np.array(scores.openness), abs=1e-5)


def test_openness_is_the_mean_of_each_layers_units() -> None:
    units = np.array([[0.0, 1.0, 0.25], [0.5, 0.5, 1.0]], np.float32)
    assert openness(units, [2, 1]).tolist() == [[0.5, 0.25], [0.5, 1.0]]
