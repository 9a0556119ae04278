import math

import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.networks.blocks import DenseBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.scores import probabilities, score


def sign_network() -> HighwayClassifier:
    """Answers label 1 with probability 3/4 where x > 0, else both labels with 1/2."""
    network = HighwayClassifier(NetworkConfig(shape=(1,), classes=2, blocks=(DenseBlock(width=1),)))
    layer = network.blocks[0]
    layer.linear.weight.data = torch.tensor([[1.0]])  # type: ignore[union-attr]
    network.output.weight.data = torch.tensor([[0.0], [math.log(3)]])
    return network


# given: b (3/4), b (3/4), a (1/2), a (1/2)
ROWS = Part(x=np.array([[1], [1], [-1], [-1]], np.float32), y=np.array([1, 0, 0, 1]))


def test_probabilities_are_the_softmax_of_every_row() -> None:
    assert probabilities(sign_network(), ROWS)[[0, 2]].tolist() == [
        pytest.approx([0.25, 0.75]),
        pytest.approx([0.5, 0.5]),
    ]


def test_label_by_label_scores_worked_out_by_hand() -> None:
    rows = Part(x=ROWS.x, y=np.array([1, 1, 1, 0]))
    first, second = score(sign_network(), rows, ("a", "b")).labels
    assert (first.label, first.rows, first.precision, first.recall) == ("a", 1, 0.5, 1.0)
    assert (second.rows, second.precision) == (3, 1.0)
    assert [second.recall, second.f1] == pytest.approx([2 / 3, 0.8])


def test_the_confusion_matrix_has_true_labels_down_and_given_ones_across() -> None:
    assert score(sign_network(), ROWS, ("a", "b")).confusion == ((1, 1), (1, 1))
    rows = Part(x=ROWS.x, y=np.array([1, 1, 1, 0]))
    assert score(sign_network(), rows, ("a", "b")).confusion == ((1, 0), (1, 2))


def test_the_calibration_error_is_the_mean_gap_between_probability_and_accuracy() -> None:
    # sure to 3/4 of two rows and right in one; sure to 1/2 of two and right in one
    assert score(sign_network(), ROWS, ("a", "b")).calibration_error == pytest.approx(0.125)


def test_a_label_that_never_occurs_scores_nothing_instead_of_failing() -> None:
    rows = Part(x=ROWS.x[:2], y=np.array([1, 1]))
    first, _ = score(sign_network(), rows, ("a", "b")).labels
    assert (first.rows, first.precision, first.recall, first.f1) == (0, 0, 0, 0)
