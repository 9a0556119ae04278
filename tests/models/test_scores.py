import math

import numpy as np
import pytest
import torch

from models.data.dataset import Part
from models.networks.blocks import DenseBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.scores import probabilities, score


def sign_network() -> HighwayClassifier:
    """Predicts label 1 with probability 3/4 for x > 0, else both labels with 1/2."""
    network = HighwayClassifier(NetworkConfig(shape=(1,), classes=2, blocks=(DenseBlock(width=1),)))
    layer = network.blocks[0]
    layer.linear.weight.data = torch.tensor([[1.0]])  # type: ignore[union-attr]
    network.output.weight.data = torch.tensor([[0.0], [math.log(3)]])
    return network


# predicted: b (3/4), b (3/4), a (1/2), a (1/2)
ROWS = Part(x=np.array([[1], [1], [-1], [-1]], np.float32), y=np.array([1, 0, 0, 1]))


def test_probabilities_are_the_softmax_of_every_row() -> None:
    assert probabilities(sign_network(), ROWS)[[0, 2]].tolist() == [
        pytest.approx([0.25, 0.75]),
        pytest.approx([0.5, 0.5]),
    ]


def test_scores_by_label_match_a_hand_calculation() -> None:
    rows = Part(x=ROWS.x, y=np.array([1, 1, 1, 0]))
    first, second = score(sign_network(), rows, ("a", "b")).labels
    assert (first.label, first.rows, first.precision, first.recall) == ("a", 1, 0.5, 1.0)
    assert (second.rows, second.precision) == (3, 1.0)
    assert [second.recall, second.f1] == pytest.approx([2 / 3, 0.8])


def test_the_confusion_matrix_has_true_labels_in_rows_and_predicted_ones_in_columns() -> None:
    assert score(sign_network(), ROWS, ("a", "b")).confusion == ((1, 1), (1, 1))
    rows = Part(x=ROWS.x, y=np.array([1, 1, 1, 0]))
    assert score(sign_network(), rows, ("a", "b")).confusion == ((1, 0), (1, 2))


def test_the_calibration_error_is_the_mean_difference_of_probability_and_accuracy() -> None:
    # Probability 3/4 for two rows, one correct; probability 1/2 for two rows, one correct.
    assert score(sign_network(), ROWS, ("a", "b")).calibration_error == pytest.approx(0.125)


def test_a_label_without_rows_has_scores_of_0() -> None:
    rows = Part(x=ROWS.x[:2], y=np.array([1, 1]))
    first, _ = score(sign_network(), rows, ("a", "b")).labels
    assert (first.rows, first.precision, first.recall, first.f1) == (0, 0, 0, 0)
