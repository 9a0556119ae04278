from typing import Any

import numpy as np
import pytest

from service.client.errors import AnswerError
from service.client.explanations import SmallestSet, read_explanation
from tests.service.client.conftest import EXPLAIN_ANSWER, reply


def test_what_closing_each_layer_changes_comes_as_arrays() -> None:
    found = read_explanation(reply(EXPLAIN_ANSWER, headers={"X-Request-Id": "abc"}))
    assert (found.model_name, found.model_version, found.request_id) == ("tiny", "1", "abc")
    assert (found.label, found.probability) == ("dog", 0.75)
    assert found.probabilities.tolist() == [0.25, 0.75]
    assert found.unusual.tolist() == [0.125, 0.5, 0.25]
    assert found.layers == ("highway 1", "highway 2")
    assert found.gates.tolist() == [0.5, 1]
    assert found.closed_labels == ("cat", "dog")
    assert found.closed_probabilities.tolist() == [0.25, 0.875]
    assert found.changes.tolist() == [-0.5, 0.125]
    assert found.changes.dtype == found.gates.dtype == found.unusual.dtype == np.float32
    assert found.hangs_on == ("highway 1",)
    assert found.smallest_set == SmallestSet(layers=("highway 1",), label="cat")
    assert found.gate_units is None


def test_gates_one_by_one_come_where_they_were_asked_for() -> None:
    first, second = EXPLAIN_ANSWER["layers"]
    layers = [first | {"gate_units": [0.5]}, second | {"gate_units": [1, 0]}]
    units = read_explanation(reply(EXPLAIN_ANSWER | {"layers": layers})).gate_units
    assert units is not None
    assert [layer.tolist() for layer in units] == [[0.5], [1, 0]]


def test_a_label_that_nothing_changes_has_no_smallest_set() -> None:
    found = read_explanation(reply(EXPLAIN_ANSWER | {"smallest_set": None, "hangs_on": []}))
    assert (found.smallest_set, found.hangs_on) == (None, ())


def test_a_frame_has_a_line_for_each_layer() -> None:
    frame = read_explanation(reply(EXPLAIN_ANSWER)).frame()
    assert frame.index.name == "layer"
    assert frame.loc["highway 1"].to_dict() == {
        "gate": 0.5,
        "closed_label": "cat",
        "closed_probability": 0.25,
        "change": -0.5,
    }
    assert frame.index.tolist() == ["highway 1", "highway 2"]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"layers": [{}]}, "layers.0.name: Field required"),
        ({"hangs_on": 1}, "hangs_on: Input should be"),
    ],
)
def test_something_else_in_the_answers_place_is_told(change: dict[str, Any], found: str) -> None:
    with pytest.raises(AnswerError, match=f"found {found}"):
        read_explanation(reply(EXPLAIN_ANSWER | change))
