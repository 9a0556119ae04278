import math
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import kstest
from torch import Tensor

from models.data.dataset import Dataset, FloatRows, Part
from models.gates.record import gate_answers, record_gates
from models.gates.unusualness import (
    DISTANCE,
    ENERGY,
    ENTROPY,
    LEAST_LOG_SHARE,
    OFF,
    SCORES,
    GateAnswers,
    Unusualness,
    fit_unusualness,
)
from models.networks.network import HighwayClassifier
from models.run import Run

SIGNS = ("gates", "confidence", "both")


@pytest.fixture(scope="module")
def network(run_path: Path) -> HighwayClassifier:
    """8×8 digits, three highway layers of eight units."""
    return Run(run_path).network()


@pytest.fixture(scope="module")
def dataset(run_path: Path) -> Dataset:
    return Run(run_path).dataset()


@pytest.fixture(scope="module")
def module(network: HighwayClassifier, dataset: Dataset) -> Unusualness:
    return record_gates(network, dataset).unusualness


@pytest.fixture(scope="module")
def test_rows(network: HighwayClassifier, dataset: Dataset) -> GateAnswers:
    """The answers to 180 rows that decided nothing."""
    return gate_answers(network, dataset.test)


def asked(network: HighwayClassifier, x: FloatRows) -> GateAnswers:
    return gate_answers(network, Part(x=x, y=np.zeros(len(x), np.int64)))


