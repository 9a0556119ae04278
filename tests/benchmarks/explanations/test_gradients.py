import numpy as np
import pytest
import torch

from benchmarks.explanations.gradients import integrated_gradients, log_odds
from tests.benchmarks.explanations.conftest import Linear


def test_log_odds_are_exact_where_the_probability_is_near_1() -> None:
    assert log_odds(torch.tensor([[40.0, 0.0], [1.0, 1.0]]), 0).tolist() == [40, 0]
    (three,) = log_odds(torch.tensor([[0.0, 0.0, 0.0]]), 1).tolist()
    assert three == pytest.approx(-np.log(2))


def test_the_parts_of_a_linear_network_are_weight_times_difference() -> None:
    row, baseline = np.array([1, 2, 3], np.float32), np.array([0, 2, 1], np.float32)
    parts = integrated_gradients(Linear(2, 5, -1), row, baseline, 0)
    assert parts == pytest.approx([2, 0, -2])
    assert integrated_gradients(Linear(2, 5, -1), row, baseline, 1) == pytest.approx([-2, 0, 2])
