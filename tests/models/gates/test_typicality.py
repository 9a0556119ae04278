import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import kstest
from torch import Tensor

from models.data.dataset import Dataset, FloatRows, Part
from models.gates.directions import GATE_ROUNDING, tensor_log_odds
from models.gates.record import gate_outputs, record_gates
from models.gates.surprise import MIN_LOG_SHARE
from models.gates.typicality import (
    DISTANCE,
    ENERGY,
    ENTROPY,
    RESIDUAL,
    GateOutputs,
    Typicality,
    fit_typicality,
    scores_of_parts,
)
from models.networks.network import HighwayClassifier
from tests.models.gates.conftest import untrained

COLUMNS = ("gates", "confidence", "combined")


@pytest.fixture(scope="module")
def module(network: HighwayClassifier, dataset: Dataset) -> Typicality:
    return record_gates(network, dataset).typicality


@pytest.fixture(scope="module")
def test_rows(network: HighwayClassifier, dataset: Dataset) -> GateOutputs:
    """The outputs for 180 rows that nothing was fitted to."""
    return gate_outputs(network, dataset.test)


def outputs_of(network: HighwayClassifier, x: FloatRows) -> GateOutputs:
    return gate_outputs(network, Part(x=x, y=np.zeros(len(x), np.int64)))


