import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from models.data.dataset import Dataset, FloatRows
from models.gates.directions import GATE_ROUNDING
from models.gates.layer_typicality import LayerTypicality
from models.gates.record import gate_outputs, record_gates
from models.gates.surprise import MIN_LOG_SHARE
from models.networks.network import HighwayClassifier

WIDTHS = (2, 5, 1)


@pytest.fixture(scope="module")
def trained(network: HighwayClassifier, dataset: Dataset) -> LayerTypicality:
    return record_gates(network, dataset).typicality.layers


def shares(logits: FloatRows) -> torch.Tensor:
    return torch.softmax(torch.from_numpy(logits), dim=1)


def p_values(module: LayerTypicality, logits: FloatRows, units: FloatRows) -> np.ndarray:
    return np.asarray(module(shares(logits), torch.from_numpy(units)).numpy())


def small(rows: int = 400) -> tuple[FloatRows, FloatRows, np.ndarray]:
    """Random logits of three labels, the gates of eight units, and the labels."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(rows, 3)).astype(np.float32)
    return logits, random.uniform(0.1, 0.9, (rows, 8)).astype(np.float32), np.arange(rows) % 3


@pytest.fixture(scope="module")
def module() -> LayerTypicality:
    """Layers of different widths."""
    logits, units, labels = small()
    fitted = LayerTypicality.fit(units, labels, classes=3, widths=WIDTHS)
    fitted.calibrate(logits, units)
    return fitted


def test_p_values_of_fresh_rows_are_uniform_in_every_layer(
    trained: LayerTypicality, network: HighwayClassifier, dataset: Dataset
) -> None:
    actual = p_values(trained, *gate_outputs(network, dataset.test))
    assert actual.shape == (180, 3)
    for layer in actual.T:  # Kolmogorov–Smirnov's bound at 0.1 % for two samples of 180 rows
        assert kstest(layer, "uniform").statistic < 1.95 * math.sqrt(2 / 180)


def test_gates_that_move_away_lower_the_p_values_of_their_own_layer_alone(
    module: LayerTypicality,
) -> None:
    logits, units, _ = small()
    moved = units.copy()
    moved[:, 2:7] = np.where(units[:, 2:7] > 0.5, 0.9999, 0.0001)
    before, after = p_values(module, logits, units), p_values(module, logits, moved)
    assert np.array_equal(before[:, [0, 2]], after[:, [0, 2]])
    assert np.median(before[:, 1]) > 0.4
    assert after[:, 1].max() < 0.01


def test_scores_by_hand(module: LayerTypicality) -> None:
    logits, units, _ = small(1)
    actual = module.scores(shares(logits), torch.from_numpy(units))[0, 0]
    odds = np.log(units[0, :2] / (1 - units[0, :2])).astype(np.float64)
    y = odds @ module.weight[0, :2].double().numpy() + module.bias[0, 0].double().numpy()
    means = -module.to_means[0].double().numpy().T / 2  # (labels, directions)
    distances = ((y - means) ** 2).sum(axis=1)
    expected = math.log(float(shares(logits)[0].double().numpy() @ distances))
    assert float(actual) == pytest.approx(expected, abs=1e-5)


def test_p_values_are_in_0_to_1_for_any_row(module: LayerTypicality) -> None:
    random = np.random.default_rng(0)
    units = random.choice([0, 1e-9, 0.3, 1], (300, 8)).astype(np.float32)
    logits = (random.normal(size=(300, 3)) * 10 ** random.uniform(-3, 4, (300, 1))).astype("f4")
    actual = p_values(module, logits, units)
    assert (actual >= math.exp(MIN_LOG_SHARE) * 0.999).all()
    assert (actual <= 1).all()


def test_p_values_do_not_jump_where_two_labels_tie(module: LayerTypicality) -> None:
    _, units, _ = small(50)
    before, after = (
        p_values(module, np.tile(np.array([[lead, 0, -9]], np.float32), (50, 1)), units)
        for lead in (-1e-4, 1e-4)
    )
    assert np.abs(np.log(after / before)).max() < 0.01


def test_rounding_does_not_decide_p_values(
    trained: LayerTypicality, network: HighwayClassifier, dataset: Dataset
) -> None:
    logits, units = gate_outputs(network, dataset.test)
    actual = p_values(trained, logits, units)
    errors = GATE_ROUNDING * np.random.default_rng(0).normal(size=units.shape)
    moved = deepcopy(trained).double()(
        shares(logits.astype(np.float64)), torch.from_numpy(units + errors)
    )
    assert actual == pytest.approx(moved.numpy(), rel=5e-3)


def test_a_label_without_rows_and_constant_gates_give_finite_p_values() -> None:
    logits, units, labels = small()
    constant = np.full_like(units, 0.25)
    fitted = LayerTypicality.fit(constant, labels % 2, classes=3, widths=WIDTHS)
    fitted.calibrate(logits, constant)
    actual = p_values(fitted, logits, constant)
    assert np.isfinite(actual).all()
    assert np.median(actual) > 0.3


def test_one_normal_row_is_enough() -> None:
    logits, units, labels = small()
    fitted = LayerTypicality.fit(units, labels, classes=3, widths=WIDTHS)
    fitted.calibrate(logits[:1], units[:1])
    assert p_values(fitted, logits[:1], units[:1]).tolist() == [[1, 1, 1]]


def test_a_deep_network_has_few_numbers() -> None:
    module = LayerTypicality([50] * 100, 16, 10)
    assert sum(numbers.numel() for numbers in module.buffers()) < 125_000
