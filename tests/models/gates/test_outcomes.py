import math

import pytest
import torch

from models.gates.outcomes import OutcomeSums


def sums(*first_logits: float) -> OutcomeSums:
    """Two batches of rows with label 0, whose second logit is 0."""
    found = OutcomeSums()
    for value in first_logits:
        found.add(torch.tensor([[value, 0.0]]), torch.tensor([0]))
    return found


def test_an_outcome_is_the_mean_over_all_batches() -> None:
    intact = sums(1.0, -2.0)
    outcome = intact.outcome(intact)
    loss = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(2.0))) / 2
    assert (outcome.accuracy, outcome.change) == (0.5, (0.0, 0.0))
    assert outcome.loss == pytest.approx(loss)


def test_the_change_counts_rows_that_became_right_or_wrong() -> None:
    # One of two rows becomes wrong: −1/4 ± 1.96 · sqrt(2/4 − 1/16) / 2.
    outcome = sums(1.0, -2.0).outcome(sums(1.0, 2.0))
    assert outcome.change == pytest.approx((-0.8982, 0.3982), abs=1e-4)
