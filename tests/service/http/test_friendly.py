from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import METADATA, Recipe, application
from tests.service.http.talk import ROW, Ask, way_to


@pytest.fixture
def two(classifier: Classifier) -> Iterator[TestClient]:
    other = Classifier(Recipe(metadata=replace(METADATA, name="other", version="7")).build())
    with TestClient(application(classifier, other)) as client:
        yield client


def test_the_list_of_models_begins_with_the_one_that_predict_asks(two: TestClient) -> None:
    assert two.get("/v2/models").json() == {
        "models": [
            {"name": "tiny", "version": "1", "ready": True},
            {"name": "other", "version": "7", "ready": True},
        ]
    }
    assert two.post("/predict", json={"instances": [[1, 0, 0, 0]]}).json()["model_name"] == "tiny"


def test_kserve_v1_is_told_that_a_model_answers(ask: Ask) -> None:
    answer = ask("GET", "/v1/models/tiny")
    assert (answer.status, answer.json()) == (200, {"name": "tiny", "ready": True})


def test_kserve_v1_is_told_that_a_model_does_not_answer(classifier: Classifier) -> None:
    answer = TestClient(application(classifier)).get("/v1/models/tiny")
    assert (answer.status_code, answer.json()) == (503, {"name": "tiny", "ready": False})


def test_kserve_v1_does_not_know_another_name(ask: Ask) -> None:
    answer = ask("GET", "/v1/models/SECRET")
    assert (answer.status, answer.error) == (404, "model: expected 'tiny', found another name")


@pytest.mark.parametrize("path", ["/v1/models/tiny:predict", "/v1/models/tiny/versions/1:predict"])
def test_a_prediction_is_not_to_be_had_by_get(ask: Ask, path: str) -> None:
    answer = ask("GET", path)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.error == "method: expected POST, found GET"


def test_a_platform_finds_the_paths_that_it_asks_for(classifier: Classifier, way: str) -> None:
    app = application(classifier, predict_route="/invocations", health_route="/ping")
    with way_to(app, way) as ask:
        health = ask("GET", "/ping")
        assert (health.status, health.json()) == (200, {"live": True, "ready": True})
        assert ask("POST", "/invocations", ROW).body == ask("POST", "/predict", ROW).body
        assert ask("GET", "/invocations").headers["allow"] == "POST"


def test_a_platform_is_told_that_the_server_is_not_ready(classifier: Classifier) -> None:
    answer = TestClient(application(classifier, health_route="/ping")).get("/ping")
    assert (answer.status_code, answer.json()) == (503, {"live": True, "ready": False})


def test_a_platforms_paths_are_not_there_unless_it_asks(ask: Ask) -> None:
    assert ask("GET", "/ping").status == 404
    assert ask("POST", "/invocations", ROW).status == 404