def tensors(outputs: GateOutputs, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    logits, units = (torch.from_numpy(part).to(dtype) for part in outputs)
    return logits, torch.softmax(logits, dim=1), tensor_log_odds(units)


def p_values(module: Typicality, outputs: GateOutputs) -> np.ndarray:
    return np.asarray(module(*tensors(outputs)).numpy())


def exact_p_values(module: Typicality, outputs: GateOutputs) -> np.ndarray:
    """The same, computed in float64."""
    return np.asarray(deepcopy(module).double()(*tensors(outputs, torch.float64)).numpy())


def scores(module: Typicality, *outputs: Tensor) -> np.ndarray:
    """The four scores, (rows, 4)."""
    columns = scores_of_parts(outputs[0].shape[1]).T
    return np.asarray(module.parts(*outputs).double().numpy() @ columns)


def small(rows: int = 400) -> tuple[GateOutputs, np.ndarray]:
    """Random outputs of five units and three labels, and the labels."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(rows, 3)).astype(np.float32)
    units = random.uniform(0.1, 0.9, (rows, 5)).astype(np.float32)
    return GateOutputs(logits, units), np.arange(rows) % 3


def test_p_values_are_in_0_to_1_for_any_row(module: Typicality) -> None:
    random = np.random.default_rng(0)
    logits = (random.normal(size=(300, 10)) * 10 ** random.uniform(-3, 4, (300, 1))).astype("f4")
    units = random.choice([0, 1e-9, 0.3, 1], (300, 24)).astype(np.float32)
    actual = p_values(module, GateOutputs(logits, units))
    assert actual.shape == (300, 3)
    assert (actual > 0).all()
    assert (actual <= 1).all()


def test_p_values_have_a_lower_bound(module: Typicality, test_rows: GateOutputs) -> None:
    logits = -1000 - np.zeros_like(test_rows.logits)
    actual = p_values(module, GateOutputs(logits, test_rows.gate_units))
    assert actual[:, 1].min() == pytest.approx(math.exp(MIN_LOG_SHARE))


@pytest.mark.parametrize("column", range(3), ids=COLUMNS)
def test_p_values_of_fresh_rows_are_uniform(
    column: int, module: Typicality, test_rows: GateOutputs, dataset: Dataset
) -> None:
    distance = kstest(p_values(module, test_rows)[:, column], "uniform").statistic
    # Kolmogorov–Smirnov's bound at 1 % for two samples: these rows and the validation rows.
    assert distance < 1.63 * math.sqrt(1 / len(dataset.test) + 1 / len(dataset.validation))


def test_a_quarter_of_the_normal_rows_has_a_p_value_below_a_quarter(
    network: HighwayClassifier, module: Typicality, dataset: Dataset
) -> None:
    actual = p_values(module, gate_outputs(network, dataset.validation))
    assert (actual <= 0.25).mean(axis=0) == pytest.approx(0.25, abs=0.03)


def test_noise_is_less_typical_than_digits(
    network: HighwayClassifier, module: Typicality, test_rows: GateOutputs
) -> None:
    noise = np.random.default_rng(0).uniform(0, 16, (180, 64)).astype(np.float32)
    typical, atypical = p_values(module, test_rows), p_values(module, outputs_of(network, noise))
    for column in (0, 2):
        assert np.median(atypical[:, column]) < 0.05 < np.median(typical[:, column])


def test_gates_that_move_away_lower_the_p_values_of_gates_and_combined_alone(
    module: Typicality, test_rows: GateOutputs
) -> None:
    random = np.random.default_rng(0)
    odds = np.log(test_rows.gate_units / (1 - test_rows.gate_units))
    away = random.choice([-1, 1], odds.shape)
    medians = []
    for step in (0, 0.05, 0.1, 0.2):
        units = (1 / (1 + np.exp(-odds - step * away))).astype(np.float32)
        actual = p_values(module, GateOutputs(test_rows.logits, units))
        medians.append(np.median(actual, axis=0))
    gates, confidence, combined = np.transpose(medians)
    assert (np.diff(gates) < 0).all()
    assert (np.diff(combined) < 0).all()
    assert np.ptp(confidence) < 1e-6


def test_a_tie_of_two_labels_is_less_typical_than_one_probable_label() -> None:
    outputs, labels = small()
    sharp = GateOutputs(outputs.logits * np.float32(8), outputs.gate_units)
    module = fit_typicality(sharp, labels, sharp, classes=3, widths=[2, 3])
    top = np.float32(np.median(logsumexp(sharp.logits, axis=1)))
    half = top - np.float32(math.log(2))  # so that the energy is the same
    logits = np.array([[top, -30, -30], [half, half, -30]], np.float32)
    clear, tie = p_values(module, GateOutputs(logits, outputs.gate_units[:2]))[:, 1]
    assert tie < 0.25 < clear


def test_p_values_are_continuous_where_two_labels_tie(
    module: Typicality, test_rows: GateOutputs
) -> None:
    logits = test_rows.logits.copy()
    ordered = np.argsort(logits, axis=1)
    rows = np.arange(len(logits))
    first, second = ordered[:, -1], ordered[:, -2]
    actual = []
    for lead in (-1e-4, 1e-4):  # of the second label over the first
        logits[rows, second] = logits[rows, first] + np.float32(lead)
        actual.append(p_values(module, GateOutputs(logits, test_rows.gate_units)))
    before, after = actual
    assert np.abs(np.log(after / before)).max() < 0.02


def test_scores_by_hand() -> None:
    outputs, labels = small()
    module = fit_typicality(outputs, labels, outputs, classes=3, widths=[2, 3])
    logits = torch.tensor([[0.0, math.log(3), 0.0]])
    probabilities = torch.tensor([[0.2, 0.6, 0.2]])
    units = torch.full((1, 5), 0.75)  # log-odds of log 3
    actual = scores(module, logits, probabilities, tensor_log_odds(units))[0]
    y = math.log(3) * module.weight.double().sum(dim=1) + module.bias.double()
    means = -module.to_means.double()[:, :2] / 2
    squares = ((y[:2] - means) ** 2).sum(dim=1)
    expected = float((probabilities[0] * squares).sum())
    assert actual[DISTANCE] == pytest.approx(math.log(expected), abs=1e-5)
    assert actual[RESIDUAL] == pytest.approx(math.log(float((y[2:] ** 2).sum())), abs=1e-5)
    entropy = 0.4 * math.log(5) + 0.6 * math.log(5 / 3)
    assert actual[ENTROPY] == pytest.approx(math.log(entropy), abs=1e-6)
    assert actual[ENERGY] == pytest.approx(-math.log(5), abs=1e-6)


def test_the_energy_is_minus_the_log_sum_exp(module: Typicality, test_rows: GateOutputs) -> None:
    actual = scores(module, *tensors(test_rows))[:, ENERGY]
    assert actual == pytest.approx(-logsumexp(test_rows.logits, axis=1), abs=1e-4)


@pytest.mark.parametrize("lead", [5.0, 10.0, 14.0])
def test_the_entropy_keeps_its_digits_where_a_label_is_nearly_certain(
    lead: float, module: Typicality
) -> None:
    logits = np.full((1, 10), 20.0, np.float32)
    logits[0, 3] += lead
    rest = math.exp(-lead)
    whole = 1 + 9 * rest
    entropy = math.log(whole) + 9 * rest * lead / whole
    actual = scores(module, *tensors(GateOutputs(logits, np.full((1, 24), 0.3, np.float32))))
    assert actual[0, ENTROPY] == pytest.approx(math.log(entropy), abs=2e-3)


def test_a_certain_label_has_the_smallest_entropy(module: Typicality) -> None:
    logits = np.zeros((1, 10), np.float32)
    logits[0, 3] = 200
    actual = p_values(module, GateOutputs(logits, np.full((1, 24), 0.3, np.float32)))
    assert actual[0, 1] == 1


def test_float32_and_float64_give_the_same_p_values(
    module: Typicality, test_rows: GateOutputs
) -> None:
    actual, exact = p_values(module, test_rows), exact_p_values(module, test_rows)
    assert actual == pytest.approx(exact, rel=5e-3)


@pytest.mark.parametrize("gate_bias", [-12.0, -8.0, -2.0, 4.0])
@pytest.mark.parametrize("seed", range(5))
def test_rounding_does_not_decide_p_values_for_any_weights(
    seed: int, gate_bias: float, dataset: Dataset
) -> None:
    network = untrained(seed, gate_bias, logit_scale=(1.0, 30.0)[seed % 2])
    module = record_gates(network, dataset).typicality
    outputs = gate_outputs(network, dataset.test)
    exact = exact_p_values(module, outputs)
    assert p_values(module, outputs) == pytest.approx(exact, rel=5e-3)
    # onnxruntime's Sigmoid has such errors also where a gate is nearly closed.
    errors = GATE_ROUNDING * np.random.default_rng(seed).normal(size=outputs.gate_units.shape)
    moved = GateOutputs(outputs.logits, outputs.gate_units + errors.astype(np.float32))
    assert exact_p_values(module, moved) == pytest.approx(exact, rel=2e-2)


def test_a_module_is_rebuilt_from_its_numbers(module: Typicality, test_rows: GateOutputs) -> None:
    again = Typicality.of(module.state_dict(), [8, 8, 8])
    assert (p_values(again, test_rows) == p_values(module, test_rows)).all()


def test_a_missing_number_is_a_key_error(module: Typicality) -> None:
    numbers = module.state_dict()
    del numbers["adders"]
    with pytest.raises(KeyError, match=r"^'adders'$"):
        Typicality.of(numbers, [8, 8, 8])


def test_a_number_of_another_shape_is_a_runtime_error(module: Typicality) -> None:
    numbers = module.state_dict()
    numbers["sum_knots"] = numbers["sum_knots"][1:]
    with pytest.raises(RuntimeError, match="size mismatch for sum_knots"):
        Typicality.of(numbers, [8, 8, 8])


def test_p_values_do_not_depend_on_other_rows(module: Typicality, test_rows: GateOutputs) -> None:
    some = GateOutputs(test_rows.logits[5:8], test_rows.gate_units[5:8])
    # The order of the sums, and so their rounding, depends on the number of rows and the processor.
    assert p_values(module, some) == pytest.approx(p_values(module, test_rows)[5:8], rel=1e-2)


def test_calibration_fits_the_p_values_to_other_rows(
    module: Typicality, test_rows: GateOutputs
) -> None:
    flat = GateOutputs(test_rows.logits * np.float32(0.5), test_rows.gate_units)
    anew = deepcopy(module)
    anew.calibrate(flat)
    assert np.median(p_values(anew, flat), axis=0) == pytest.approx(0.5, abs=0.05)
    assert (anew.weight == module.weight).all()


def test_one_normal_row_is_enough() -> None:
    outputs, labels = small()
    one = GateOutputs(outputs.logits[:1], outputs.gate_units[:1])
    actual = p_values(fit_typicality(outputs, labels, one, classes=3, widths=[2, 3]), outputs)
    assert np.isfinite(actual).all()
    assert actual[0].tolist() == [1, 1, 1]


def test_constant_gates_are_typical() -> None:
    outputs, labels = small()
    constant = GateOutputs(outputs.logits, np.full_like(outputs.gate_units, 0.25))
    actual = p_values(
        fit_typicality(constant, labels, constant, classes=3, widths=[2, 3]), constant
    )
    assert np.isfinite(actual).all()
    assert np.median(actual[:, 0]) > 0.3
