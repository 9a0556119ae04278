from typing import Any

from starlette.testclient import TestClient


def test_predict_is_described_with_its_errors(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    predict: dict[str, Any] = document["paths"]["/predict"]["post"]
    assert set(predict["responses"]) == {"200", "400", "413", "415"}
    request = predict["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert request == "#/components/schemas/PredictRequest"


def test_a_row_may_be_an_object_or_a_list_of_values_or_nested_lines_of_pixels(
    client: TestClient,
) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    values = {"anyOf": [{"type": kind} for kind in ("number", "string", "boolean", "null")]}
    line = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
    assert schemas["PredictRequest"]["properties"]["instances"]["items"]["anyOf"] == [
        {"type": "object", "additionalProperties": values},
        {"type": "array", "items": values},
        line,
        {"type": "array", "items": line},
    ]


def test_every_reference_leads_somewhere(client: TestClient) -> None:
    document = client.get("/openapi.json")
    schemas = document.json()["components"]["schemas"]
    for part in document.text.split('"$ref":"#/components/schemas/')[1:]:
        assert part.split('"')[0] in schemas


def test_an_answer_has_the_members_that_the_description_promises(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    answer = client.post("/predict", json={"instances": [[1, 2, 3, 4]]}).json()
    assert set(answer) == set(schemas["PredictResponse"]["properties"])
    assert set(answer["predictions"][0]) == set(schemas["Prediction"]["properties"])
