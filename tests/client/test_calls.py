import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from highway_client.attempts import Request, Response
from highway_client.calls import Calls, Filters, Wanted, rows_per_request
from highway_client.errors import ArgumentError, ResponseError
from highway_client.options import Options

from tests.client.conftest import (
    EXPLAIN_BODY,
    MODEL,
    PREDICT_BODY,
    response,
    run_steps,
)
from tests.client.test_records import ROW as RECORDED

ROW = np.array([[1, 0.5]])
LISTED = response({"models": [{"name": "tiny"}]})
DESCRIBED = response(MODEL)


def calls(**given: Any) -> Calls:
    usual = {"model": None, "version": None, "binary": False, "deadline_ms": None}
    rest = {"timeout_seconds": 30, "retries": 3, "tags": ()}
    return Calls(Options(**{**usual, **rest, **given}))


def infer_response(version: str = "1", rows: int = 1) -> Response:
    outputs = [
        {"name": name, "datatype": "FP32", "shape": [rows, len(data)], "data": data * rows}
        for name, data in (
            ("probabilities", [0.25, 0.75]),
            ("gate_mean", [0.5, 1]),
            ("typicality", [0.125, 0.5, 0.25]),
        )
    ]
    return response({"model_name": "tiny", "model_version": version, "outputs": outputs})


def predicted(client_calls: Calls, *responses: Response, **more: Any) -> list[Request]:
    steps = client_calls.predict(ROW, Wanted(**more))
    attempts, result = run_steps(steps, *responses)
    assert result.labels == ("dog",)
    return [attempt.request for attempt in attempts]


def test_a_first_call_requests_the_default_model_and_its_description() -> None:
    list_models, infer, describe = predicted(calls(), LISTED, infer_response(), DESCRIBED)
    assert (list_models.method, list_models.path) == ("GET", "/v2/models")
    assert (infer.method, infer.path) == ("POST", "/v2/models/tiny/infer")
    assert (describe.method, describe.path) == ("GET", "/v2/models/tiny/versions/1")


def test_a_second_call_sends_one_request() -> None:
    client_calls = calls()
    predicted(client_calls, LISTED, infer_response(), DESCRIBED)
    assert len(predicted(client_calls, infer_response())) == 1


def test_a_version_that_the_server_loaded_since_is_described() -> None:
    client_calls = calls(model="tiny")
    predicted(client_calls, infer_response(), DESCRIBED)
    _, describe = predicted(client_calls, infer_response("2"), DESCRIBED)
    assert describe.path == "/v2/models/tiny/versions/2"


def test_the_path_has_the_model_and_the_version() -> None:
    infer, _ = predicted(calls(model="a/b", version="2"), infer_response("2"), DESCRIBED)
    assert infer.path == "/v2/models/a%2Fb/versions/2/infer"


def test_a_deadline_is_a_header() -> None:
    infer, describe = predicted(calls(model="tiny", deadline_ms=250), infer_response(), DESCRIBED)
    assert infer.headers["X-Deadline-Ms"] == "250"
    assert "X-Deadline-Ms" not in describe.headers


def test_tags_are_sent_with_the_rows_only() -> None:
    client_calls = calls(model="tiny", tags=["week=7"])
    infer, describe = predicted(client_calls, infer_response(), DESCRIBED, tags=["scan", "a/b"])
    assert infer.headers["X-Tags"] == "week=7, scan, a/b"
    assert "X-Tags" not in describe.headers


def test_an_image_is_sent_flat_and_gate_units_are_requested_on_demand() -> None:
    images = np.array([[[1, 2], [3, 4]]], np.uint8)
    steps = calls(model="tiny").predict(images, Wanted(gate_units=True))
    body = json.loads(next(steps).request.content)
    assert body["inputs"][0]["shape"] == [1, 4]
    assert body["inputs"][0]["data"] == [1, 2, 3, 4]
    names = [output["name"] for output in body["outputs"]]
    assert names == ["probabilities", "gate_mean", "typicality", "gate_units"]


@pytest.mark.parametrize("scale", [[0, 1], [[0, 1]], np.array([0, 1], np.int8)])
def test_gate_scale_is_a_second_input(scale: Any) -> None:
    infer, _ = predicted(calls(model="tiny"), infer_response(), DESCRIBED, gate_scale=scale)
    assert json.loads(infer.content)["inputs"][1] == {
        "name": "gate_scale",
        "datatype": "FP32",
        "shape": [1, 2],
        "data": [0, 1],
    }


