import json
from typing import Any

import numpy as np
import pytest

from service.client.conversation import Conversation
from service.client.errors import ArgumentError
from service.client.exchange import Reply, Request
from service.client.options import Options
from tests.service.client.conftest import (
    EXPLAIN_ANSWER,
    INSTANCES_ANSWER,
    MODEL,
    played,
    reply,
)

ROW = np.array([[1, 0.5]])
LISTED = reply({"models": [{"name": "tiny"}]})
DESCRIBED = reply(MODEL)
NOTHING_MORE: dict[str, Any] = {"gate_scale": None, "gate_units": False, "tags": ()}


def talk(**given: Any) -> Conversation:
    usual = {"model": None, "version": None, "binary": False, "deadline_ms": None}
    rest = {"timeout_seconds": 30, "retries": 3, "tags": ()}
    return Conversation(Options(**{**usual, **rest, **given}))


def inferred(version: str = "1") -> Reply:
    outputs = [
        {"name": name, "datatype": "FP32", "shape": [1, len(data)], "data": data}
        for name, data in (
            ("probabilities", [0.25, 0.75]),
            ("gate_mean", [0.5, 1]),
            ("unusual", [0.125, 0.5, 0.25]),
        )
    ]
    return reply({"model_name": "tiny", "model_version": version, "outputs": outputs})


def asked(conversation: Conversation, *replies: Reply, **more: Any) -> list[Request]:
    steps = conversation.predict(ROW, **{**NOTHING_MORE, **more})
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


def test_tags_are_told_with_the_rows_alone() -> None:
    conversation = talk(model="tiny", tags=["week=7"])
    infer, describe = asked(conversation, inferred(), DESCRIBED, tags=["scan", "a/b"])
    assert infer.headers["X-Tags"] == "week=7, scan, a/b"
    assert "X-Tags" not in describe.headers


def test_an_image_is_sent_flat_and_every_gate_asked_for_only_at_wish() -> None:
    images = np.array([[[1, 2], [3, 4]]], np.uint8)
    steps = talk(model="tiny").predict(images, **{**NOTHING_MORE, "gate_units": True})
    body = json.loads(next(steps).request.content)
    assert body["inputs"][0]["shape"] == [1, 4]
    assert body["inputs"][0]["data"] == [1, 2, 3, 4]
    names = [output["name"] for output in body["outputs"]]
    assert names == ["probabilities", "gate_mean", "unusual", "gate_units"]


@pytest.mark.parametrize("scale", [[0, 1], [[0, 1]], np.array([0, 1], np.int8)])
def test_gate_scale_is_a_second_input(scale: Any) -> None:
    infer, _ = asked(talk(model="tiny"), inferred(), DESCRIBED, gate_scale=scale)
    assert json.loads(infer.content)["inputs"][1] == {
        "name": "gate_scale",
        "datatype": "FP32",
        "shape": [1, 2],
        "data": [0, 1],
    }


def test_gate_scale_by_name_asks_first_what_the_layers_are_called() -> None:
    replies = (DESCRIBED, inferred(), DESCRIBED)
    _, infer, _ = asked(talk(model="tiny"), *replies, gate_scale={"highway 2": 0.5})
    assert json.loads(infer.content)["inputs"][1]["data"] == [1, 0.5]


def instances_request(rows: Any, gate_scale: Any = None, **given: Any) -> Request:
    steps = talk(**given).predict(rows, **{**NOTHING_MORE, "gate_scale": gate_scale})
    tries, found = played(steps, reply(INSTANCES_ANSWER), DESCRIBED)
    assert found.labels == ("dog",)
    assert found.layers == ("highway 1", "highway 2")
    assert tries[1].request.path == "/v2/models/tiny/versions/1"
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


@pytest.mark.parametrize(
    ("scale", "member"),
    [
        ([0, 1], [0, 1]),
        ([[0, 1]], [0, 1]),
        ([[0, 1], [1, 0.5]], [[0, 1], [1, 0.5]]),
        ({"highway 1": 0}, {"highway 1": 0}),
        ([{"highway 1": 0}, {}], [{"highway 1": 0}, {}]),
    ],
)
def test_gate_scale_goes_as_a_member_beside_rows_by_column_name(scale: Any, member: Any) -> None:
    request = instances_request([{"age": 1}, {"age": 2}], scale)
    assert json.loads(request.content)["gate_scale"] == member


def test_the_layers_names_are_asked_for_once() -> None:
    conversation = talk()
    played(conversation.predict([{}], **NOTHING_MORE), reply(INSTANCES_ANSWER), DESCRIBED)
    tries, _ = played(conversation.predict([{}], **NOTHING_MORE), reply(INSTANCES_ANSWER))
    assert len(tries) == 1


def test_an_explanation_is_asked_of_one_row() -> None:
    rows: list[Any] = [np.array([[9, 1], [9, 2]], np.uint8)[:, 1], [1, 2]]
    for row in rows:
        conversation = talk(model="tiny", deadline_ms=5)
        steps = conversation.explain(row, gate_units=True)
        tries, found = played(steps, reply(EXPLAIN_ANSWER))
        assert tries[0].request.path == "/v1/models/tiny:explain"
        assert tries[0].request.headers["X-Deadline-Ms"] == "5"
        assert json.loads(tries[0].request.content) == {"instance": [1, 2], "gate_units": True}
        assert found.hangs_on == ("highway 1",)


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
        ([{}], {"gate_units": True}, "rows: expected a numpy array beside gate_units, found list; "
         "give the rows as numbers"),
        ([{1, 2}], {}, "rows: expected what JSON can hold, found Type is not JSON serializable: "
         "set"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_sent_are_told_before_anything_is(
    rows: Any, more: dict[str, Any], sentence: str
) -> None:
    steps = talk().predict(rows, **{**NOTHING_MORE, **more})
    with pytest.raises(ArgumentError) as caught:
        next(steps)
    assert str(caught.value) == sentence
