import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.classifier import Classifier
from service.contract import Column
from service.http import model_schemas
from service.http.model_schemas import LARGEST, example_row, row_schema, scale_schema
from tests.service.conftest import METADATA, TABLE, Recipe, application, take_missing_values

FACTOR = {"type": "number", "minimum": 0, "maximum": 10}
PIXEL = {"type": "number", "minimum": -LARGEST, "maximum": LARGEST}


def sized(items: dict[str, Any], size: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": size, "maxItems": size}


def document_of(*classifiers: Classifier, **settings: Any) -> dict[str, Any]:
    client = TestClient(application(*classifiers, **settings))
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


@pytest.fixture
def document(classifier: Classifier) -> dict[str, Any]:
    return document_of(classifier, max_rows=5)


def properties(document: dict[str, Any], schema: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][schema]["properties"]
    return found


def test_an_image_is_a_flat_or_nested_list_of_its_size() -> None:
    assert row_schema(METADATA.input) == {
        "anyOf": [sized(PIXEL, 4), sized(sized(PIXEL, 2), 2)],
    }


def test_a_table_row_is_an_object_or_a_list_of_its_columns() -> None:
    number = {"type": ["number", "null"], "minimum": -LARGEST, "maximum": LARGEST}
    job = {"enum": ["nurse", "teacher", "pilot", None]}
    member = {"enum": ["false", "true", False, True, None]}
    by_name, in_order = row_schema(TABLE.input)["anyOf"]
    assert by_name == {
        "type": "object",
        "properties": {"age": number, "job": job, "member": member, "income": number},
        "required": ["age", "job", "member", "income"],
        "additionalProperties": False,
    }
    assert in_order == {
        "type": "array",
        "prefixItems": [number, job, member, number],
        "minItems": 4,
        "maxItems": 4,
    }


def test_a_gate_scale_has_a_factor_for_each_layer_in_order_or_by_name() -> None:
    by_name = {"highway 1": FACTOR, "highway 2": FACTOR}
    assert scale_schema(METADATA)["anyOf"] == [
        sized(FACTOR, 2),
        {"type": "object", "properties": by_name, "additionalProperties": False},
    ]


def test_a_request_has_at_most_the_rows_that_the_server_accepts(document: dict[str, Any]) -> None:
    request = properties(document, "PredictRequest")
    assert (request["instances"]["minItems"], request["instances"]["maxItems"]) == (1, 5)
    assert request["instances"]["items"] == row_schema(METADATA.input)
    *one, several, none = request["gate_scale"]["anyOf"]
    assert one == scale_schema(METADATA)["anyOf"]
    assert several["maxItems"] == 5
    assert none == {"type": "null"}


def test_a_tensor_has_the_width_of_the_input_or_of_the_gate_scale(document: dict[str, Any]) -> None:
    rows = {"type": "integer", "minimum": 1, "maximum": 5}
    kinds = document["components"]["schemas"]["InferInput"]["anyOf"]
    assert [kind["properties"]["name"]["const"] for kind in kinds] == ["input", "gate_scale"]
    assert [kind["properties"]["shape"]["prefixItems"] for kind in kinds] == [
        [rows, {"const": 4}],
        [rows, {"const": 2}],
    ]


def test_a_prediction_has_the_labels_and_layers_of_the_model(document: dict[str, Any]) -> None:
    prediction = properties(document, "Prediction")
    assert prediction["label"]["enum"] == ["a", "b", "c"]
    assert (prediction["probabilities"]["minItems"], prediction["gate_mean"]["maxItems"]) == (3, 2)


@pytest.mark.parametrize(("path", "method"), [("/v2/{}", "get"), ("/v1/{}:predict", "post")])
def test_parameters_name_the_models_and_versions(
    document: dict[str, Any], path: str, method: str
) -> None:
    operation = document["paths"][path.format("models/{name}/versions/{version}")][method]
    schemas = {one["name"]: one["schema"] for one in operation["parameters"]}
    assert schemas["name"]["enum"] == ["tiny"]
    assert schemas["version"]["enum"] == ["1"]


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(metadata=TABLE, change=take_missing_values)])
def test_the_examples_are_accepted(recipe: Recipe) -> None:
    with TestClient(application(Classifier(recipe.build()))) as client:
        document = client.get("/openapi.json").json()
        predict = document["components"]["schemas"]["PredictRequest"]["examples"]
        content = document["paths"]["/explain"]["post"]["requestBody"]["content"]
        explain = content["application/json"]["schema"]["examples"]
        content = document["paths"]["/what-if"]["post"]["requestBody"]["content"]
        (what_if,) = content["application/json"]["schema"]["examples"]
        assert [client.post("/predict", json=body).status_code for body in predict] == [200]
        assert [client.post("/explain", json=body).status_code for body in explain] == [200]
        assert what_if["gate_scale"] == [{}, {"highway 1": 0}]
        assert client.post("/what-if", json=what_if).status_code == 200


