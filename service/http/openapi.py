"""The OpenAPI description of the doors and of explanations, which FastAPI does not see."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic.json_schema import models_json_schema

from service.formats.documents import JSON
from service.http.routes import Kind
from service.http.schemas.errors import ErrorResponse
from service.http.schemas.explain import ExplainRequest, ExplainResponse
from service.http.schemas.infer import InferRequest, InferResponse
from service.http.schemas.predict import PredictRequest, PredictResponse

REF = "#/components/schemas/{model}"
ERRORS = {
    "400": "The body is not what this endpoint reads, or its rows do not fit the model",
    "404": "The model or its version is not served",
    "413": "The body is too long",
    "415": "The body is not sent as plain JSON",
    "429": "Too many rows wait; come again after Retry-After seconds",
    "500": "The server failed; its log says why",
    "503": "The model is not ready",
    "504": "The deadline passed before the rows were run",
}
Described = Kind | Literal["explain"]

SUMMARIES: dict[Described, str] = {
    "predict": "Label rows, and tell how open every layer's gates were",
    "infer": "Answer tensors with tensors; gates are outputs, their scale is an input",
    "explain": "Tell which layers a row's label hangs on: what changes where they are closed",
}
BODIES: dict[Described, tuple[str, str]] = {
    "predict": ("PredictRequest", "PredictResponse"),
    "infer": ("InferRequest", "InferResponse"),
    "explain": ("ExplainRequest", "ExplainResponse"),
}


def describe_doors(schema: dict[str, Any], patterns: Mapping[str, Described]) -> dict[str, Any]:
    """Return an OpenAPI document with every path of `patterns` and its models added."""
    models = (
        *(PredictRequest, PredictResponse, InferRequest, InferResponse),
        *(ExplainRequest, ExplainResponse, ErrorResponse),
    )
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=REF
    )
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    components.update(definitions["$defs"])
    _correct_errors(schema)
    for pattern, kind in patterns.items():
        schema["paths"].setdefault(pattern, {})["post"] = _operation(pattern, kind)
    return schema


def _correct_errors(schema: dict[str, Any]) -> None:
    """Put 404 for the 422 that FastAPI promises: a path's parameters name what is served or not."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            if operation["responses"].pop("422", None) is not None:
                operation["responses"]["404"] = _error("404")
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _operation(pattern: str, kind: Described) -> dict[str, Any]:
    asked, answered = BODIES[kind]
    names = re.findall(r"{(\w+)}", pattern)
    return {
        "summary": SUMMARIES[kind],
        "operationId": "_".join(re.findall(r"\w+", pattern)),
        "parameters": [
            *({"name": n, "in": "path", "required": True, "schema": _TEXT} for n in names),
            *({"name": n, "in": "header", "schema": s} for n, s in _HEADERS.items()),
        ],
        "requestBody": {"required": True, "content": _content(asked)},
        "responses": {
            "200": {"description": "An answer for each row", "content": _content(answered)},
            **{status: _error(status) for status in ERRORS},
        },
    }


_TEXT = {"type": "string"}
_HEADERS = {
    "X-Request-Id": {**_TEXT, "description": "comes back with the answer"},
    "X-Deadline-Ms": {"type": "integer", "minimum": 1},
    "X-Tags": {**_TEXT, "description": "with commas between; the ledger can be asked for them"},
}


def _error(status: str) -> dict[str, Any]:
    return {"description": ERRORS[status], "content": _content("ErrorResponse")}


def _content(model: str) -> dict[str, Any]:
    return {JSON: {"schema": {"$ref": REF.format(model=model)}}}
