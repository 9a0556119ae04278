"""Networks of three layers worked out by hand: each is a table of margins by what is closed."""

from collections.abc import Callable

import anyio
import numpy as np
import pytest

from service.classifier import FloatArray
from service.inference.explanation import Explanation, explain, margins
from service.inference.question import Outputs

Margin = Callable[[frozenset[int]], float]


class Network:
    """Label 1 is above label 2 by a margin that depends on the layers closed; label 0 is last."""

    def __init__(self, margin: Margin) -> None:
        self._margin = margin
        self.asked: list[int] = []

    async def __call__(self, scales: FloatArray) -> Outputs:
        self.asked.append(len(scales))
        found = [self._margin(frozenset(np.flatnonzero(row == 0).tolist())) for row in scales]
        logits = np.array([[-9, margin, 0] for margin in found], np.float32)
        powers = np.exp(logits)
        return {"logits": logits, "probabilities": powers / powers.sum(axis=1, keepdims=True)}


def explained(margin: Margin, layers: int = 3) -> tuple[Explanation, list[int]]:
    network = Network(margin)
    return anyio.run(explain, network, layers), network.asked


def sum_above(least: float) -> Margin:
    """Each layer adds to the label: 3, 2 and 1; the rival has `least`."""
    return lambda closed: sum({0: 3, 1: 2, 2: 1}[i] for i in {0, 1, 2} - closed) - least


def test_the_row_is_asked_as_it_is_and_with_each_layer_closed_in_one_run() -> None:
    explanation, asked = explained(sum_above(5.5))
    assert asked[0] == 4
    assert explanation.label == 1
    assert explanation.outputs["logits"].tolist() == [[-9, 0.5, 0]]
    assert explanation.closed["logits"].tolist() == [[-9, -2.5, 0], [-9, -1.5, 0], [-9, -0.5, 0]]


def test_one_layer_is_enough_where_one_changes_the_label() -> None:
    explanation, _ = explained(sum_above(5.5))
    assert explanation.smallest == (0,)
    assert explanation.other == 2


def test_layers_are_closed_until_the_label_changes() -> None:
    explanation, _ = explained(sum_above(2.5))
    assert explanation.smallest == (0, 1)
    assert explanation.other == 2


def test_no_set_is_told_where_even_all_layers_change_nothing() -> None:
    explanation, asked = explained(sum_above(-1))
    assert explanation.smallest is None
    assert explanation.other is None
    assert asked == [4, 2, 1]


def test_a_layer_that_has_become_needless_is_left_out_again() -> None:
    table = {
        frozenset[int](): 5.0,
        frozenset({0}): 1.0,
        frozenset({1}): 2.0,
        frozenset({2}): 3.0,
        frozenset({0, 1}): 0.5,
        frozenset({0, 2}): 0.7,
        frozenset({1, 2}): -1.0,
        frozenset({0, 1, 2}): -2.0,
    }
    explanation, _ = explained(table.__getitem__)
    assert explanation.smallest == (1, 2)


def test_a_network_of_one_layer_hangs_on_it_or_not() -> None:
    assert explained(lambda closed: -1.0 if closed else 1.0, layers=1)[0].smallest == (0,)
    assert explained(lambda closed: 1.0, layers=1)[0].smallest is None


@pytest.mark.parametrize(("label", "margin"), [(0, -1.5), (1, 1.5), (2, -4.0)])
def test_a_margin_is_how_far_the_label_is_above_its_best_rival(label: int, margin: float) -> None:
    assert margins(np.array([[1, 2.5, -1.5]], np.float32), label).tolist() == [margin]


def test_margins_are_told_apart_where_probabilities_are_not() -> None:
    found = margins(np.array([[90, 0], [95, 0]], np.float32), 0)
    assert found.tolist() == [90, 95]
