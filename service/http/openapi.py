"""OpenAPI of the inference endpoints, and the parts that other routes share.

FastAPI generates the document. The paths of `/predict` and of the protocol's inference are FastAPI
routes for this purpose only: an ASGI endpoint processes their requests.
"""

import re
from collections.abc import Callable
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import ASGIApp

from service.formats.json_documents import JSON
from service.http.endpoints import InferEndpoint, PredictEndpoint
from service.http.inference_routes import EndpointType
from service.http.schemas import inference as schemas


class ErrorResponse(BaseModel):
    """Body of every error response of every route."""

    error: str


ERRORS = {
    400: "The request is not valid, or its rows do not fit the model",
    404: "The model, its version, or the requested record does not exist",
    409: "The model cannot be loaded or unloaded, or is no longer served",
    413: "The body is too long",
    415: "The body is not declared as plain JSON",
    429: "The queue is full; retry after the seconds in Retry-After",
    500: "Internal error; the server's log has the details",
    501: "The server does not support this",
    503: "The model or the ledger is not ready",
    504: "The deadline passed before the rows were computed",
}
ENDPOINT_ERRORS = (400, 404, 413, 415, 429, 500, 503, 504)
# For all routes; with it FastAPI does not add its own 422, which no route sends.
DEFAULT_RESPONSE: dict[int | str, dict[str, Any]] = {
    "default": {"model": ErrorResponse, "description": "Error, described in one sentence"}
}


def _header(name: str, description: str, **schema: object) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema}


DEADLINE_PARAMETER = _header(
    "X-Deadline-Ms",
    "Milliseconds after which a request that is not yet computed gets 504",
    type="integer",
    minimum=1,
)
HEADER_PARAMETERS = [
    _header("X-Request-Id", "Returned in the response; generated if absent", type="string"),
    DEADLINE_PARAMETER,
    _header("X-Tags", "Comma-separated tags, stored in the ledger", type="string"),
]


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses` for these error statuses."""
    return {status: {"model": ErrorResponse, "description": ERRORS[status]} for status in statuses}


def request_body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Return OpenAPI's `requestBody` for a route that reads the JSON of `model` by itself."""
    content = {JSON: {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": required, "content": content}}


# FastAPI describes the routes by these functions; `InferenceRoute` handles the requests.
NEVER_CALLED = "InferenceRoute replaces this function"


async def predict(body: schemas.PredictRequest) -> schemas.PredictResponse:
    """Predict the label of each row, with the mean openness of the gates of every layer."""
    raise AssertionError(NEVER_CALLED)


async def infer(body: schemas.InferRequest) -> schemas.InferResponse:
    """Compute output tensors from input tensors; gates are outputs, `gate_scale` is an input."""
    raise AssertionError(NEVER_CALLED)


_DESCRIBED: dict[EndpointType, Callable[..., Any]] = {
    PredictEndpoint: predict,
    InferEndpoint: infer,
}


def described_route(path: str, kind: EndpointType, endpoint: ASGIApp) -> APIRoute:
    """Return a route that FastAPI describes and `endpoint` processes."""
    names = re.findall(r"{(\w+)}", path)
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    route = APIRoute(
        path,
        _DESCRIBED[kind],
        methods=["POST"],
        tags=["inference"],
        responses={**DEFAULT_RESPONSE, **error_responses(*ENDPOINT_ERRORS)},
        openapi_extra={"parameters": [*parameters, *HEADER_PARAMETERS]},
    )
    route.app = endpoint
    return route