def test_gate_scale_by_name_requests_the_description_first() -> None:
    responses = (DESCRIBED, infer_response(), DESCRIBED)
    _, infer, _ = predicted(calls(model="tiny"), *responses, gate_scale={"highway 2": 0.5})
    assert json.loads(infer.content)["inputs"][1]["data"] == [1, 0.5]


def test_the_typicality_of_layers_is_requested_on_demand() -> None:
    steps = calls(model="tiny").predict(ROW, Wanted(layer_typicality=True))
    outputs = json.loads(next(steps).request.content)["outputs"]
    assert outputs[-1] == {"name": "layer_typicality"}
    steps = calls(model="tiny").predict([[1, 0.5]], Wanted(layer_typicality=True))
    assert json.loads(next(steps).request.content) == {"instances": [[1, 0.5]], "usual": True}


def test_large_arrays_are_sent_in_several_requests() -> None:
    rows = np.zeros((1026, 2))
    rows[1024] = 7
    scale = np.zeros((1026, 2))
    scale[1024] = 3
    steps = calls(model="tiny", binary=False).predict(rows, Wanted(gate_scale=scale))
    first, second = infer_response(rows=1024), infer_response(rows=2)
    attempts, result = run_steps(steps, first, DESCRIBED, second)
    bodies = [json.loads(attempts[index].request.content)["inputs"] for index in (0, 2)]
    assert [body[0]["shape"] for body in bodies] == [[1024, 2], [2, 2]]
    assert bodies[1][0]["data"] == [7, 7, 0, 0]
    assert bodies[1][1]["data"] == [3, 3, 0, 0]
    assert len(result) == 1026


def test_requests_fit_the_default_limit_of_a_body() -> None:
    assert rows_per_request(784) == 1024
    assert rows_per_request(3072) * 3072 * 4 < 4 * 2**20
    assert rows_per_request(3072, binary=False) == 42
    assert rows_per_request(10**7) == 1


PEOPLE_MODEL = {
    "labels": '["cat", "dog"]',
    "input": json.dumps(
        {
            "kind": "table",
            "shape": [2],
            "unit": "value",
            "columns": [
                {"name": "age", "categories": []},
                {"name": "job", "categories": ["nurse", "pilot"]},
            ],
        }
    ),
}
OF_PEOPLE = response(MODEL | {"properties": MODEL["properties"] | PEOPLE_MODEL})
OTHER_JOBS = {"input": PEOPLE_MODEL["input"].replace('"nurse", ', "")}
OF_OTHER_JOBS = response(MODEL | {"properties": MODEL["properties"] | OTHER_JOBS})
FRAME = pd.DataFrame({"job": ["pilot"], "age": [41]}, index=["ann"])


def test_a_data_frame_is_sent_as_the_models_numbers() -> None:
    steps = calls(model="tiny").predict(FRAME, Wanted(gate_units=False))
    attempts, result = run_steps(steps, OF_PEOPLE, infer_response(), OF_PEOPLE)
    assert json.loads(attempts[1].request.content)["inputs"][0]["data"] == [41, 1]
    assert result.frame().index.tolist() == ["ann"]


def test_a_data_frame_is_encoded_again_for_a_version_that_was_loaded_since() -> None:
    steps = calls(model="tiny").predict(FRAME, Wanted())
    described, of_other = OF_PEOPLE, OF_OTHER_JOBS
    again = infer_response("2")
    attempts, result = run_steps(steps, described, infer_response("2"), of_other, again)
    sent = [json.loads(attempts[index].request.content)["inputs"][0]["data"] for index in (1, 3)]
    assert sent == [[41, 1], [41, 0]]
    assert result.model_version == "2"


def test_a_series_is_no_data_frame() -> None:
    with pytest.raises(ArgumentError) as caught:
        next(calls().predict(FRAME["age"], Wanted()))
    assert str(caught.value) == (
        "rows: expected a data frame, found a series; use `to_frame().T` for one row"
    )


@pytest.mark.parametrize("row", [FRAME.iloc[0], FRAME])
def test_a_row_of_a_data_frame_is_explained_by_column_name(row: Any) -> None:
    steps = calls(model="tiny").explain(row, gate_units=False, inputs=True)
    attempts, result = run_steps(steps, OF_PEOPLE, response(EXPLAIN_BODY))
    assert json.loads(attempts[1].request.content) == {
        "instance": {"age": 41, "job": "pilot"},
        "gate_units": False,
        "inputs": True,
    }
    assert result.label == "dog"


