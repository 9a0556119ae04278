from typing import Any

import numpy as np
import pytest
from highway_client.errors import ResponseError
from highway_client.explanations import Counterfactual, Explanation, read_explanation
from highway_client.input_effects import ColumnEffects

from tests.client.conftest import COLUMN_EFFECTS, EXPLAIN_BODY, response


def test_the_effects_of_closing_each_layer_are_arrays() -> None:
    explanation = read_explanation(response(EXPLAIN_BODY, headers={"X-Request-Id": "abc"}))
    assert (explanation.model_name, explanation.model_version, explanation.request_id) == (
        "tiny",
        "1",
        "abc",
    )
    assert (explanation.label, explanation.probability) == ("dog", 0.75)
    assert explanation.probabilities.tolist() == [0.25, 0.75]
    assert explanation.typicality.tolist() == [0.125, 0.5, 0.25]
    assert explanation.layers == ("highway 1", "highway 2")
    assert explanation.gates.tolist() == [0.5, 1]
    assert explanation.closed_labels == ("cat", "dog")
    assert explanation.closed_probabilities.tolist() == [0.25, 0.875]
    assert explanation.probability_changes.tolist() == [-0.5, 0.125]
    assert (
        explanation.probability_changes.dtype
        == explanation.gates.dtype
        == explanation.typicality.dtype
        == np.float32
    )
    assert explanation.decisive_layers == ("highway 1",)
    assert explanation.counterfactual == Counterfactual(closed_layers=("highway 1",), label="cat")
    assert explanation.gate_units is None


def test_gate_units_are_read_if_they_were_requested() -> None:
    first, second = EXPLAIN_BODY["layers"]
    layers = [first | {"gate_units": [0.5]}, second | {"gate_units": [1, 0]}]
    units = read_explanation(response(EXPLAIN_BODY | {"layers": layers})).gate_units
    assert units is not None
    assert [layer.tolist() for layer in units] == [[0.5], [1, 0]]


def test_a_label_that_no_closed_layers_change_has_no_counterfactual() -> None:
    explanation = read_explanation(
        response(EXPLAIN_BODY | {"counterfactual": None, "decisive_layers": []})
    )
    assert (explanation.counterfactual, explanation.decisive_layers) == (None, ())


def test_a_frame_has_a_row_for_each_layer() -> None:
    frame = read_explanation(response(EXPLAIN_BODY)).frame()
    assert frame.index.name == "layer"
    assert frame.loc["highway 1"].to_dict() == {
        "gate": 0.5,
        "closed_label": "cat",
        "closed_probability": 0.25,
        "probability_change": -0.5,
    }
    assert frame.index.tolist() == ["highway 1", "highway 2"]


def with_layers(*members: dict[str, Any]) -> Explanation:
    layers = zip(EXPLAIN_BODY["layers"], members, strict=True)
    return read_explanation(
        response(EXPLAIN_BODY | {"layers": [layer | more for layer, more in layers]})
    )


def test_each_layer_has_its_usual_range_and_typicality() -> None:
    explanation = with_layers(
        {"usual": {"low": 0.25, "high": 0.75}, "typicality": 0.5},
        {"usual": {"low": 0.5, "high": 0.875}, "typicality": 0.125},
    )
    frame = explanation.frame()
    assert frame.loc["highway 2", "usual_low":"typicality"].tolist() == [0.5, 0.875, 0.125]
    assert frame.columns.tolist() == [
        "gate",
        "usual_low",
        "usual_high",
        "typicality",
        "closed_label",
        "closed_probability",
        "probability_change",
    ]


def test_a_label_of_no_held_out_row_has_no_usual_range() -> None:
    explanation = with_layers({"usual": None}, {"usual": None})
    assert (explanation.usual_low, explanation.usual_high) == (None, None)
    assert explanation.layer_typicality is None


def test_the_effects_of_the_inputs_are_read_if_they_were_requested() -> None:
    explanation = read_explanation(response(EXPLAIN_BODY | {"inputs": COLUMN_EFFECTS}))
    assert isinstance(explanation.inputs, ColumnEffects)
    assert explanation.inputs.decisive_columns == ("age",)
    assert read_explanation(response(EXPLAIN_BODY)).inputs is None


@pytest.mark.parametrize(
    ("change", "actual"),
    [
        ({"layers": [{}]}, r"no layers\[0\]\.closed"),
        ({"decisive_layers": 1}, "decisive_layers that is not a list"),
    ],
)
def test_a_malformed_response_is_an_error(change: dict[str, Any], actual: str) -> None:
    with pytest.raises(ResponseError, match=f"found {actual}"):
        read_explanation(response(EXPLAIN_BODY | change))
