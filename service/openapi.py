"""The OpenAPI description of `/predict`, which FastAPI does not see."""

from typing import Any

from pydantic.json_schema import models_json_schema

from service.encoding import JSON
from service.schemas import ErrorResponse, PredictRequest, PredictResponse

REF = "#/components/schemas/{model}"
ERRORS = {
    "400": "The body is not JSON, or its rows do not fit the model",
    "413": "The body is too long",
    "415": "The body is not sent as plain JSON",
}


def describe_predict(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with `/predict` and its models added."""
    models = (PredictRequest, PredictResponse, ErrorResponse)
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=REF
    )
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    components.update(definitions["$defs"])
    schema["paths"]["/predict"] = {
        "post": {
            "summary": "Label rows, and tell how open every layer's gates were",
            "operationId": "predict",
            "requestBody": {"required": True, "content": _content("PredictRequest")},
            "responses": {
                "200": {
                    "description": "A prediction for each row",
                    "content": _content("PredictResponse"),
                },
                **{
                    status: {"description": text, "content": _content("ErrorResponse")}
                    for status, text in ERRORS.items()
                },
            },
        }
    }
    return schema


def _content(model: str) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": REF.format(model=model)}}}
