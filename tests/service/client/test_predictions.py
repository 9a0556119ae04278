from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.client.description import read_description
from service.client.errors import AnswerError
from service.client.predictions import (
    Predictions,
    instances_model,
    of_inference,
    of_instances,
    read_timing,
)
from service.client.tensors import Inference
from tests.service.client.conftest import INSTANCES_ANSWER, MODEL, reply


def inferred(**tensors: list[list[float]]) -> Predictions:
    given = {
        "probabilities": [[0.25, 0.75], [0.875, 0.125]],
        "gate_mean": [[0.5, 1], [0, 0.25]],
        "unusual": [[0.125, 0.5, 0.25], [1, 1, 1]],
    }
    arrays = {name: np.array(rows, np.float32) for name, rows in (given | tensors).items()}
    answer = Inference(model_name="tiny", model_version="1", tensors=arrays)
    headers = {"Server-Timing": "infer;dur=2", "X-Request-Id": "abc"}
    return of_inference(answer, read_description(reply(MODEL)), reply({}, headers=headers))


def test_each_row_gets_the_label_of_its_largest_probability() -> None:
    found = inferred()
    assert found.labels == ("dog", "cat")
    assert len(found) == 2
    assert found.gates.tolist() == [[0.5, 1], [0, 0.25]]
    assert found.layers == ("highway 1", "highway 2")
    assert found.unusual.tolist() == [[0.125, 0.5, 0.25], [1, 1, 1]]
    assert found.gate_units is None


def test_a_frame_has_a_line_for_each_row_and_a_column_for_each_layer() -> None:
    frame = inferred().frame()
    assert frame.to_dict("list") == {
        "label": ["dog", "cat"],
        "probability": [0.75, 0.875],
        "unusual_gates": [0.125, 1],
        "unusual_confidence": [0.5, 1],
        "unusual_both": [0.25, 1],
        "highway 1": [0.5, 0],
        "highway 2": [1, 0.25],
    }
    assert frame["highway 1"].dtype == frame["unusual_both"].dtype == np.float32


def test_timing_and_request_id_come_from_the_headers() -> None:
    assert (inferred().timing_ms, inferred().request_id) == ({"infer": 2}, "abc")


def test_gate_units_are_split_by_the_layers_widths() -> None:
    units = inferred(gate_units=[[1, 2, 3], [4, 5, 6]]).gate_units
    assert units is not None
    assert [layer.tolist() for layer in units] == [[[1], [4]], [[2, 3], [5, 6]]]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("probabilities", "expected the output 'probabilities' of 2 columns, found none such"),
        ("gate_mean", "expected the output 'gate_mean' of 2 columns, found none such"),
        ("unusual", "expected the output 'unusual' of 3 columns, found none such"),
        ("gate_units", "the output 'gate_units' to have the layers' widths, found others"),
    ],
)
def test_tensors_that_do_not_fit_the_description_are_told(name: str, sentence: str) -> None:
    with pytest.raises(AnswerError, match=sentence):
        inferred(**{name: [[0.0] * 4] * 2})


DESCRIBED = read_description(reply(MODEL))


def test_an_answer_of_instances_gives_the_same() -> None:
    found = of_instances(reply(INSTANCES_ANSWER, headers={"X-Request-Id": "abc"}), DESCRIBED)
    assert (found.model_name, found.model_version) == ("tiny", "1")
    assert found.labels == ("dog",)
    assert found.probabilities.dtype == found.gates.dtype == found.unusual.dtype == np.float32
    assert (found.probabilities.tolist(), found.gates.tolist()) == ([[0.25, 0.75]], [[0.5, 1]])
    assert (found.unusual.tolist(), found.layers) == (
        [[0.125, 0.5, 0.25]],
        ("highway 1", "highway 2"),
    )
    assert (found.timing_ms, found.request_id) == ({}, "abc")


def test_an_answer_of_instances_names_its_model() -> None:
    assert instances_model(reply(INSTANCES_ANSWER)) == ("tiny", "1")


def test_a_model_without_highway_layers_has_rows_without_gates() -> None:
    row = INSTANCES_ANSWER["predictions"][0] | {"gate_mean": []}
    answer = reply(INSTANCES_ANSWER | {"predictions": [row, row]})
    found = of_instances(answer, replace(DESCRIBED, layers=()))
    assert found.gates.shape == (2, 0)
    assert found.frame().columns.tolist()[-1] == "unusual_both"


@pytest.mark.parametrize("change", [{"probabilities": [1]}, {"gate_mean": [1, 1, 1]}])
def test_rows_that_do_not_fit_the_description_are_told(change: dict[str, Any]) -> None:
    first = INSTANCES_ANSWER["predictions"][0]
    with pytest.raises(AnswerError) as caught:
        of_instances(reply(INSTANCES_ANSWER | {"predictions": [first, first | change]}), DESCRIBED)
    assert str(caught.value) == (
        "answer: expected 2 probabilities and 2 gates for every row, found rows with others"
    )


def test_something_else_in_the_answers_place_is_told() -> None:
    with pytest.raises(AnswerError, match="found predictions: Field required"):
        of_instances(reply({"model_name": "tiny", "model_version": "1"}), DESCRIBED)
    with pytest.raises(AnswerError, match="found model_version: Field required"):
        instances_model(reply({"model_name": "tiny"}))


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
