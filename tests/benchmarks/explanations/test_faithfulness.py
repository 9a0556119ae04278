import numpy as np
import pytest

from benchmarks.explanations.faithfulness import METHODS, Comparison, Parts, compared
from benchmarks.explanations.networks import Subject
from service.baselines import InputBaseline
from service.contract import Column, Input
from service.inference.usual_inputs import UsualInputs
from tests.benchmarks.explanations.conftest import Linear

COLUMNS = tuple(Column(name=name) for name in "abcdefghij")
WEIGHTS = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)


def table(*weights: float) -> Subject:
    size = len(weights)
    zeros = InputBaseline(usual=[0] * size, values=[[0]] * size, missing=[False] * size)
    return Subject(
        name="table",
        network=Linear(*weights).eval(),
        input=Input(kind="table", shape=(size,), unit="", columns=COLUMNS[:size]),
        usual=UsualInputs.of(zeros),
        rows=np.full((1, size), 0.1, np.float32),
    )


def image() -> Subject:
    return Subject(
        name="image",
        network=Linear(*[0.0] * 15, 1).eval(),
        input=Input(kind="image", shape=(4, 4), unit="pixel"),
        usual=UsualInputs.of(InputBaseline(usual=[0], values=[], missing=[])),
        rows=np.zeros((1, 16), np.float32),
    )


def test_both_methods_give_the_parts_of_a_linear_table_the_same_scores() -> None:
    parts = Parts(table(3, -1, 2), np.array([1, 1, 0.5], np.float32))
    assert parts.label == 0
    assert [place.tolist() for place in parts.places] == [[0], [1], [2]]
    assert parts.gradients == pytest.approx([3, -1, 1])
    # Occlusion has the log-odds with each column replaced, up to a constant: 0, 4 and 2.
    assert parts.occlusion == pytest.approx([0, -4, -2], abs=1e-5)


def test_parts_like_their_replacement_are_left_out() -> None:
    parts = Parts(table(3, -1, 2), np.array([1, 0, 1], np.float32))
    assert [place.tolist() for place in parts.places] == [[0], [2]]


def test_the_parts_of_an_image_are_its_patches() -> None:
    row = np.zeros(16, np.float32)
    row[[0, 15]] = 1
    parts = Parts(image(), row)
    assert [place.tolist() for place in parts.places] == [[0], [15]]
    assert parts.gradients == pytest.approx([0, 1])


def test_the_probability_falls_with_every_deleted_part() -> None:
    parts = Parts(table(*WEIGHTS), np.full(10, 0.1, np.float32))
    left = np.array([55, 45, 36, 21, 3]) / 10  # without the first 0, 1, 2, 4 and 8 columns
    assert parts.after_deletion(range(10)) == pytest.approx(1 / (1 + np.exp(-left)))


def test_the_methods_of_a_linear_table_agree() -> None:
    result = compared(table(*WEIGHTS), rows=1)
    assert result.correlations == pytest.approx([1])
    first, second, random = (result.probabilities[method] for method in METHODS)
    assert first == pytest.approx(second)
    assert random[0, -1] > first[0, -1]


def test_rows_of_few_parts_are_left_out() -> None:
    assert len(compared(table(3, -1, 2), rows=1).correlations) == 0


def test_the_rows_of_the_tables_have_means_and_quartiles() -> None:
    result = Comparison(
        name="a",
        correlations=np.array([0, 0.5, 1]),
        probabilities={"occlusion": np.array([[1, 0.5, 0.25, 0, 0], [1, 0.5, 0.75, 1, 0]])},
    )
    assert result.correlation_row() == {
        "network": "a",
        "rows": 3,
        "mean rank correlation": "0.50",
        "median": "0.50",
        "middle half": "0.25 to 0.75",
    }
    (row,) = result.deletion_rows()
    assert list(row.values()) == ["a", "occlusion", "1.000", "0.500", "0.500", "0.500", "0.000"]
