from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service import __version__
from service.classifier import Classifier
from service.http.protocol_context import PROTOCOL_CONTEXT
from tests.service.conftest import application

ROW = {"instances": [[1, 0, 0, 0]]}


@pytest.fixture
def app(classifier: Classifier) -> FastAPI:
    return application(classifier, max_body_bytes=2000, max_rows=5)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def test_models_are_ready_from_the_start_of_the_application_to_its_end(app: FastAPI) -> None:
    client = TestClient(app)
    assert client.get("/v2/health/ready").status_code == 503
    with client:
        assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2/health/ready").status_code == 503


def test_the_application_passes_its_context_to_the_protocol(client: TestClient) -> None:
    context = client.app_state[PROTOCOL_CONTEXT]
    assert context.max_body_bytes == 2000
    assert b"/v2/models/tiny/infer" in context.routes.exact


def test_settings_reach_the_endpoints(client: TestClient) -> None:
    six = client.post("/predict", json={"instances": ROW["instances"] * 6})
    assert six.json() == {
        "error": "instances: expected at most 5 rows, found 6; send them in parts"
    }
    long = client.post("/predict", json={**ROW, "more": "x" * 2000})
    assert long.status_code == 413


def test_the_openapi_document_has_the_title_and_the_version(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["info"]["title"] == "highway-networks"
    assert document["info"]["version"] == __version__
    assert "/predict" in document["paths"]


def test_no_page_loads_scripts_from_elsewhere(client: TestClient) -> None:
    assert client.get("/redoc").status_code == 404
    assert "//" not in client.get("/docs").text  # only its own files


def test_a_path_with_a_trailing_slash_is_not_redirected(client: TestClient) -> None:
    assert client.post("/predict/", json=ROW, follow_redirects=False).status_code == 404


def test_two_applications_in_one_process_have_separate_counts(content: bytes) -> None:
    with (
        TestClient(application(Classifier(content))) as one,
        TestClient(application(Classifier(content))) as other,
    ):
        one.post("/predict", json=ROW)
        counts = [c.get("/v2/models/stats").json()["model_stats"][0] for c in (one, other)]
        assert [count["inference_count"] for count in counts] == [1, 0]
