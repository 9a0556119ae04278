import numpy as np
import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.http.schemas.inference import ExplainResponse
from tests.service.conftest import application

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
    assert explanation.prediction.model_dump() == predicted["predictions"][0]
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
