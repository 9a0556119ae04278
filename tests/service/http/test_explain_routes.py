import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.contract import Column
from service.http.schemas.inference import ExplainResponse
from tests.service.conftest import (
    METADATA,
    TABLE,
    Recipe,
    application,
    take_missing_values,
)
from tests.service.http.transport import (
    BlockingClassifier,
    Connection,
    listening,
    request,
)

PATHS = ("/explain", "/v1/models/tiny:explain", "/v1/models/tiny/versions/1:explain")

# The tiny model's logits are the row's first three values, each plus half the sum of the scales;
# so closing layers lowers all alike and never changes the label.
BODY = {"instance": [1, 0, 0, 2]}


@pytest.mark.parametrize("path", PATHS)
def test_an_explanation_has_the_prediction_and_one_with_each_layer_closed(
    client: TestClient, path: str
) -> None:
    response = client.post(path, json=BODY)
    assert response.status_code == 200
    explanation = ExplainResponse.model_validate_json(response.content)
    predicted = client.post("/predict", json={"instances": [[1, 0, 0, 2]]}).json()
    assert explanation.prediction.model_dump(exclude_unset=True) == predicted["predictions"][0]
    assert [(layer.name, layer.number) for layer in explanation.layers] == [
        ("highway 1", 1),
        ("highway 2", 2),
    ]
    for layer, openness in zip(explanation.layers, explanation.prediction.gate_mean, strict=True):
        assert layer.gate_mean == openness
        assert layer.closed.label == "a"
        assert layer.closed.probability_change == pytest.approx(
            layer.closed.probability - explanation.prediction.probability, abs=1e-6
        )
        assert layer.gate_units is None
    assert explanation.decisive_layers == []
    assert explanation.counterfactual is None


def test_gate_units_are_included_on_request(client: TestClient) -> None:
    layers = client.post("/explain", json={**BODY, "gate_units": True}).json()["layers"]
    expected = [[1 / (1 + np.exp(-1.0)), 0.5], [0.5, 1 / (1 + np.exp(-2.0))]]
    assert np.allclose([layer["gate_units"] for layer in layers], expected, atol=1e-6)