def test_a_data_frame_row_of_an_image_is_explained_as_numbers() -> None:
    steps = calls(model="tiny").explain(pd.DataFrame([[1, 0.5]]), gate_units=False, inputs=False)
    attempts, _ = run_steps(steps, DESCRIBED, response(EXPLAIN_BODY))
    assert json.loads(attempts[1].request.content) == {"instance": [1, 0.5], "gate_units": False}


def test_several_rows_cannot_be_explained() -> None:
    steps = calls(model="tiny").explain(pd.concat([FRAME, FRAME]), gate_units=False, inputs=False)
    next(steps)
    with pytest.raises(ArgumentError) as caught:
        steps.send(OF_PEOPLE)
    assert str(caught.value) == (
        "row: expected one row, found a data frame of 2; select one, such as frame.iloc[0]"
    )


def native_request(rows: Any, gate_scale: Any = None, **given: Any) -> Request:
    steps = calls(**given).predict(rows, Wanted(gate_scale=gate_scale))
    attempts, result = run_steps(steps, response(PREDICT_BODY), DESCRIBED)
    assert result.labels == ("dog",)
    assert result.layers == ("highway 1", "highway 2")
    assert attempts[1].request.path == "/v2/models/tiny/versions/1"
    return attempts[0].request


def test_rows_by_column_name_are_sent_as_json() -> None:
    rows = [{"age": np.int64(41), "job": "nurse"}, {"age": float("nan"), "job": None}]
    request = native_request(rows, deadline_ms=5)
    assert request.path == "/predict"
    assert request.headers == {"Content-Type": "application/json", "X-Deadline-Ms": "5"}
    assert json.loads(request.content) == {
        "instances": [{"age": 41, "job": "nurse"}, {"age": None, "job": None}]
    }


def test_rows_by_column_name_are_sent_to_the_named_model() -> None:
    assert native_request([{}], model="a b").path == "/v1/models/a%20b:predict"
    named = native_request([{}], model="a", version="2")
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
def test_gate_scale_is_a_member_beside_rows_by_column_name(scale: Any, member: Any) -> None:
    request = native_request([{"age": 1}, {"age": 2}], scale)
    assert json.loads(request.content)["gate_scale"] == member


def test_the_description_is_requested_once() -> None:
    client_calls = calls()
    run_steps(client_calls.predict([{}], Wanted()), response(PREDICT_BODY), DESCRIBED)
    attempts, _ = run_steps(client_calls.predict([{}], Wanted()), response(PREDICT_BODY))
    assert len(attempts) == 1


def test_an_explanation_is_requested_for_one_row() -> None:
    rows: list[Any] = [np.array([[9, 1], [9, 2]], np.uint8)[:, 1], [1, 2]]
    for row in rows:
        client_calls = calls(model="tiny", deadline_ms=5)
        steps = client_calls.explain(row, gate_units=True, inputs=False)
        attempts, result = run_steps(steps, response(EXPLAIN_BODY))
        assert attempts[0].request.path == "/v1/models/tiny:explain"
        assert attempts[0].request.headers["X-Deadline-Ms"] == "5"
        assert json.loads(attempts[0].request.content) == {"instance": [1, 2], "gate_units": True}
        assert result.decisive_layers == ("highway 1",)


