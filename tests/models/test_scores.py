import math

import numpy as np
import pytest
import torch

from models.data.dataset import Dataset, Part
from models.networks.blocks import DenseBlock
from models.networks.network import HighwayClassifier, NetworkConfig
from models.scores import Baseline, never_predicted, probabilities, score
from service.contract import Column, Input


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


def test_balanced_accuracy_is_the_mean_recall_of_the_labels_with_rows() -> None:
    # predicted b, b, a, a: recall of a is 1, of b 2/3, of c unknown
    scores = score(sign_network(), Part(x=ROWS.x, y=np.array([1, 1, 1, 0])), ("a", "b"))
    assert scores.balanced_accuracy == pytest.approx((1 + 2 / 3) / 2)
    one = score(sign_network(), Part(x=ROWS.x[:2], y=np.array([1, 1])), ("a", "b"))
    assert one.balanced_accuracy == 1


def test_macro_f1_is_the_mean_of_the_labels_that_occur_or_are_predicted() -> None:
    scores = score(sign_network(), Part(x=ROWS.x, y=np.array([1, 1, 1, 0])), ("a", "b"))
    assert scores.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    predicted = score(sign_network(), Part(x=ROWS.x[1:3], y=np.array([1, 1])), ("a", "b"))
    assert predicted.macro_f1 == pytest.approx((0 + 2 / 3) / 2)


def dataset(train: list[int]) -> Dataset:
    part = Part(x=np.zeros((len(train), 1), np.float32), y=np.array(train))
    row = Input(kind="table", shape=(1,), unit="", columns=(Column(name="x"),))
    return Dataset(name="t", input=row, labels=("a", "b"), train=part, validation=part, test=ROWS)


def test_the_baseline_predicts_the_label_of_most_training_rows() -> None:
    rows = Part(x=ROWS.x, y=np.array([1, 0, 0, 0]))
    assert Baseline.of(dataset([0, 1, 1]), rows) == Baseline(label="b", accuracy=0.25)


def test_the_baseline_is_beaten_by_an_interval_above_it() -> None:
    baseline = Baseline(label="a", accuracy=0.5)
    assert baseline.is_beaten_by((0.51, 0.6))
    assert not baseline.is_beaten_by((0.5, 0.9))


def test_labels_with_rows_that_no_part_predicts_are_found() -> None:
    rare = score(sign_network(), Part(x=ROWS.x[:2], y=np.array([1, 0])), ("a", "b"))
    assert never_predicted(rare) == ("a",)
    assert never_predicted(rare, score(sign_network(), ROWS, ("a", "b"))) == ()
    absent = score(sign_network(), Part(x=ROWS.x[:2], y=np.array([1, 1])), ("a", "b"))
    assert never_predicted(absent) == ()


def test_a_label_without_rows_has_scores_of_0() -> None:
    rows = Part(x=ROWS.x[:2], y=np.array([1, 1]))
    first, _ = score(sign_network(), rows, ("a", "b")).labels
    assert (first.rows, first.precision, first.recall, first.f1) == (0, 0, 0, 0)