def tensors(answers: GateAnswers, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
    logits, units = (torch.from_numpy(part).to(dtype) for part in answers)
    return logits, torch.softmax(logits, dim=1), units


def told(module: Unusualness, answers: GateAnswers) -> np.ndarray:
    return np.asarray(module(*tensors(answers)).numpy())


def scores(module: Unusualness, *answers: Tensor) -> np.ndarray:
    """(rows, 4), the sums of parts that are calibrated."""
    return np.asarray(module.parts(*answers).numpy() @ np.array(SCORES).T)


def small(rows: int = 400) -> tuple[GateAnswers, np.ndarray]:
    """Random answers of five units and three labels, and the labels."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(rows, 3)).astype(np.float32)
    units = random.uniform(0.1, 0.9, (rows, 5)).astype(np.float32)
    return GateAnswers(logits, units), np.arange(rows) % 3


def test_shares_are_in_0_to_1_whatever_the_row(module: Unusualness) -> None:
    random = np.random.default_rng(0)
    logits = (random.normal(size=(300, 10)) * 10 ** random.uniform(-3, 4, (300, 1))).astype("f4")
    units = random.choice([0, 1e-9, 0.3, 1], (300, 24)).astype(np.float32)
    found = told(module, GateAnswers(logits, units))
    assert found.shape == (300, 3)
    assert (found > 0).all()
    assert (found <= 1).all()


def test_the_shares_have_a_floor(module: Unusualness, test_rows: GateAnswers) -> None:
    logits = -1000 - np.zeros_like(test_rows.logits)
    found = told(module, GateAnswers(logits, test_rows.gate_units))
    assert found[:, 1].min() == pytest.approx(math.exp(LEAST_LOG_SHARE))


@pytest.mark.parametrize("sign", range(3), ids=SIGNS)
def test_on_rows_that_decided_nothing_the_shares_are_uniform(
    sign: int, module: Unusualness, test_rows: GateAnswers, dataset: Dataset
) -> None:
    distance = kstest(told(module, test_rows)[:, sign], "uniform").statistic
    # Kolmogorov–Smirnov's bound at 1 % for two samples: these rows, and those that calibrated.
    assert distance < 1.63 * math.sqrt(1 / len(dataset.test) + 1 / len(dataset.validation))


def test_on_the_rows_that_calibrated_the_shares_are_what_they_say(
    network: HighwayClassifier, module: Unusualness, dataset: Dataset
) -> None:
    found = told(module, gate_answers(network, dataset.validation))
    assert (found <= 0.25).mean(axis=0) == pytest.approx(0.25, abs=0.03)


def test_noise_is_less_usual_than_digits(
    network: HighwayClassifier, module: Unusualness, test_rows: GateAnswers
) -> None:
    noise = np.random.default_rng(0).uniform(0, 16, (180, 64)).astype(np.float32)
    usual, odd = told(module, test_rows), told(module, asked(network, noise))
    for sign in (0, 2):
        assert np.median(odd[:, sign]) < 0.05 < np.median(usual[:, sign])


def test_gates_that_move_away_lower_the_shares_of_gates_and_both_alone(
    module: Unusualness, test_rows: GateAnswers
) -> None:
    random = np.random.default_rng(0)
    odds = np.log(test_rows.gate_units / (1 - test_rows.gate_units))
    away = random.choice([-1, 1], odds.shape)
    medians = []
    for step in (0, 0.05, 0.1, 0.2):
        units = (1 / (1 + np.exp(-odds - step * away))).astype(np.float32)
        found = told(module, GateAnswers(test_rows.logits, units))
        medians.append(np.median(found, axis=0))
    gates, confidence, both = np.transpose(medians)
    assert (np.diff(gates) < 0).all()
    assert (np.diff(both) < 0).all()
    assert np.ptp(confidence) < 1e-6


def test_a_tie_of_two_labels_is_less_usual_than_a_clear_answer() -> None:
    answers, labels = small()
    sharp = GateAnswers(answers.logits * np.float32(8), answers.gate_units)
    module = fit_unusualness(sharp, labels, sharp, classes=3)
    top = np.float32(np.median(logsumexp(sharp.logits, axis=1)))
    half = top - np.float32(math.log(2))  # so that the energy is the same
    logits = np.array([[top, -30, -30], [half, half, -30]], np.float32)
    clear, tie = told(module, GateAnswers(logits, answers.gate_units[:2]))[:, 1]
    assert tie < 0.25 < clear


def test_where_two_labels_tie_nothing_jumps(module: Unusualness, test_rows: GateAnswers) -> None:
    logits = test_rows.logits.copy()
    ordered = np.argsort(logits, axis=1)
    rows = np.arange(len(logits))
    first, second = ordered[:, -1], ordered[:, -2]
    shares = []
    for lead in (-1e-4, 1e-4):  # of the second label over the first
        logits[rows, second] = logits[rows, first] + np.float32(lead)
        shares.append(told(module, GateAnswers(logits, test_rows.gate_units)))
    before, after = shares
    assert np.abs(np.log(after / before)).max() < 0.02


def test_scores_by_hand() -> None:
    answers, labels = small()
    module = fit_unusualness(answers, labels, answers, classes=3)
    logits = torch.tensor([[0.0, math.log(3), 0.0]])
    probabilities = torch.tensor([[0.2, 0.6, 0.2]])
    units = torch.full((1, 5), 0.5)  # log-odds of 0, so that y is the bias
    found = scores(module, logits, probabilities, units)[0]
    y = module.bias.double()
    means = -module.to_means.double()[:, :2] / 2
    squares = ((y[:2] - means) ** 2).sum(dim=1)
    expected = float((probabilities[0] * squares).sum())
    assert found[DISTANCE] == pytest.approx(math.log(expected), abs=1e-5)
    assert found[OFF] == pytest.approx(math.log(float((y[2:] ** 2).sum())), abs=1e-5)
    entropy = 0.4 * math.log(5) + 0.6 * math.log(5 / 3)
    assert found[ENTROPY] == pytest.approx(math.log(entropy), abs=1e-6)
    assert found[ENERGY] == pytest.approx(-math.log(5), abs=1e-6)


def test_the_energy_is_minus_the_log_sum_exp(module: Unusualness, test_rows: GateAnswers) -> None:
    found = scores(module, *tensors(test_rows))[:, ENERGY]
    assert found == pytest.approx(-logsumexp(test_rows.logits, axis=1), abs=1e-4)


def test_a_sure_answer_has_an_entropy_of_almost_nothing(module: Unusualness) -> None:
    logits = np.zeros((1, 10), np.float32)
    logits[0, 3] = 200
    shares = told(module, GateAnswers(logits, np.full((1, 24), 0.3, np.float32)))
    assert shares[0, 1] == 1


def test_float32_says_what_float64_says(module: Unusualness, test_rows: GateAnswers) -> None:
    exact = deepcopy(module).double()(*tensors(test_rows, torch.float64)).numpy()
    assert told(module, test_rows) == pytest.approx(exact, rel=5e-3)


def test_a_module_is_rebuilt_of_its_numbers(module: Unusualness, test_rows: GateAnswers) -> None:
    again = Unusualness.of(module.state_dict())
    assert (told(again, test_rows) == told(module, test_rows)).all()


def test_a_number_too_few_is_a_key_error(module: Unusualness) -> None:
    numbers = module.state_dict()
    del numbers["adders"]
    with pytest.raises(KeyError, match=r"^'adders'$"):
        Unusualness.of(numbers)


def test_a_number_of_another_shape_is_a_runtime_error(module: Unusualness) -> None:
    numbers = module.state_dict()
    numbers["sum_knots"] = numbers["sum_knots"][1:]
    with pytest.raises(RuntimeError, match="size mismatch for sum_knots"):
        Unusualness.of(numbers)


def test_rows_are_judged_one_by_one(module: Unusualness, test_rows: GateAnswers) -> None:
    some = GateAnswers(test_rows.logits[5:8], test_rows.gate_units[5:8])
    assert told(module, some) == pytest.approx(told(module, test_rows)[5:8], rel=1e-3)


def test_calibrated_anew_the_shares_are_of_the_new_rows(
    module: Unusualness, test_rows: GateAnswers
) -> None:
    flat = GateAnswers(test_rows.logits * np.float32(0.2), test_rows.gate_units)
    anew = deepcopy(module)
    anew.calibrate(flat)
    assert np.median(told(anew, flat), axis=0) == pytest.approx(0.5, abs=0.05)
    assert (anew.weight == module.weight).all()


def test_one_normal_row_is_enough() -> None:
    answers, labels = small()
    one = GateAnswers(answers.logits[:1], answers.gate_units[:1])
    found = told(fit_unusualness(answers, labels, one, classes=3), answers)
    assert np.isfinite(found).all()
    assert found[0].tolist() == [1, 1, 1]


def test_gates_that_never_move_say_nothing() -> None:
    answers, labels = small()
    still = GateAnswers(answers.logits, np.full_like(answers.gate_units, 0.25))
    found = told(fit_unusualness(still, labels, still, classes=3), still)
    assert np.isfinite(found).all()
    assert np.median(found[:, 0]) > 0.3
