from typing import Any

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import application

ENDPOINTS = {
    "/predict": "PredictRequest",
    "/v1/models/{name}:predict": "PredictRequest",
    "/v1/models/{name}/versions/{version}:predict": "PredictRequest",
    "/explain": "ExplainRequest",
    "/v1/models/{name}:explain": "ExplainRequest",
    "/v1/models/{name}/versions/{version}:explain": "ExplainRequest",
    "/v2/models/{name}/infer": "InferRequest",
    "/v2/models/{name}/versions/{version}/infer": "InferRequest",
}


@pytest.fixture
def document(classifier: Classifier) -> dict[str, Any]:
    app = application(classifier, predict_route="/invocations", health_route="/ping")
    document: dict[str, Any] = TestClient(app).get("/openapi.json").json()
    return document


@pytest.mark.parametrize("path", [*ENDPOINTS, "/invocations"])
def test_every_endpoint_is_described_with_all_its_statuses(
    document: dict[str, Any], path: str
) -> None:
    endpoint = document["paths"][path]["post"]
    assert set(endpoint["responses"]) == {
        *("200", "400", "404", "413", "415", "429", "500", "503", "504", "default")
    }
    schema = endpoint["requestBody"]["content"]["application/json"]["schema"]
    name = schema.get("title") or schema["$ref"].rpartition("/")[2]
    assert name == ENDPOINTS.get(path, "PredictRequest")
    for status, response in endpoint["responses"].items():
        name = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert (name == "ErrorResponse") is (status != "200")


@pytest.mark.parametrize("path", ["/v2/{}/infer", "/v1/{}:explain"])
def test_the_parameters_of_an_endpoint_are_those_of_its_path_and_its_headers(
    document: dict[str, Any], path: str
) -> None:
    endpoint = document["paths"][path.format("models/{name}/versions/{version}")]["post"]
    assert [(parameter["name"], parameter["in"]) for parameter in endpoint["parameters"]] == [
        *(("name", "path"), ("version", "path")),
        *(("X-Request-Id", "header"), ("X-Deadline-Ms", "header"), ("X-Tags", "header")),
    ]


def test_every_other_path_is_described_too(document: dict[str, Any]) -> None:
    assert set(document["paths"]) - set(ENDPOINTS) - {"/invocations"} == {
        *("/ping", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready"),
        *("/v1/models/{name}", "/v2/models", "/v2/models/{name}", "/v2/models/{name}/ready"),
        *("/v2/models/{name}/versions/{version}", "/v2/models/{name}/versions/{version}/ready"),
        *("/v2/models/stats", "/v2/models/{name}/stats"),
        *("/v2/models/{name}/versions/{version}/stats", "/v2/repository/index"),
        *("/v2/repository/models/{name}/load", "/v2/repository/models/{name}/unload"),
        *("/requests", "/requests/{id}", "/requests/{id}/predict", "/requests.parquet"),
        *("/requests/{id}/explain", "/requests/{id}/flag", "/ledger", "/drift"),
        *("/requests/{id}/what-if", "/what-if", "/v2/models/{name}/what-if"),
        "/v2/models/{name}/versions/{version}/what-if",
    }


def test_no_status_is_described_that_is_never_sent(document: dict[str, Any]) -> None:
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert not any("422" in operation["responses"] for operation in operations)
    for name in ("load", "unload"):
        change = document["paths"][f"/v2/repository/models/{{name}}/{name}"]["post"]
        assert set(change["responses"]) == {"200", "400", "404", "409", "413", "501", "default"}


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)


def test_every_reference_is_defined(client: TestClient) -> None:
    document = client.get("/openapi.json")
    schemas = document.json()["components"]["schemas"]
    references = document.text.split('"$ref":"#/components/schemas/')[1:]
    assert {part.split('"')[0] for part in references} <= set(schemas)


def test_an_explanation_is_described_completely(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert list(schemas["ExplainResponse"]["properties"]) == [
        *("model_name", "model_version", "prediction", "layers"),
        *("decisive_layers", "counterfactual", "inputs"),
    ]
    assert list(schemas["Prediction"]["properties"]) == [
        *("label", "probability", "probabilities", "gate_mean", "typicality"),
        *("usual", "layer_typicality"),
    ]
    assert list(schemas["Typicality"]["properties"]) == ["gates", "confidence", "combined"]
    assert list(schemas["ExplainedLayer"]["properties"]) == [
        *("name", "number", "gate_mean", "usual", "typicality", "closed", "gate_units"),
    ]
    assert list(schemas["ClosedLayer"]["properties"]) == [
        *("label", "probability", "probability_change"),
    ]
    assert list(schemas["Counterfactual"]["properties"]) == ["closed_layers", "label", "search"]
    for p_value in schemas["Typicality"]["properties"].values():
        assert (p_value["exclusiveMinimum"], p_value["maximum"]) == (0, 1)
