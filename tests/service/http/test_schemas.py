"""Responses conform to their schemas, and requests that conform are accepted."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from service.http.openapi import ErrorResponse
from service.http.schemas.inference import (
    ExplainRequest,
    ExplainResponse,
    InferRequest,
    InferResponse,
    PredictRequest,
    PredictResponse,
)
from service.http.schemas.models import (
    Health,
    IndexEntry,
    ModelList,
    ModelMetadata,
    ModelReady,
    ServerMetadata,
    StatisticsResponse,
)
from tests.service.http.transport import INFER, ROW, Send

TENSOR = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 0, 0, 0]}


USUAL = b'{"instances": [[1, 0, 0, 0]], "usual": true}'
INSTANCE = b'{"instance": [1, 0, 0, 0]}'


def scaled(scale: object) -> bytes:
    return json.dumps({"instances": [[1, 0, 0, 0]], "gate_scale": scale}).encode()


def infer(**members: Any) -> bytes:
    return json.dumps({"inputs": [TENSOR], **members}).encode()


@pytest.mark.parametrize(
    ("method", "path", "body", "schema"),
    [
        ("POST", "/predict", ROW, PredictResponse),
        ("POST", "/predict", USUAL, PredictResponse),
        ("POST", "/predict", b"{}", ErrorResponse),
        ("POST", "/explain", INSTANCE, ExplainResponse),
        ("POST", "/explain", b'{"instance": [0, 0, 0, 0], "gate_units": true}', ExplainResponse),
        ("POST", "/explain", b"{}", ErrorResponse),
        ("POST", INFER, infer(id="7"), InferResponse),
        ("POST", INFER, infer(), InferResponse),
        ("GET", "/v2", b"", ServerMetadata),
        ("GET", "/v2/health/live", b"", Health),
        ("GET", "/v2/models", b"", ModelList),
        ("GET", "/v2/models/tiny", b"", ModelMetadata),
        ("GET", "/v2/models/tiny/ready", b"", ModelReady),
        ("GET", "/v1/models/tiny", b"", ModelReady),
        ("GET", "/v2/models/stats", b"", StatisticsResponse),
        ("POST", "/v2/repository/index", b"", list[IndexEntry]),
        ("POST", "/v2/repository/models/tiny/load", b"", ErrorResponse),
    ],
)
def test_a_response_conforms_to_its_schema(
    send: Send, method: str, path: str, body: bytes, schema: Any
) -> None:
    response = send(method, path, body)
    adapter = TypeAdapter[Any](schema)
    parsed = adapter.validate_json(response.body, strict=True)
    assert adapter.dump_python(parsed, exclude_unset=True, mode="json") == response.json()


@pytest.mark.parametrize(
    ("path", "body", "schema"),
    [
        ("/predict", ROW, PredictRequest),
        ("/predict", b'{"instances": [[[1, 0], [0, 0]]]}', PredictRequest),
        ("/predict", USUAL, PredictRequest),
        ("/predict", scaled([0, 10]), PredictRequest),
        ("/predict", scaled({"highway 2": 0.5}), PredictRequest),
        ("/predict", scaled([[0, 1]]), PredictRequest),
        ("/predict", scaled([{}]), PredictRequest),
        ("/predict", scaled(None), PredictRequest),
        ("/explain", INSTANCE, ExplainRequest),
        ("/explain", b'{"instance": [[1, 0], [0, 0]], "gate_units": false}', ExplainRequest),
        (INFER, infer(), InferRequest),
        (INFER, infer(parameters={"timeout": 0}, outputs=[{"name": "gate_units"}]), InferRequest),
        (INFER, infer(inputs=[{**TENSOR, "data": [[1, 0, 0, 0]]}]), InferRequest),
    ],
)
def test_a_request_that_conforms_is_accepted(
    send: Send, path: str, body: bytes, schema: type[BaseModel]
) -> None:
    schema.model_validate_json(body)
    assert send("POST", path, body).status == 200


@pytest.mark.parametrize(
    ("path", "body", "schema"),
    [
        ("/predict", b'{"instances": []}', PredictRequest),
        ("/predict", scaled([-0.5, 1]), PredictRequest),
        ("/predict", scaled([1, 10.5]), PredictRequest),
        ("/predict", scaled([{"highway 2": 11}]), PredictRequest),
        ("/predict", scaled("closed"), PredictRequest),
        ("/explain", b"{}", ExplainRequest),
        ("/explain", b'{"instance": 5}', ExplainRequest),
        ("/explain", b'{"instance": [1, 0, 0, 0], "gate_units": "all"}', ExplainRequest),
        ("/predict", b"{}", PredictRequest),
        (INFER, infer(inputs=[]), InferRequest),
        (INFER, infer(inputs=[{**TENSOR, "datatype": "FP64"}]), InferRequest),
        (INFER, infer(inputs=[{**TENSOR, "shape": [4]}]), InferRequest),
        (INFER, infer(outputs=[{"name": "chances"}]), InferRequest),
    ],
)
def test_a_request_that_does_not_conform_is_400(
    send: Send, path: str, body: bytes, schema: type[BaseModel]
) -> None:
    with pytest.raises(ValidationError):
        schema.model_validate_json(body)
    assert send("POST", path, body).status == 400