def test_a_model_is_described() -> None:
    attempts, result = run_steps(calls().model(), LISTED, DESCRIBED)
    assert attempts[1].request.path == "/v2/models/tiny"
    assert result.labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("rows", "more", "reason"),
    [
        (np.array(["a"]), {}, "rows: expected an array of numbers, found one of <U1"),
        (np.array([[True]]), {}, "rows: expected an array of numbers, found one of bool"),
        (np.zeros(4), {}, "rows: expected (rows, features) or (rows, height, width[, 3]), found "
         "(4,); write a single row as row[np.newaxis]"),
        (np.zeros((0, 4)), {}, "rows: expected (rows, features) or (rows, height, width[, 3]), "
         "found (0, 4); write a single row as row[np.newaxis]"),
        (np.zeros((2, 4)), {"gate_scale": np.ones((3, 1))}, "gate_scale: expected (layers,), (1, "
         "layers) or (2, layers), found (3, 1)"),
        ([{}], {"gate_units": True}, "rows: gate_units requires an array or a data frame, found "
         "list; give the rows as numbers"),
        ([[float("inf")]], {}, "instances[0][0]: expected a finite number or NaN, found inf"),
        (np.array([[0, -np.inf]]), {}, "rows[0][1]: expected a number within float32's range or "
         "NaN, found -inf"),
        (np.array([[0], [1e39]]), {}, "rows[1][0]: expected a number within float32's range or "
         "NaN, found 1e+39"),
        ([{1, 2}], {}, "instances[0]: expected numbers, strings, booleans, dates, lists or "
         "mappings, found the type set"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_sent_are_an_error_before_any_request(
    rows: Any, more: dict[str, Any], reason: str
) -> None:
    steps = calls().predict(rows, Wanted(**more))
    with pytest.raises(ArgumentError) as caught:
        next(steps)
    assert str(caught.value) == reason


def test_filters_become_a_query() -> None:
    since = datetime(2026, 1, 31, 12, tzinfo=UTC)
    filters = Filters(since=since, until="2026-02-01", label="a&b", tag=None, typicality_below=1e-3)
    assert next(calls().requests(filters)).request.path == (
        "/requests.parquet?since=2026-01-31T12%3A00%3A00%2B00%3A00&until=2026-02-01&label=a%26b"
        "&typicality_below=0.001"
    )


def test_without_filters_there_is_no_query() -> None:
    assert next(calls().requests(Filters())).request.path == "/requests.parquet"
    with_tag = Filters(tag="a")
    assert next(calls().requests(with_tag)).request.path == "/requests.parquet?tag=a"


def test_a_response_that_is_not_a_table_is_an_error() -> None:
    with pytest.raises(ResponseError, match="found a body that is not a Parquet file"):
        run_steps(calls().requests(Filters()), response({}))


def test_a_recorded_request_is_found_by_its_id() -> None:
    attempts, result = run_steps(calls().request("a/b 1"), response({"rows": [RECORDED, RECORDED]}))
    assert (attempts[0].request.method, attempts[0].request.path) == ("GET", "/requests/a%2Fb%201")
    assert len(result) == 2


@pytest.mark.parametrize("scale", [[0, 1], [[0, 1]], {"highway 1": 0}])
def test_a_recorded_row_is_predicted_again(scale: Any) -> None:
    steps = calls(deadline_ms=5).predict_again("a-1", row=3, time=None, gate_scale=scale)
    attempts, result = run_steps(steps, response(PREDICT_BODY), response(MODEL))
    request = attempts[0].request
    assert (request.method, request.path) == ("POST", "/requests/a-1/predict")
    assert request.headers == {"Content-Type": "application/json", "X-Deadline-Ms": "5"}
    member = scale if isinstance(scale, dict) else [0, 1]
    assert json.loads(request.content) == {"row": 3, "gate_scale": member}
    assert result.layers == ("highway 1", "highway 2")


def test_a_recorded_row_is_explained_again() -> None:
    steps = calls().explain_again("a-1", row=0, time=None, gate_units=True, inputs=False)
    attempts, result = run_steps(steps, response(EXPLAIN_BODY))
    assert attempts[0].request.path == "/requests/a-1/explain"
    assert json.loads(attempts[0].request.content) == {"row": 0, "gate_units": True}
    assert result.label == "dog"


def test_a_tag_is_removed_from_a_recorded_row() -> None:
    steps = calls().unflag("a/1", row=2, time=None, tag="wrong")
    attempts, tags = run_steps(steps, response({"id": "a/1", "row": 2, "tags": []}))
    assert (attempts[0].request.method, tags) == ("DELETE", ())
    assert attempts[0].request.path == "/requests/a%2F1/flag?row=2&tag=wrong"


def test_a_recorded_row_is_flagged() -> None:
    time = datetime(2026, 1, 31, 12, tzinfo=UTC)
    steps = calls().flag("a-1", row=2, time=time, tag="wrong")
    attempts, tags = run_steps(steps, response({"id": "a-1", "row": 2, "tags": ["x", "wrong"]}))
    assert attempts[0].request.path == "/requests/a-1/flag"
    assert json.loads(attempts[0].request.content) == {
        "row": 2,
        "time": "2026-01-31T12:00:00+00:00",
        "tag": "wrong",
    }
    assert tags == ("x", "wrong")


def test_drift_is_returned_unchanged() -> None:
    attempts, result = run_steps(calls().drift(), response({"models": []}))
    assert (attempts[0].request.method, attempts[0].request.path) == ("GET", "/drift")
    assert result == {"models": []}


@pytest.mark.parametrize("content", [b"[]", b"{"])
def test_drift_that_cannot_be_read_is_an_error(content: bytes) -> None:
    with pytest.raises(ResponseError) as caught:
        run_steps(calls().drift(), response(content))
    assert str(caught.value).startswith(
        "response: expected one of a highway-networks server, found a body that is not "
    )
