from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from highway_client.description import read_description
from highway_client.errors import ResponseError
from highway_client.predictions import (
    Predictions,
    from_instances,
    from_tensors,
    joined,
    read_model,
    read_timing,
)
from highway_client.tensors import InferResponse

from tests.client.conftest import MODEL, PREDICT_BODY, USUAL_GATES, response


def predictions(**tensors: list[list[float]]) -> Predictions:
    given = {
        "probabilities": [[0.25, 0.75], [0.875, 0.125]],
        "gate_mean": [[0.5, 1], [0, 0.25]],
        "typicality": [[0.125, 0.5, 0.25], [1, 1, 1]],
    }
    arrays = {name: np.array(rows, np.float32) for name, rows in (given | tensors).items()}
    inference = InferResponse(model_name="tiny", model_version="1", tensors=arrays)
    headers = {"Server-Timing": "infer;dur=2", "X-Request-Id": "abc"}
    return from_tensors(inference, read_description(response(MODEL)), response({}, headers=headers))


def test_each_row_gets_the_label_of_its_largest_probability() -> None:
    result = predictions()
    assert result.labels == ("dog", "cat")
    assert len(result) == 2
    assert result.gates.tolist() == [[0.5, 1], [0, 0.25]]
    assert result.layers == ("highway 1", "highway 2")
    assert result.typicality.tolist() == [[0.125, 0.5, 0.25], [1, 1, 1]]
    assert result.gate_units is None


def test_a_frame_has_a_row_for_each_row_and_a_column_for_each_layer() -> None:
    frame = predictions().frame()
    assert frame.to_dict("list") == {
        "label": ["dog", "cat"],
        "probability": [0.75, 0.875],
        "typicality_gates": [0.125, 1],
        "typicality_confidence": [0.5, 1],
        "typicality_combined": [0.25, 1],
        "highway 1": [0.5, 0],
        "highway 2": [1, 0.25],
    }
    assert frame["highway 1"].dtype == frame["typicality_combined"].dtype == np.float32


def test_timing_and_request_id_come_from_the_headers() -> None:
    assert (predictions().timing_ms, predictions().request_id) == ({"infer": 2}, "abc")


def test_gate_units_are_split_by_the_layers_widths() -> None:
    units = predictions(gate_units=[[1, 2, 3], [4, 5, 6]]).gate_units
    assert units is not None
    assert [layer.tolist() for layer in units] == [[[1], [4]], [[2, 3], [5, 6]]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("probabilities", "found no output 'probabilities' of 2 columns"),
        ("gate_mean", "found no output 'gate_mean' of 2 columns"),
        ("typicality", "found no output 'typicality' of 3 columns"),
        ("gate_units", "found an output 'gate_units' whose width is not that of the layers"),
    ],
)
def test_tensors_that_do_not_fit_the_description_are_an_error(name: str, reason: str) -> None:
    with pytest.raises(ResponseError, match=reason):
        predictions(**{name: [[0.0] * 4] * 2})


@pytest.mark.parametrize("rows", [[[0.5], [0.5]], [[0.5] * 3] * 2])
def test_a_layer_typicality_of_other_layers_is_an_error(rows: list[list[float]]) -> None:
    with pytest.raises(ResponseError, match="found no output 'layer_typicality' of 2 columns"):
        predictions(layer_typicality=rows)


DESCRIBED = read_description(response(MODEL))
WITH_USUAL = read_description(
    response(MODEL | {"properties": MODEL["properties"] | {"usual_gates": USUAL_GATES}})
)


def test_each_row_has_the_usual_ranges_of_its_label() -> None:
    cat = PREDICT_BODY["predictions"][0] | {"label": "cat"}
    result = from_instances(response(PREDICT_BODY | {"predictions": [cat]}), WITH_USUAL)
    assert result.usual_low is not None
    assert result.usual_high is not None
    assert (result.usual_low.tolist(), result.usual_high.tolist()) == (
        [[0.25, 0.5]],
        [[0.75, 0.875]],
    )
    assert result.frame()["highway 2 usual_high"].tolist() == [0.875]


def test_a_frame_has_the_typicality_of_each_layer_if_it_was_requested() -> None:
    frame = predictions(layer_typicality=[[0.5, 0.125], [1, 0.25]]).frame()
    assert frame["highway 2 typicality"].tolist() == [0.125, 0.25]
    assert "highway 1 usual_low" not in frame


def test_a_frame_has_the_index_of_the_rows() -> None:
    frame = replace(predictions(), index=pd.Index(["a", "b"], name="person")).frame()
    assert (frame.index.name, frame.index.tolist()) == ("person", ["a", "b"])


