import math

import numpy as np
import pytest

from benchmarks.typicality.scores import (
    Outputs,
    detectors,
    energy,
    nearest,
    raw_mahalanobis,
    softmax,
)


def outputs(
    logits: list[list[float]], units: list[list[float]], features: list[list[float]]
) -> Outputs:
    return Outputs(*(np.array(part, np.float32) for part in (logits, units, features)))


def some() -> Outputs:
    """Four rows, two of each label; the units of label 0 are 0 and 2, those of label 1 are 5, 7."""
    return outputs(
        [[1, 0], [1, 0], [0, 1], [0, 1]],
        [[0.0], [2.0], [5.0], [7.0]],
        [[1, 0], [2, 0], [0, 3], [0, 1]],
    )


def test_softmax_is_the_logarithm_of_the_other_labels_probability() -> None:
    assert softmax(some()) == pytest.approx([-math.log(1 + math.e)] * 4)


def test_softmax_has_no_ties_by_rounding() -> None:
    first, second = softmax(outputs([[50, 0], [60, 0]], [[0]] * 2, [[0]] * 2))
    assert (first, second) == pytest.approx((-50, -60))


def test_energy_is_minus_the_log_sum_exp() -> None:
    assert energy(some()) == pytest.approx([-math.log(1 + math.e)] * 4)


def test_nearest_neighbours_do_not_depend_on_the_features_length() -> None:
    score = nearest(some())  # with four rows, the distance to the farthest
    assert score(outputs([[0, 0]], [[0]], [[5, 0]])) == pytest.approx([math.sqrt(2)])
    assert score(outputs([[0, 0]], [[0]], [[-5, 0]])) == pytest.approx([2])


def test_raw_gates_are_compared_with_the_predicted_label() -> None:
    # Means 1 and 6, one variance of 1; shrinking a single variance towards itself changes nothing.
    score = raw_mahalanobis(some())
    rows = outputs([[1, 0], [0, 1], [1, 0]], [[4.0], [4.0], [1.0]], [[0]] * 3)
    assert score(rows) == pytest.approx([9, 4, 0], abs=1e-9)


def test_a_label_that_is_never_predicted_has_the_mean_of_all_rows() -> None:
    trained = some()._replace(logits=np.array([[1, 0]] * 4, np.float32))
    assert np.isfinite(raw_mahalanobis(trained)(some())).all()


def test_every_detector_scores_every_row() -> None:
    scores = {name: score(some()) for name, score in detectors(some()).items()}
    assert list(scores) == ["softmax", "energy", "k-NN", "raw gates"]
    assert all(values.shape == (4,) for values in scores.values())
