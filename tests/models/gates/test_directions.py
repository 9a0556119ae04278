import math

import numpy as np
import pytest

from models.gates.directions import (
    GATE_ROUNDING,
    MAX_DISCRIMINANT,
    MIN_GATE,
    RESOLUTION,
    SHRINKAGE,
    SKETCH,
    Directions,
    Matrix,
    fit_directions,
    log_odds,
)

LABELS = 3


def gates_of(odds: Matrix) -> np.ndarray:
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def gates(rows: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gates (rows, units) and labels; the log-odds are correlated, with a mean for each label."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % LABELS
    means = random.normal(size=(LABELS, units))
    mixing = random.normal(size=(units, units)) / math.sqrt(units)
    return gates_of(means[labels] + random.normal(size=(rows, units)) @ mixing), labels


def own_means(x: Matrix, labels: np.ndarray) -> Matrix:
    """The labels' means, each with one average row added."""
    return np.stack(
        [np.vstack([x[labels == n], x.mean(axis=0)]).mean(axis=0) for n in range(LABELS)]
    )


def projected(directions: Directions, units: np.ndarray) -> Matrix:
    return np.asarray(log_odds(units) @ directions.weight + directions.bias)


def test_log_odds_by_hand() -> None:
    actual = log_odds(np.array([[0.5, 0.75, 0.25]], np.float32))
    assert actual == pytest.approx(np.array([[0, math.log(3), -math.log(3)]]))


def test_log_odds_of_closed_and_open_gates_are_finite() -> None:
    most = math.log((1 - MIN_GATE) / MIN_GATE)
    assert log_odds(np.array([[0, 1]], np.float32)) == pytest.approx(np.array([[-most, most]]))


def test_the_discriminant_direction_is_the_unit_in_which_the_labels_differ() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(3000) % 2
    odds = random.normal(size=(3000, 2)) + labels[:, None] * np.array([2.0, 0.0])
    directions = fit_directions(gates_of(odds), labels, 2)
    assert directions.discriminant == 1
    differing, other = np.abs(directions.weight[:, 0])
    assert differing == pytest.approx(1, abs=0.05)  # its spread within a label is 1
    assert other < 0.1
    assert abs(directions.means[1, 0] - directions.means[0, 0]) == pytest.approx(2, abs=0.1)


def test_discriminant_directions_are_white_within_labels() -> None:
    units, labels = gates(2000, 6)
    directions = fit_directions(units, labels, LABELS)
    y = projected(directions, units)[:, : directions.discriminant]
    off = y - directions.means[labels]
    assert off.T @ off / len(off) == pytest.approx(np.eye(LABELS - 1), abs=0.02)


def test_with_all_directions_both_parts_add_up_to_the_mahalanobis_distance() -> None:
    units, labels = gates(500, 6)
    directions = fit_directions(units, labels, LABELS)
    x = log_odds(units)
    means = own_means(x, labels)
    within = x - means[labels]
    errors = GATE_ROUNDING / (units * (1 - units)).astype(np.float64)
    covariance = within.T @ within / len(x) + np.diag(RESOLUTION**2 * (errors**2).mean(axis=0))
    floor = SHRINKAGE * np.trace(covariance) / 6
    inverse = np.linalg.inv(covariance + floor * np.eye(6))
    own, rest = np.split(projected(directions, units), [directions.discriminant], axis=1)
    for label in range(LABELS):
        off = x - means[label]
        plain = np.einsum("ij,jk,ik->i", off, inverse, off)
        both = ((own - directions.means[label]) ** 2).sum(axis=1) + (rest**2).sum(axis=1)
        assert both == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("spread", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("bias", [-8.0, 0.0, 8.0])
def test_rounding_errors_of_gates_are_small_in_every_direction(bias: float, spread: float) -> None:
    random = np.random.default_rng(0)
    odds = bias + spread * random.normal(size=(500, 40))
    directions = fit_directions(gates_of(odds), np.arange(500) % LABELS, LABELS)
    gates = np.clip(1 / (1 + np.exp(-odds)), MIN_GATE, 1 - MIN_GATE)
    errors = GATE_ROUNDING * random.normal(size=gates.shape) / (gates * (1 - gates))
    assert (errors @ directions.weight).std(axis=0).max() < 1.2 / RESOLUTION


def test_the_sketch_is_orthogonal_to_the_differences_of_the_labels() -> None:
    units, labels = gates(500, 40)
    directions = fit_directions(units, labels, LABELS)
    x = log_odds(units)
    apart = own_means(x, labels) - x.mean(axis=0)
    assert apart @ directions.weight[:, directions.discriminant :] == pytest.approx(0, abs=1e-9)


def test_an_average_row_is_at_zero() -> None:
    units, labels = gates(500, 6)
    directions = fit_directions(units, labels, LABELS)
    assert projected(directions, units).mean(axis=0) == pytest.approx(0, abs=1e-9)


def test_a_label_without_rows_has_the_mean_of_all_rows() -> None:
    units, labels = gates(300, 6)
    directions = fit_directions(units, labels, LABELS + 1)
    assert directions.means.shape == (LABELS + 1, LABELS)
    assert directions.means[LABELS] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(directions.weight).all()


@pytest.mark.parametrize(
    ("units", "classes", "discriminant", "sketch"),
    [(50, 10, 9, SKETCH), (50, 60, MAX_DISCRIMINANT, SKETCH), (4, 10, 4, 4), (1, 2, 1, 1)],
)
def test_units_and_labels_limit_the_number_of_directions(
    units: int, classes: int, discriminant: int, sketch: int
) -> None:
    some = np.random.default_rng(0).random((200, units)).astype(np.float32)
    directions = fit_directions(some, np.arange(200) % classes, classes)
    assert directions.discriminant == discriminant
    assert directions.weight.shape == (units, discriminant + sketch)
    assert directions.bias.shape == (discriminant + sketch,)


def test_constant_gates_give_finite_directions() -> None:
    directions = fit_directions(np.full((20, 5), 0.25, np.float32), np.arange(20) % 2, 2)
    assert np.isfinite(directions.weight).all()
    assert directions.means == pytest.approx(0, abs=1e-6)


def test_one_row_gives_finite_directions() -> None:
    directions = fit_directions(np.full((1, 5), 0.25, np.float32), np.array([0]), 2)
    assert np.isfinite(directions.weight).all()


def test_the_same_rows_give_the_same_directions() -> None:
    units, labels = gates(300, 40)
    first, second = (fit_directions(units, labels, LABELS) for _ in range(2))
    assert (first.weight == second.weight).all()


def test_of_many_units_only_the_most_variable_have_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    labels = np.arange(60) % LABELS
    spreads = np.array([0.1, 3.0, 0.1, 2.0, 0.1])
    units = gates_of(random.normal(size=(60, 5)) * spreads)
    monkeypatch.setattr("models.gates.directions.MAX_UNITS", 2)
    directions = fit_directions(units, labels, LABELS)
    few = fit_directions(units[:, [1, 3]], labels, LABELS)
    assert not directions.weight[[0, 2, 4]].any()
    np.testing.assert_array_equal(directions.weight[[1, 3]], few.weight)
    np.testing.assert_array_equal(directions.bias, few.bias)
