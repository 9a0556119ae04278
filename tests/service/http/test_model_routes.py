from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.transport import ROW, Send, client_for


@pytest.fixture
def two(classifier: Classifier) -> Iterator[TestClient]:
    other = Classifier(Recipe(metadata=replace(METADATA, name="other", version="7")).build())
    with TestClient(application(classifier, other)) as client:
        yield client


def test_the_list_of_models_is_by_name_and_begins_with_the_default(two: TestClient) -> None:
    assert two.get("/v2/models").json() == {
        "models": [
            {"name": "other", "version": "7", "ready": True},
            {"name": "tiny", "version": "1", "ready": True},
        ]
    }
    assert two.post("/predict", json={"instances": [[1, 0, 0, 0]]}).json()["model_name"] == "other"


def test_kserve_v1_reports_a_model_as_ready(send: Send) -> None:
    response = send("GET", "/v1/models/tiny")
    assert (response.status, response.json()) == (200, {"name": "tiny", "ready": True})


def test_kserve_v1_reports_a_stopped_model_as_not_ready(classifier: Classifier) -> None:
    response = TestClient(application(classifier)).get("/v1/models/tiny")
    assert (response.status_code, response.json()) == (503, {"name": "tiny", "ready": False})


def test_kserve_v1_rejects_an_unknown_name(send: Send) -> None:
    response = send("GET", "/v1/models/SECRET")
    assert (response.status, response.error) == (404, "model: expected 'tiny', found another name")


@pytest.mark.parametrize("path", ["/v1/models/tiny:predict", "/v1/models/tiny/versions/1:predict"])
def test_get_of_a_prediction_is_405(send: Send, path: str) -> None:
    response = send("GET", path)
    assert (response.status, response.headers["allow"]) == (405, "POST")
    assert response.error == "method: expected POST, found GET"


def test_the_additional_paths_of_a_platform_are_served(
    classifier: Classifier, transport: str
) -> None:
    app = application(classifier, predict_route="/invocations", health_route="/ping")
    with client_for(app, transport) as send:
        health = send("GET", "/ping")
        assert (health.status, health.json()) == (200, {"live": True, "ready": True})
        assert send("POST", "/invocations", ROW).body == send("POST", "/predict", ROW).body
        assert send("GET", "/invocations").headers["allow"] == "POST"


def test_the_additional_health_path_reports_a_stopped_server(classifier: Classifier) -> None:
    response = TestClient(application(classifier, health_route="/ping")).get("/ping")
    assert (response.status_code, response.json()) == (503, {"live": True, "ready": False})


def test_there_are_no_additional_paths_by_default(send: Send) -> None:
    assert send("GET", "/ping").status == 404
    assert send("POST", "/invocations", ROW).status == 404
