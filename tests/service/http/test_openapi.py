from typing import Any

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from tests.service.conftest import application

DOORS = {
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
    found: dict[str, Any] = TestClient(app).get("/openapi.json").json()
    return found


@pytest.mark.parametrize("path", [*DOORS, "/invocations"])
def test_every_door_is_described_with_all_its_statuses(document: dict[str, Any], path: str) -> None:
    door = document["paths"][path]["post"]
    assert set(door["responses"]) == {
        *("200", "400", "404", "413", "415", "429", "500", "503", "504")
    }
    request = door["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert request == f"#/components/schemas/{DOORS.get(path, 'PredictRequest')}"
    for status, response in door["responses"].items():
        answer = response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert (answer == "ErrorResponse") is (status != "200")


def test_a_doors_parameters_are_its_paths_and_its_headers(document: dict[str, Any]) -> None:
    door = document["paths"]["/v2/models/{name}/versions/{version}/infer"]["post"]
    assert [(parameter["name"], parameter["in"]) for parameter in door["parameters"]] == [
        *(("name", "path"), ("version", "path")),
        *(("X-Request-Id", "header"), ("X-Deadline-Ms", "header"), ("X-Tags", "header")),
    ]


def test_every_other_path_is_described_too(document: dict[str, Any]) -> None:
    assert set(document["paths"]) - set(DOORS) - {"/invocations"} == {
        *("/ping", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready"),
        *("/v1/models/{name}", "/v2/models", "/v2/models/{name}", "/v2/models/{name}/ready"),
        *("/v2/models/{name}/versions/{version}", "/v2/models/{name}/versions/{version}/ready"),
        *("/v2/models/stats", "/v2/models/{name}/stats"),
        *("/v2/models/{name}/versions/{version}/stats", "/v2/repository/index"),
        *("/v2/repository/models/{name}/load", "/v2/repository/models/{name}/unload"),
        *("/requests", "/requests/{id}", "/requests/{id}/predict", "/requests.parquet"),
        *("/requests/{id}/explain", "/ledger", "/drift"),
    }


def test_no_status_is_promised_that_never_comes(document: dict[str, Any]) -> None:
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert not any("422" in operation["responses"] for operation in operations)
    for name in ("load", "unload"):
        change = document["paths"][f"/v2/repository/models/{{name}}/{name}"]["post"]
        assert set(change["responses"]) == {"404", "501"}


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names)


def test_every_reference_leads_somewhere(client: TestClient) -> None:
    document = client.get("/openapi.json")
    schemas = document.json()["components"]["schemas"]
    found = document.text.split('"$ref":"#/components/schemas/')[1:]
    assert {part.split('"')[0] for part in found} <= set(schemas)


def test_the_description_is_made_once(client: TestClient) -> None:
    assert client.get("/openapi.json").content == client.get("/openapi.json").content


def test_a_row_may_be_an_object_or_a_list_of_values_or_nested_lines_of_pixels(
    document: dict[str, Any],
) -> None:
    values = {"anyOf": [{"type": kind} for kind in ("number", "string", "boolean", "null")]}
    line = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
    request = document["components"]["schemas"]["PredictRequest"]
    assert request["properties"]["instances"]["items"]["anyOf"] == [
        {"type": "object", "additionalProperties": values},
        {"type": "array", "items": values},
        line,
        {"type": "array", "items": line},
    ]


def test_gates_may_be_scaled_by_place_or_by_name_for_all_rows_or_for_each(
    document: dict[str, Any],
) -> None:
    factor = {"type": "number", "minimum": 0, "maximum": 10}
    scale = [
        {"type": "array", "items": factor},
        {"type": "object", "additionalProperties": factor},
    ]
    asked = document["components"]["schemas"]["PredictRequest"]["properties"]["gate_scale"]
    assert asked["anyOf"] == [
        *scale,
        {"type": "array", "items": {"anyOf": scale}},
        {"type": "null"},
    ]
    assert "gate_scale" not in document["components"]["schemas"]["PredictRequest"]["required"]


def test_an_explanation_is_described_to_its_last_member(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert list(schemas["ExplainResponse"]["properties"]) == [
        *("model_name", "model_version", "prediction", "layers", "hangs_on", "smallest_set"),
    ]
    assert list(schemas["Prediction"]["properties"]) == [
        *("label", "probability", "probabilities", "gate_mean", "unusual"),
    ]
    assert list(schemas["Unusual"]["properties"]) == ["gates", "confidence", "both"]
    assert list(schemas["ExplainedLayer"]["properties"]) == [
        *("name", "number", "gate_mean", "closed", "gate_units"),
    ]
    for share in schemas["Unusual"]["properties"].values():
        assert (share["exclusiveMinimum"], share["maximum"]) == (0, 1)
