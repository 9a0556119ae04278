"""Recorded rows asked about again: with other gates perhaps, or which layers they hang on."""

from time import perf_counter_ns
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from service.classifier import FloatArray
from service.contract import GATE_SCALE, GATE_UNITS, Metadata
from service.formats.documents import JSON, parse_object
from service.formats.gate_scale import read_gate_scale
from service.formats.parameters import read_count, read_flag
from service.formats.predictions import encode_predictions
from service.http.bodies import check_length, read_body
from service.http.doors import check_json
from service.http.explain import explained
from service.http.query_parameters import ONE
from service.http.reception import Reception
from service.http.schemas.errors import ErrorResponse
from service.http.schemas.explain import ExplainResponse
from service.http.schemas.predict import PredictResponse
from service.http.schemas.requests import AskAgain, ExplainAgain
from service.http.stored_rows import StoredRow, stored_row
from service.inference.asking import answer
from service.inference.models import Models
from service.inference.question import Question
from service.inference.run import ALWAYS
from service.ledger.ledger import Ledger

ROW = "row"
NOTHING = b"{}"  # what no body stands for

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 404, 409, 413, 415, 429, 503, 504)
}


def _described(body: type[BaseModel]) -> dict[str, Any]:
    return {**ONE, "requestBody": {"content": {JSON: {"schema": body.model_json_schema()}}}}


def rerun_router(
    ledger: Ledger | None, models: Models, reception: Reception, *, max_body_bytes: int
) -> APIRouter:
    """Return the routes; what they answer is not recorded."""
    router = APIRouter(tags=["ledger"])

    async def asked(request: Request) -> tuple[StoredRow, bytes, int | None]:
        """Return the row, the body, `{}` where there is none, and the deadline."""
        arrived_ns = perf_counter_ns()
        headers = dict(request.scope["headers"])
        check_length(headers, max_body_bytes)
        body = await read_body(request.receive, limit=max_body_bytes)
        if body:
            check_json(headers)
        row = read_count(parse_object(body or NOTHING, ROW), ROW, least=0)
        stored = await stored_row(ledger, models, request.path_params["id"], row or 0)
        return stored, body or NOTHING, reception.deadline_ns(headers, arrived_ns)

    @router.post(
        "/requests/{id:path}/predict",
        response_model=PredictResponse,
        responses=_ERRORS,
        openapi_extra=_described(AskAgain),
    )
    async def predict_again(request: Request) -> Response:
        """Answer a recorded row anew: its input was stored, and its model is served."""
        stored, body, deadline_ns = await asked(request)
        metadata = stored.model.metadata
        question = Question(stored.row, ALWAYS, _scale(body, metadata), deadline_ns)
        outputs = await answer(stored.model.engine, question)
        return Response(encode_predictions(outputs, metadata), media_type=JSON)

    @router.post(
        "/requests/{id:path}/explain",
        response_model=ExplainResponse,
        responses=_ERRORS,
        openapi_extra=_described(ExplainAgain),
    )
    async def explain_again(request: Request) -> Response:
        """Explain a recorded row: its input was stored, and its model is served."""
        stored, body, deadline_ns = await asked(request)
        gate_units = read_flag(parse_object(body, GATE_UNITS), GATE_UNITS) is True
        told = await explained(
            stored.model, stored.row, gate_units=gate_units, deadline_ns=deadline_ns
        )
        return Response(told, media_type=JSON)

    return router


def _scale(body: bytes, metadata: Metadata) -> FloatArray:
    value = parse_object(body, GATE_SCALE).get(GATE_SCALE)
    if value is None:
        # All ones change nothing, and say that this is no traffic: the drift watch passes it over.
        return np.ones((1, len(metadata.layers)), np.float32)
    return read_gate_scale(value, [layer.name for layer in metadata.layers], 1)
