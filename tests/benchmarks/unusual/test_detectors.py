import math

import numpy as np
import pytest

from benchmarks.unusual.answers import Answers
from benchmarks.unusual.detectors import detectors, energy, nearest, raw_distance, softmax


def answers(
    logits: list[list[float]], units: list[list[float]], features: list[list[float]]
) -> Answers:
    return Answers(*(np.array(part, np.float32) for part in (logits, units, features)))


def some() -> Answers:
    """Four rows, two of each label; the units of label 0 are 0 and 2, those of label 1 are 5, 7."""
    return answers(
        [[1, 0], [1, 0], [0, 1], [0, 1]],
        [[0.0], [2.0], [5.0], [7.0]],
        [[1, 0], [2, 0], [0, 3], [0, 1]],
    )


def test_softmax_is_the_logarithm_of_what_the_label_lacks() -> None:
    assert softmax(some()) == pytest.approx([-math.log(1 + math.e)] * 4)


def test_softmax_tells_rows_apart_that_rounding_would_not() -> None:
    first, second = softmax(answers([[50, 0], [60, 0]], [[0]] * 2, [[0]] * 2))
    assert (first, second) == pytest.approx((-50, -60))


def test_energy_is_minus_the_log_sum_exp() -> None:
    assert energy(some()) == pytest.approx([-math.log(1 + math.e)] * 4)


def test_the_nearest_rows_are_found_whatever_their_length() -> None:
    score = nearest(some())  # of four rows the farthest, the fourth, counts
    assert score(answers([[0, 0]], [[0]], [[5, 0]])) == pytest.approx([math.sqrt(2)])
    assert score(answers([[0, 0]], [[0]], [[-5, 0]])) == pytest.approx([2])


def test_the_first_try_is_mahalanobis_distance_to_the_predicted_label() -> None:
    # Means 1 and 6, one variance of 1; shrinking a single variance towards itself changes nothing.
    score = raw_distance(some())
    asked = answers([[1, 0], [0, 1], [1, 0]], [[4.0], [4.0], [1.0]], [[0]] * 3)
    assert score(asked) == pytest.approx([9, 4, 0], abs=1e-9)


def test_a_label_that_is_never_predicted_is_an_average_one() -> None:
    trained = some()._replace(logits=np.array([[1, 0]] * 4, np.float32))
    assert np.isfinite(raw_distance(trained)(some())).all()


def test_all_of_them_are_fitted() -> None:
    found = {name: score(some()) for name, score in detectors(some()).items()}
    assert list(found) == ["softmax", "energy", "k-NN", "first try"]
    assert all(scores.shape == (4,) for scores in found.values())
