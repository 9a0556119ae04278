from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from benchmarks.explanations.counterfactuals import measured
from benchmarks.explanations.networks import Subject
from tests.benchmarks.explanations.conftest import Linear
from tests.benchmarks.explanations.test_faithfulness import table


def counts(subject: Subject, *rows: list[float]) -> list[object]:
    """Return the rows with 1 to 5 changed columns, with none found, and with a missed pair."""
    result = measured(replace(subject, rows=np.array(rows, np.float32)), 9)
    assert result["rows"] == len(rows)
    return list(result.values())[2:]


def test_rows_are_counted_by_the_number_of_changed_columns() -> None:
    # The usual values are 0, and the label changes below 0.
    one, two = [3.0, -1.0, -1.0], [2.0, 2.0, -1.0]
    assert counts(table(1, 1, 1), one, two, one) == [2, 1, 0, 0, 0, 0, 0]


def test_rows_without_a_counterfactual_are_counted() -> None:
    assert counts(table(1, 1, 1), [1, 1, 1]) == [0, 0, 0, 0, 0, 1, 0]


class Pair(Linear):
    """Three columns lower the margin one by one, two others only together."""

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        changed = 1 - x
        *several, fourth, fifth = changed.unbind(dim=1)
        logits = 3 - 1.2 * sum(several) + 0.5 * (fourth + fifth) - 10 * fourth * fifth
        return torch.stack([logits, torch.zeros_like(logits)], dim=1), []


def test_pairs_that_the_search_misses_are_counted() -> None:
    subject = replace(table(0, 0, 0, 0, 0), network=Pair(0, 0, 0, 0, 0).eval())
    assert counts(subject, [1, 1, 1, 1, 1]) == [0, 0, 1, 0, 0, 0, 1]