@pytest.mark.parametrize("path", ["/what-if", "/requests/{id}/what-if"])
def test_a_what_if_has_at_most_eight_scales_of_the_models_layers(
    document: dict[str, Any], path: str
) -> None:
    content = document["paths"][path]["post"]["requestBody"]["content"]
    *one, several, none = content["application/json"]["schema"]["properties"]["gate_scale"]["anyOf"]
    assert one == scale_schema(METADATA)["anyOf"]
    assert (several["maxItems"], several["items"]) == (8, scale_schema(METADATA))
    assert none == {"type": "null"}


def test_a_date_is_a_string_or_a_number_of_days_in_the_schema() -> None:
    columns = (Column(name="a", date="iso"), Column(name="b", date="%d/%m/%Y"))
    row = row_schema(replace(TABLE.input, shape=(2,), columns=columns))
    iso, own = row["anyOf"][1]["prefixItems"]
    assert [each.get("type") for each in iso["anyOf"]] == ["string", "number", "null"]
    assert iso["anyOf"][0]["description"] == "A date in ISO 8601."
    assert own["anyOf"][0]["description"] == "A date in ISO 8601 or as '%d/%m/%Y'."
    assert (iso["anyOf"][1]["minimum"], iso["anyOf"][1]["maximum"]) == (-719162, 2932897)


def test_an_example_of_a_table_has_dates_in_iso_8601() -> None:
    columns = tuple(Column(name=name, date="iso") for name in "abcd")
    golden = {"golden": {"input": [[0.0, 20454.5, None, -719162.0]]}}
    metadata = replace(TABLE, input=replace(TABLE.input, columns=columns), verification=golden)
    assert example_row(metadata) == ["1970-01-01", "2026-01-01", None, "0001-01-01"]


def test_an_example_of_a_table_names_categories_and_keeps_missing_values() -> None:
    golden = {"golden": {"input": [[41.5, 2.0, None, None]]}}
    assert example_row(replace(TABLE, verification=golden)) == [41.5, "pilot", None, None]


def test_models_of_different_sizes_are_all_described() -> None:
    table = replace(TABLE, name="table", labels=("c", "d", "e"))
    classifiers = [
        Classifier(Recipe().build()),
        Classifier(Recipe(metadata=table, change=take_missing_values).build()),
    ]
    document = document_of(*classifiers)
    rows = properties(document, "PredictRequest")["instances"]["items"]["anyOf"]
    assert rows == [*row_schema(TABLE.input)["anyOf"], *row_schema(METADATA.input)["anyOf"]]
    assert properties(document, "Prediction")["label"]["enum"] == ["c", "d", "e", "a", "b"]
    (name, *_) = document["paths"]["/v2/models/{name}"]["get"]["parameters"]
    assert name["schema"]["enum"] == ["table", "tiny"]


def test_the_document_is_generated_once_for_the_same_models(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(application(classifier))
    first = client.get("/openapi.json").content
    monkeypatch.setattr(model_schemas, "with_models", None)
    assert client.get("/openapi.json").content == first
    assert json.loads(first)["info"]["title"] == "highway-networks"
