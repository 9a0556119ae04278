import json
from typing import Any

import numpy as np
import pytest

from service.client.conversation import Conversation, Options
from service.client.errors import ArgumentError
from service.client.exchange import Reply, Request
from tests.service.client.conftest import INSTANCES_ANSWER, MODEL, played, reply

ROW = np.array([[1, 0.5]])
LISTED = reply({"models": [{"name": "tiny"}]})
DESCRIBED = reply(MODEL)


def talk(**given: Any) -> Conversation:
    usual = {"model": None, "version": None, "binary": False, "deadline_ms": None}
    return Conversation(Options(**{**usual, "timeout_seconds": 30, "retries": 3, **given}))


def inferred(version: str = "1") -> Reply:
    outputs = [
        {"name": name, "datatype": "FP32", "shape": [1, 2], "data": data}
        for name, data in (("probabilities", [0.25, 0.75]), ("gate_mean", [0.5, 1]))
    ]
    return reply({"model_name": "tiny", "model_version": version, "outputs": outputs})


def asked(conversation: Conversation, *replies: Reply, **more: Any) -> list[Request]:
    steps = conversation.predict(ROW, **{"gate_scale": None, "gate_units": False, **more})
    tries, found = played(steps, *replies)
    assert found.labels == ("dog",)
    return [t.request for t in tries]


def test_a_first_call_asks_for_the_default_model_and_what_it_is() -> None:
    list_models, infer, describe = asked(talk(), LISTED, inferred(), DESCRIBED)
    assert (list_models.method, list_models.path) == ("GET", "/v2/models")
    assert (infer.method, infer.path) == ("POST", "/v2/models/tiny/infer")
    assert (describe.method, describe.path) == ("GET", "/v2/models/tiny/versions/1")


def test_a_second_call_asks_only_once() -> None:
    conversation = talk()
    asked(conversation, LISTED, inferred(), DESCRIBED)
    assert len(asked(conversation, inferred())) == 1


def test_a_version_that_the_server_loaded_since_is_asked_about() -> None:
    conversation = talk(model="tiny")
    asked(conversation, inferred(), DESCRIBED)
    _, describe = asked(conversation, inferred("2"), DESCRIBED)
    assert describe.path == "/v2/models/tiny/versions/2"


def test_a_named_model_and_version_stand_in_the_path() -> None:
    infer, _ = asked(talk(model="a/b", version="2"), inferred("2"), DESCRIBED)
    assert infer.path == "/v2/models/a%2Fb/versions/2/infer"


def test_a_deadline_is_told_to_the_server() -> None:
    infer, describe = asked(talk(model="tiny", deadline_ms=250), inferred(), DESCRIBED)
    assert infer.headers["X-Deadline-Ms"] == "250"
    assert "X-Deadline-Ms" not in describe.headers


def test_an_image_is_sent_flat_and_every_gate_asked_for_only_at_wish() -> None:
    images = np.array([[[1, 2], [3, 4]]], np.uint8)
    steps = talk(model="tiny").predict(images, gate_scale=None, gate_units=True)
    body = json.loads(next(steps).request.content)
    assert body["inputs"][0]["shape"] == [1, 4]
    assert body["inputs"][0]["data"] == [1, 2, 3, 4]
    names = [output["name"] for output in body["outputs"]]
    assert names == ["probabilities", "gate_mean", "gate_units"]


@pytest.mark.parametrize("scale", [[0, 1], [[0, 1]], np.array([0, 1], np.int8)])
def test_gate_scale_is_a_second_input(scale: Any) -> None:
    infer, _ = asked(talk(model="tiny"), inferred(), DESCRIBED, gate_scale=scale)
    assert json.loads(infer.content)["inputs"][1] == {
        "name": "gate_scale",
        "datatype": "FP32",
        "shape": [1, 2],
        "data": [0, 1],
    }


def instances_request(rows: Any, **given: Any) -> Request:
    steps = talk(**given).predict(rows, gate_scale=None, gate_units=False)
    tries, found = played(steps, reply(INSTANCES_ANSWER))
    assert found.labels == ("dog",)
    return tries[0].request


def test_rows_by_column_name_are_sent_as_json() -> None:
    rows = [{"age": np.int64(41), "job": "nurse"}, {"age": float("nan"), "job": None}]
    request = instances_request(rows, deadline_ms=5)
    assert request.path == "/predict"
    assert request.headers == {"Content-Type": "application/json", "X-Deadline-Ms": "5"}
    assert json.loads(request.content) == {
        "instances": [{"age": 41, "job": "nurse"}, {"age": None, "job": None}]
    }


def test_rows_by_column_name_find_a_named_model() -> None:
    assert instances_request([{}], model="a b").path == "/v1/models/a%20b:predict"
    named = instances_request([{}], model="a", version="2")
    assert named.path == "/v1/models/a/versions/2:predict"


def test_a_model_says_what_it_is() -> None:
    tries, found = played(talk().model(), LISTED, DESCRIBED)
    assert tries[1].request.path == "/v2/models/tiny"
    assert found.labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("rows", "more", "sentence"),
    [
        (np.array(["a"]), {}, "rows: expected an array of numbers, found one of <U1"),
        (np.array([[True]]), {}, "rows: expected an array of numbers, found one of bool"),
        (np.zeros(4), {}, "rows: expected (rows, features) or (rows, height, width[, 3]), found "
         "(4,); write a single row as row[np.newaxis]"),
        (np.zeros((0, 4)), {}, "rows: expected (rows, features) or (rows, height, width[, 3]), "
         "found (0, 4); write a single row as row[np.newaxis]"),
        (np.zeros((2, 4)), {"gate_scale": np.ones((3, 1))}, "gate_scale: expected (layers,), (1, "
         "layers) or (2, layers), found (3, 1)"),
        ([{}], {"gate_scale": [1]}, "rows: expected a numpy array beside gate_scale or gate_units, "
         "found list; give the rows as numbers"),
        ([{}], {"gate_units": True}, "rows: expected a numpy array beside gate_scale or "
         "gate_units, found list; give the rows as numbers"),
        ([{1, 2}], {}, "rows: expected what JSON can hold, found Type is not JSON serializable: "
         "set"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_sent_are_told_before_anything_is(
    rows: Any, more: dict[str, Any], sentence: str
) -> None:
    steps = talk().predict(rows, **{"gate_scale": None, "gate_units": False, **more})
    with pytest.raises(ArgumentError) as caught:
        next(steps)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"version": "1"}, "version: expected a model beside it, found none; name the model"),
        ({"timeout_seconds": 0}, "timeout_seconds: expected a number above 0, found 0"),
        (
            {"timeout_seconds": float("nan")},
            "timeout_seconds: expected a number above 0, found nan",
        ),
        ({"retries": -1}, "retries: expected 0 or more, found -1"),
        ({"deadline_ms": 0}, "deadline_ms: expected 1 or more, found 0"),
    ],
)
def test_options_that_cannot_hold_are_told(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        talk(**given)
    assert str(caught.value) == sentence
