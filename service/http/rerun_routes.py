"""Re-run of recorded requests: predict or explain a row whose input the ledger has stored."""

from contextlib import suppress
from typing import Annotated, Any, NamedTuple

import numpy as np
from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool

from service.arrays import FloatArray
from service.contract import GATE_SCALE, GATE_UNITS, Metadata
from service.errors import BodyError, GoneError, UnknownModelError
from service.formats.gate_scale import read_gate_scale
from service.formats.json_documents import JSON, Members, parse_object
from service.formats.parameters import read_count, read_flag
from service.formats.predict import encode_predictions
from service.http.body_limit import OptionalJsonBody
from service.http.callers import ClientName
from service.http.explain_routes import explanation_of
from service.http.openapi import DEADLINE_PARAMETER, error_responses, request_body
from service.http.request_policy import RequestPolicy
from service.http.schemas.inference import ExplainResponse, PredictResponse
from service.http.schemas.ledger import RerunExplainRequest, RerunPredictRequest
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.models import Models, ServedModel
from service.inference.queue import InferenceRequest
from service.ledger.fields import StoredModel, model_key
from service.ledger.filters import read_time
from service.ledger.ledger import Ledger, require_ledger

ROW, TIME = "row", "time"


class StoredRow(NamedTuple):
    """A stored input row, float32 (1, features), and the model that answered it."""

    row: FloatArray
    model: ServedModel


def rerun_router(ledger: Ledger | None, models: Models, policy: RequestPolicy) -> APIRouter:
    """Return the routes; their responses are not recorded."""
    router = APIRouter(tags=["ledger"])

    async def stored_row(
        request_id: Annotated[str, Path(alias="id")], body: OptionalJsonBody
    ) -> StoredRow:
        """Raise `UnknownRequestError` without a stored input, `GoneError` without its model."""
        reader = require_ledger(ledger).reader
        members = parse_object(body, ROW, TIME)
        row, time_us = read_count(members, ROW, least=0) or 0, _read_time(members)
        stored = await run_in_threadpool(reader.stored_input, request_id, row, time_us)
        return StoredRow(stored.rows, _served(models, stored.model))

    deadline = Depends(policy.deadline)

    @router.post("/requests/{id:path}/predict", **_options(RerunPredictRequest, PredictResponse))
    async def predict_again(
        deadline_ns: Annotated[int | None, deadline],
        client: ClientName,
        body: OptionalJsonBody,
        stored: Annotated[StoredRow, Depends(stored_row)],
    ) -> Response:
        """Predict a recorded row again; its input must be stored and its model served."""
        metadata = stored.model.metadata
        scale = _gate_scale(body, metadata)
        inference = InferenceRequest(stored.row, ALWAYS_COMPUTED, scale, deadline_ns)
        outputs = await stored.model.engine.compute(inference, client)
        return Response(encode_predictions(outputs, metadata), media_type=JSON)

    @router.post("/requests/{id:path}/explain", **_options(RerunExplainRequest, ExplainResponse))
    async def explain_again(
        deadline_ns: Annotated[int | None, deadline],
        client: ClientName,
        body: OptionalJsonBody,
        stored: Annotated[StoredRow, Depends(stored_row)],
    ) -> Response:
        """Explain a recorded row; its input must be stored and its model served."""
        gate_units = read_flag(parse_object(body, GATE_UNITS), GATE_UNITS) is True
        content = await explanation_of(
            stored.model,
            stored.row,
            gate_units=gate_units,
            deadline_ns=deadline_ns,
            client=client,
        )
        return Response(content, media_type=JSON)

    return router


def _options(request: type[BaseModel], response: type[BaseModel]) -> dict[str, Any]:
    """Return the options by which FastAPI describes a route."""
    body = request_body(request, required=False)
    return {
        "response_model": response,
        "responses": error_responses(400, 404, 409, 413, 415, 429, 503, 504),
        "openapi_extra": {"parameters": [DEADLINE_PARAMETER], **body},
    }


def _read_time(members: Members) -> int | None:
    """Return the time of the recorded row in µs since 1970, None for the first row of the id."""
    value = members.get(TIME)
    if value is None:
        return None
    try:
        time_us = read_time(value)
    except PydanticCustomError:
        time_us = None
    if not isinstance(value, str) or not isinstance(time_us, int):
        raise BodyError(f"parameter '{TIME}': expected the `time` of a recorded row")
    return time_us


def _served(models: Models, model: StoredModel) -> ServedModel:
    """Return the model, not a different one of the same name and version."""
    with suppress(UnknownModelError):
        served = models.find(model.name, model.version)
        if model_key(served.metadata) == model.key:
            return served
    raise GoneError(
        "the model that answered this request is no longer served; serve version "
        f"{model.version} of '{model.name}' again"
    )


def _gate_scale(body: bytes, metadata: Metadata) -> FloatArray:
    value = parse_object(body, GATE_SCALE).get(GATE_SCALE)
    if value is None:
        # All ones change nothing, but mark the row as a what-if: the drift monitor skips it.
        return np.ones((1, len(metadata.layers)), np.float32)
    return read_gate_scale(value, [layer.name for layer in metadata.layers], 1)