def test_a_request_keeps_its_id_and_its_deadline_is_checked(client: TestClient) -> None:
    response = client.post("/explain", json=BODY, headers={"X-Request-Id": "mine"})
    assert response.headers["x-request-id"] == "mine"
    late = client.post("/explain", json=BODY, headers={"X-Deadline-Ms": "soon"})
    assert late.status_code == 400
    assert late.json() == {"error": "X-Deadline-Ms: expected a positive integer of milliseconds"}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "error"),
    [
        (
            "/v1/models/huge:explain",
            b"{}",
            {"content-type": "application/json"},
            404,
            "model: expected 'tiny', found another name",
        ),
        (
            "/v1/models/tiny/versions/7:explain",
            b"{}",
            {"content-type": "application/json"},
            404,
            "version: expected '1' of 'tiny', found another",
        ),
        (
            "/explain",
            b"{}",
            {"content-type": "application/json"},
            400,
            "body: the member 'instance' is missing",
        ),
        (
            "/explain",
            b'{"instance": [1, 0, 0, NaN]}',
            {"content-type": "application/json"},
            400,
            "body: invalid JSON; numbers must fit 64 bits, and NaN and Infinity are not allowed",
        ),
        (
            "/explain",
            b"{}",
            {"content-type": "text/plain"},
            415,
            "Content-Type: expected application/json, found another type",
        ),
        (
            "/explain",
            b"{}",
            {"content-type": "application/json", "content-encoding": "gzip"},
            415,
            "Content-Encoding is not supported; send the body uncompressed",
        ),
        (
            "/explain",
            b" " * 2001,
            {"content-type": "application/json"},
            413,
            "body: expected at most 2000 bytes, found more; send the rows in several requests",
        ),
        (
            "/explain",
            b'{"instance": [3e38, 3e38, 0, 0]}',
            {"content-type": "application/json"},
            200,
            None,
        ),
    ],
)
def test_an_invalid_request_is_rejected_with_one_sentence(
    client: TestClient,
    path: str,
    body: bytes,
    headers: dict[str, str],
    status: int,
    error: str | None,
) -> None:
    response = client.post(path, content=body, headers=headers)
    assert response.status_code == status
    if error is not None:
        assert response.json() == {"error": error}


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_405(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 405
    assert response.json() == {"error": "method: expected POST, found GET"}


def test_an_explanation_larger_than_the_queue_is_429(
    classifier: Classifier,
) -> None:
    app = application(classifier, max_rows=2, max_queue_rows=2)
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.post("/explain", json=BODY)
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"


# What the label depends on in the row. The logits are the row's first three values: a table's age,
# and the indices of its job and of its membership.

IMAGE_INPUTS = {"usual": [0.0], "values": [], "missing": []}
TABLE_INPUTS = {
    "usual": [0.0, 1.0, 1.0, 900.0],
    "values": [[0.0, 1.0, 2.0], [0.0, 1.0], [0.0, 1.0], [900.0]],
    "missing": [False, False, False, True],
}
ROW = [3, "pilot", False, 900]


@pytest.fixture
def image_client() -> Iterator[TestClient]:
    metadata = replace(METADATA, gate_baseline={"inputs": IMAGE_INPUTS})
    with TestClient(application(Classifier(Recipe(metadata=metadata).build()))) as client:
        yield client


def table_of(inputs: dict[str, Any]) -> Classifier:
    metadata = replace(TABLE, gate_baseline={"inputs": inputs})
    return Classifier(Recipe(metadata=metadata, change=take_missing_values).build())


@pytest.fixture
def columns_client() -> Iterator[TestClient]:
    with TestClient(application(table_of(TABLE_INPUTS))) as client:
        yield client


def inputs_of(client: TestClient, row: Any, path: str = "/explain") -> dict[str, Any]:
    response = client.post(path, json={"instance": row, "inputs": True})
    assert response.status_code == 200
    parsed = ExplainResponse.model_validate_json(response.content, strict=True)
    assert parsed.model_dump(exclude_unset=True, mode="json") == response.json()
    inputs: dict[str, Any] = response.json()["inputs"]
    return inputs


@pytest.mark.parametrize("path", PATHS)
def test_each_patch_of_an_image_is_replaced_by_the_usual_pixel(
    image_client: TestClient, path: str
) -> None:
    inputs = inputs_of(image_client, [[1, 0], [0.5, 0]], path)
    changes = inputs.pop("probability_change")
    assert inputs == {
        "kind": "patches",
        "method": "occlusion",
        "complete": True,
        "patch": [1, 1],
        "tops": [0, 1],
        "lefts": [0, 1],
        "replaced_by": [0.0],
        "label": [["c", "a"], ["a", "a"]],
    }
    e = np.exp([1, 0, 0.5])
    unchanged = e[0] / e.sum()
    first, third = 1 / (2 + e[2]) - unchanged, e[0] / (e[0] + 2) - unchanged
    assert np.allclose(changes, [[first, 0], [third, 0]], atol=1e-6)


def test_each_column_of_a_table_is_replaced_by_missing_or_its_usual_value(
    columns_client: TestClient,
) -> None:
    inputs = inputs_of(columns_client, ROW)
    assert (inputs["kind"], inputs["method"], inputs["complete"]) == ("columns", "occlusion", True)
    shown = [(each["name"], each["value"], each["replaced_by"]) for each in inputs["columns"]]
    assert shown == [
        ("age", 3, 0),
        ("job", "pilot", "teacher"),
        ("member", "false", "true"),
        ("income", 900, None),
    ]
    assert [each["label"] for each in inputs["columns"]] == ["b", "a", "a", "a"]
    assert inputs["decisive_columns"] == ["age"]
    age, *_, income = inputs["columns"]
    e = np.exp([3, 2, 0])
    lost = 1 / (np.exp([0, 2, 0]).sum())
    assert age["probability"] == pytest.approx(lost, abs=1e-6)
    assert age["probability_change"] == pytest.approx(lost - e[0] / e.sum(), abs=1e-6)
    assert income["probability_change"] == pytest.approx(0, abs=1e-6)


def test_a_smallest_change_of_few_columns_that_changes_the_label_is_found(
    columns_client: TestClient,
) -> None:
    # From 3 to 0, the label changes below 2; the usual ages are integers.
    assert inputs_of(columns_client, ROW)["counterfactual"] == {
        "changes": [{"name": "age", "value": 3, "changed_to": 1}],
        "label": "b",
        "search": "greedy",
    }


def test_columns_without_another_usual_value_change_nothing() -> None:
    values = [[3.0], [2.0], [0.0], [900.0]]
    constant = {"usual": [3.0, 2.0, 0.0, 900.0], "values": values, "missing": [False] * 4}
    with TestClient(application(table_of(constant))) as client:
        inputs = inputs_of(client, ROW)
    assert [each["replaced_by"] for each in inputs["columns"]] == [3, "pilot", "false", 900]
    assert [each["probability_change"] for each in inputs["columns"]] == [0, 0, 0, 0]
    assert (inputs["decisive_columns"], inputs["counterfactual"]) == ([], None)


@pytest.mark.parametrize("member", [{}, {"inputs": False}, {"inputs": None}])
def test_without_the_flag_there_is_no_member_for_the_inputs(
    image_client: TestClient, member: dict[str, Any]
) -> None:
    response = image_client.post("/explain", json={**BODY, **member})
    assert "inputs" not in response.json()


def test_a_model_without_usual_inputs_cannot_explain_them(client: TestClient) -> None:
    response = client.post("/explain", json={**BODY, "inputs": True})
    assert response.status_code == 400
    assert response.json() == {
        "error": "inputs: model 'tiny' was exported without the usual values of its inputs; export "
        "it again with `highway export`"
    }


def test_changed_rows_are_counted_but_not_monitored_for_drift(image_client: TestClient) -> None:
    inputs_of(image_client, [9, 0, 0, 0])  # a prediction of it is atypical
    statistics = image_client.get("/v2/models/tiny/stats").json()["model_stats"][0]
    assert statistics["inference_count"] > 4  # more than with layers closed
    metrics = image_client.get("/metrics").text
    assert 'highway_atypical_rows_total{model="tiny",version="1"} 0.0' in metrics


def test_no_batch_is_larger_than_the_models(columns_client: TestClient) -> None:
    with TestClient(application(table_of(TABLE_INPUTS), max_batch_rows=2)) as client:
        assert inputs_of(client, ROW) == inputs_of(columns_client, ROW)
        statistics = client.get("/v2/models/tiny/stats").json()["model_stats"][0]
    assert (
        max(batch["batch_size"] for batch in statistics["batch_stats"]) <= 3
    )  # with layers closed


def test_a_usual_date_out_of_range_is_refused_like_one_in_a_request() -> None:
    columns = tuple(Column(name=name, date="iso") for name in "abcd")
    usual = {"usual": [1e30] * 4, "values": [[]] * 4, "missing": [False] * 4}
    metadata = replace(
        TABLE, input=replace(TABLE.input, columns=columns), gate_baseline={"inputs": usual}
    )
    classifier = Classifier(Recipe(metadata=metadata, change=take_missing_values).build())
    with TestClient(application(classifier), raise_server_exceptions=False) as client:
        response = client.post("/explain", json={"instance": [0, 1, 2, 3], "inputs": True})
    assert response.status_code == 400
    assert response.json()["error"].startswith("row 0, column 'a': expected a date in the years")


def test_the_explanation_of_a_client_that_resets_its_connection_ends(
    blocking: BlockingClassifier,
) -> None:
    with listening(application(blocking)) as port, Connection(port) as staying:
        blocking.block()
        with Connection(port) as leaving:
            leaving.send(request(path="/explain", body=json.dumps(BODY).encode()))
            assert blocking.running.wait(5)
            leaving.reset()
        for _ in range(3):  # by then the server has noticed
            assert staying.send(request("GET", "/metrics", b"", {})).receive().status == 200
        blocking.released.set()
        assert staying.send(request()).receive().status == 200
    # Not closing both layers at once, which would follow closing each of them.
    assert blocking.rows == 3 + 1
