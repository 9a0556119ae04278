import math

import numpy as np
import pytest

from models.gates.directions import (
    ALMOST_NOTHING,
    LEAST_GATE,
    MOST_DISCRIMINANT,
    SHRINKAGE,
    SKETCH,
    Matrix,
    fit_directions,
    log_odds,
)

LABELS = 3


def gates(rows: int, units: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated log-odds whose mean is another for each label; gates (rows, units), labels."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % LABELS
    means = random.normal(size=(LABELS, units))
    mixing = random.normal(size=(units, units)) / math.sqrt(units)
    odds = means[labels] + random.normal(size=(rows, units)) @ mixing
    return (1 / (1 + np.exp(-odds))).astype(np.float32), labels


def own_means(x: Matrix, labels: np.ndarray) -> Matrix:
    """The labels' means, each with an average row more."""
    return np.stack(
        [np.vstack([x[labels == n], x.mean(axis=0)]).mean(axis=0) for n in range(LABELS)]
    )


def test_log_odds_by_hand() -> None:
    found = log_odds(np.array([[0.5, 0.75, 0.25]], np.float32))
    assert found == pytest.approx(np.array([[0, math.log(3), -math.log(3)]]))


def test_log_odds_of_gates_that_are_shut_or_open_are_finite() -> None:
    most = math.log((1 - LEAST_GATE) / LEAST_GATE)
    assert log_odds(np.array([[0, 1]], np.float32)) == pytest.approx(np.array([[-most, most]]))


def test_the_direction_that_tells_labels_apart_is_the_unit_that_does() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(3000) % 2
    odds = random.normal(size=(3000, 2)) + labels[:, None] * np.array([2.0, 0.0])
    told = fit_directions((1 / (1 + np.exp(-odds))).astype(np.float32), labels, 2)
    assert told.discriminant == 1
    telling, other = np.abs(told.weight[:, 0])
    assert telling == pytest.approx(1, abs=0.05)  # its spread within a label is 1
    assert other < 0.1
    assert abs(told.means[1, 0] - told.means[0, 0]) == pytest.approx(2, abs=0.1)


def test_within_labels_the_discriminant_directions_vary_by_one_and_independently() -> None:
    units, labels = gates(2000, 6)
    told = fit_directions(units, labels, LABELS)
    y = (log_odds(units) @ told.weight + told.bias)[:, : told.discriminant]
    off = y - told.means[labels]
    assert off.T @ off / len(off) == pytest.approx(np.eye(LABELS - 1), abs=0.02)


def test_with_all_directions_both_parts_add_up_to_mahalanobis_distance() -> None:
    units, labels = gates(500, 6)
    told = fit_directions(units, labels, LABELS)
    x = log_odds(units)
    means = own_means(x, labels)
    within = x - means[labels]
    covariance = within.T @ within / len(x)
    floor = SHRINKAGE * np.trace(covariance) / 6 + ALMOST_NOTHING
    inverse = np.linalg.inv(covariance + floor * np.eye(6))
    y = x @ told.weight + told.bias
    own, rest = np.split(y, [told.discriminant], axis=1)
    for label in range(LABELS):
        off = x - means[label]
        plain = np.einsum("ij,jk,ik->i", off, inverse, off)
        both = ((own - told.means[label]) ** 2).sum(axis=1) + (rest**2).sum(axis=1)
        assert both == pytest.approx(plain, rel=1e-6)


def test_the_sketch_sees_nothing_of_the_discriminant_directions() -> None:
    units, labels = gates(500, 40)
    told = fit_directions(units, labels, LABELS)
    x = log_odds(units)
    apart = own_means(x, labels) - x.mean(axis=0)
    assert apart @ told.weight[:, told.discriminant :] == pytest.approx(0, abs=1e-9)


def test_an_average_row_is_at_zero() -> None:
    units, labels = gates(500, 6)
    told = fit_directions(units, labels, LABELS)
    assert log_odds(units).mean(axis=0) @ told.weight + told.bias == pytest.approx(0, abs=1e-9)


def test_a_label_without_rows_is_an_average_one() -> None:
    units, labels = gates(300, 6)
    told = fit_directions(units, labels, LABELS + 1)
    assert told.means.shape == (LABELS + 1, LABELS)
    assert told.means[LABELS] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(told.weight).all()


@pytest.mark.parametrize(
    ("units", "classes", "discriminant", "sketch"),
    [(50, 10, 9, SKETCH), (50, 60, MOST_DISCRIMINANT, SKETCH), (4, 10, 4, 4), (1, 2, 1, 1)],
)
def test_there_are_as_many_directions_as_units_and_labels_allow(
    units: int, classes: int, discriminant: int, sketch: int
) -> None:
    some = np.random.default_rng(0).random((200, units)).astype(np.float32)
    told = fit_directions(some, np.arange(200) % classes, classes)
    assert told.discriminant == discriminant
    assert told.weight.shape == (units, discriminant + sketch)
    assert told.bias.shape == (discriminant + sketch,)


def test_gates_that_never_move_give_finite_directions() -> None:
    told = fit_directions(np.full((20, 5), 0.25, np.float32), np.arange(20) % 2, 2)
    assert np.isfinite(told.weight).all()
    assert told.means == pytest.approx(0, abs=1e-6)


def test_one_row_gives_finite_directions() -> None:
    told = fit_directions(np.full((1, 5), 0.25, np.float32), np.array([0]), 2)
    assert np.isfinite(told.weight).all()


def test_the_same_rows_give_the_same_directions() -> None:
    units, labels = gates(300, 40)
    first, second = (fit_directions(units, labels, LABELS) for _ in range(2))
    assert (first.weight == second.weight).all()
