"""Networks of three layers, each a table of margins by the set of closed layers."""

from collections.abc import Callable

import anyio
import numpy as np
import pytest

from service.arrays import FloatArray, Outputs
from service.inference.explanation import Counterfactual, Explanation, explain, margins

Margin = Callable[[frozenset[int]], float]

WANTED = frozenset({"logits", "probabilities"})


class Network:
    """Label 1 is above label 2 by a margin that depends on the closed layers; label 0 is last."""

    def __init__(self, margin: Margin) -> None:
        self._margin = margin
        self.computed: list[int] = []  # numbers of rows
        self.outputs: list[frozenset[str]] = []

    async def __call__(self, scales: FloatArray, outputs: frozenset[str]) -> Outputs:
        self.computed.append(len(scales))
        self.outputs.append(outputs)
        closed = [frozenset(np.flatnonzero(row == 0).tolist()) for row in scales]
        logits = np.array([[-9, self._margin(layers), 0] for layers in closed], np.float32)
        powers = np.exp(logits)
        return {"logits": logits, "probabilities": powers / powers.sum(axis=1, keepdims=True)}


def explained(margin: Margin, layers: int = 3) -> tuple[Explanation, list[int]]:
    network = Network(margin)
    explanation = anyio.run(explain, network, layers, WANTED)
    assert network.outputs == [WANTED, *[{"logits"}] * (len(network.computed) - 1)]
    return explanation, network.computed


def sum_above(least: float) -> Margin:
    """The layers add 3, 2 and 1 to the label's logit; the rival's logit is `least`."""
    return lambda closed: sum({0: 3, 1: 2, 2: 1}[i] for i in {0, 1, 2} - closed) - least


def test_the_row_is_computed_unchanged_and_with_each_layer_closed_at_once() -> None:
    explanation, computed = explained(sum_above(5.5))
    assert computed[0] == 4
    assert explanation.label == 1
    assert explanation.outputs["logits"].tolist() == [[-9, 0.5, 0]]
    assert explanation.closed["logits"].tolist() == [[-9, -2.5, 0], [-9, -1.5, 0], [-9, -0.5, 0]]


def test_the_counterfactual_is_one_layer_if_one_changes_the_label() -> None:
    explanation, _ = explained(sum_above(5.5))
    assert explanation.counterfactual == Counterfactual((0,), label=2)


def test_layers_are_closed_until_the_label_changes() -> None:
    explanation, _ = explained(sum_above(2.5))
    assert explanation.counterfactual == Counterfactual((0, 1), label=2)


def test_there_is_no_counterfactual_if_all_layers_change_nothing() -> None:
    explanation, computed = explained(sum_above(-1))
    assert explanation.counterfactual is None
    assert computed == [4, 2, 1]


def test_a_layer_that_is_no_longer_needed_is_removed() -> None:
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
    assert explanation.counterfactual == Counterfactual((1, 2), label=2)


def test_a_network_of_one_layer_may_have_a_counterfactual() -> None:
    decisive, _ = explained(lambda closed: -1.0 if closed else 1.0, layers=1)
    assert decisive.counterfactual == Counterfactual((0,), label=2)
    assert explained(lambda closed: 1.0, layers=1)[0].counterfactual is None


@pytest.mark.parametrize(("label", "margin"), [(0, -1.5), (1, 1.5), (2, -4.0)])
def test_a_margin_is_the_labels_logit_minus_the_largest_other(label: int, margin: float) -> None:
    assert margins(np.array([[1, 2.5, -1.5]], np.float32), label).tolist() == [margin]


def test_margins_differ_where_float32_probabilities_do_not() -> None:
    assert margins(np.array([[90, 0], [95, 0]], np.float32), 0).tolist() == [90, 95]