def test_the_predictions_of_several_requests_are_joined() -> None:
    first = predictions(gate_units=[[1, 2, 3], [4, 5, 6]], layer_typicality=[[1, 1], [0.5, 0.25]])
    second = replace(first, request_ids=("def",), timing_ms={"infer": 1, "queue": 4})
    result = joined([first, second])
    assert result.labels == ("dog", "cat", "dog", "cat")
    assert result.gates.tolist() == [[0.5, 1], [0, 0.25]] * 2
    assert len(result.probabilities) == len(result.typicality) == 4
    assert result.gate_units is not None
    assert result.gate_units[0].tolist() == [[1], [4], [1], [4]]
    assert result.layer_typicality is not None
    assert result.layer_typicality.tolist() == [[1, 1], [0.5, 0.25]] * 2
    assert (result.usual_low, result.usual_high) == (None, None)
    assert result.timing_ms == {"infer": 3, "queue": 4}
    assert (result.request_ids, result.request_id) == (("abc", "def"), "abc")


def test_the_predictions_of_one_request_are_joined_to_themselves() -> None:
    result = predictions()
    assert joined([result]) is result


def test_the_predictions_of_two_versions_are_an_error() -> None:
    with pytest.raises(ResponseError) as caught:
        joined([predictions(), replace(predictions(), model_version="2")])
    assert str(caught.value) == (
        "response: expected one of a highway-networks server, found the versions 1 and 2 of the "
        "model, which has changed between requests; call again"
    )


def test_a_native_response_may_have_the_typicality_of_each_layer() -> None:
    row = PREDICT_BODY["predictions"][0]
    rows = [row | {"layer_typicality": [0.5, 0.25]}, row | {"layer_typicality": [1, 1]}]
    result = from_instances(response(PREDICT_BODY | {"predictions": rows}), DESCRIBED)
    assert result.layer_typicality is not None
    assert result.layer_typicality.tolist() == [[0.5, 0.25], [1, 1]]
    rows[1] = row | {"layer_typicality": [1]}
    with pytest.raises(ResponseError, match="found rows without 2 values of 'layer_typicality'"):
        from_instances(response(PREDICT_BODY | {"predictions": rows}), DESCRIBED)


def test_a_native_response_gives_the_same() -> None:
    result = from_instances(response(PREDICT_BODY, headers={"X-Request-Id": "abc"}), DESCRIBED)
    assert (result.model_name, result.model_version) == ("tiny", "1")
    assert result.labels == ("dog",)
    assert result.probabilities.dtype == result.gates.dtype == result.typicality.dtype == np.float32
    assert (result.probabilities.tolist(), result.gates.tolist()) == ([[0.25, 0.75]], [[0.5, 1]])
    assert (result.typicality.tolist(), result.layers) == (
        [[0.125, 0.5, 0.25]],
        ("highway 1", "highway 2"),
    )
    assert (result.timing_ms, result.request_id) == ({}, "abc")


def test_a_native_response_names_its_model() -> None:
    assert read_model(response(PREDICT_BODY)) == ("tiny", "1")


def test_a_model_without_highway_layers_has_rows_without_gates() -> None:
    row = PREDICT_BODY["predictions"][0] | {"gate_mean": []}
    body = response(PREDICT_BODY | {"predictions": [row, row]})
    result = from_instances(body, replace(DESCRIBED, layers=()))
    assert result.gates.shape == (2, 0)
    assert result.frame().columns.tolist()[-1] == "typicality_combined"


@pytest.mark.parametrize("change", [{"probabilities": [1]}, {"gate_mean": [1, 1, 1]}])
def test_rows_that_do_not_fit_the_description_are_an_error(change: dict[str, Any]) -> None:
    first = PREDICT_BODY["predictions"][0]
    with pytest.raises(ResponseError) as caught:
        from_instances(response(PREDICT_BODY | {"predictions": [first, first | change]}), DESCRIBED)
    assert str(caught.value) == (
        "response: expected one of a highway-networks server, found rows without 2 probabilities "
        "and 2 gates"
    )


def test_a_malformed_response_is_an_error() -> None:
    with pytest.raises(ResponseError, match="found no predictions"):
        from_instances(response({"model_name": "tiny", "model_version": "1"}), DESCRIBED)
    with pytest.raises(ResponseError, match="found no model_version"):
        read_model(response({"model_name": "tiny"}))


@pytest.mark.parametrize(
    ("header", "timing"),
    [
        ("", {}),
        ("queue;dur=1.5, infer;dur=3", {"queue": 1.5, "infer": 3}),
        ('queue;desc="a, b;dur=9";dur=1,infer; dur = 3;desc=x', {"queue": 1, "infer": 3}),
        ("miss, infer;dur=3", {"infer": 3}),
        ("infer;dur=soon", {}),
    ],
)
def test_server_timing_is_read_as_milliseconds_by_name(
    header: str, timing: dict[str, float]
) -> None:
    assert read_timing(header) == timing
