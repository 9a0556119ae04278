"""Re-run of recorded requests: predict, explain or vary a row whose input is stored."""

from contextlib import suppress
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from service.arrays import FloatArray
from service.contract import GATE_SCALE, GATE_UNITS, Metadata
from service.errors import GoneError, UnknownModelError
from service.formats.explained_inputs import INPUTS
from service.formats.gate_scale import read_gate_scale, unscaled
from service.formats.json_documents import JSON, parse_object
from service.formats.parameters import read_flag
from service.formats.predict import encode_predictions
from service.formats.what_if import read_scales
from service.http.body_limit import OptionalJsonBody
from service.http.callers import ClientName
from service.http.disconnects import while_connected
from service.http.explain_routes import explanation_of
from service.http.one_row import RowComputer
from service.http.openapi import DEADLINE_PARAMETER, error_responses, request_body
from service.http.recorded_rows import ROW_MEMBERS, read_row_name
from service.http.request_policy import RequestPolicy
from service.http.schemas.inference import (
    ExplainResponse,
    PredictResponse,
    RecordedWhatIfResponse,
)
from service.http.schemas.ledger import (
    RerunExplainRequest,
    RerunPredictRequest,
    RerunWhatIfRequest,
)
from service.http.what_if_routes import what_if_of
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.models import Models, ServedModel
from service.ledger.fields import StoredModel, model_key
from service.ledger.ledger import Ledger, require_ledger


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
        name = read_row_name(request_id, parse_object(body, *ROW_MEMBERS))
        stored = await run_in_threadpool(reader.stored_input, name)
        return StoredRow(stored.rows, _served(models, stored.model))

    deadline = Depends(policy.deadline)

    @router.post("/requests/{id:path}/predict", **_options(RerunPredictRequest, PredictResponse))
    async def predict_again(
        request: Request,
        deadline_ns: Annotated[int | None, deadline],
        client: ClientName,
        body: OptionalJsonBody,
        stored: Annotated[StoredRow, Depends(stored_row)],
    ) -> Response:
        """Predict a recorded row again; its input must be stored and its model served."""
        scale = _gate_scale(body, stored.model.metadata)
        computer = RowComputer(stored.model, stored.row, deadline_ns, client)
        content = await while_connected(request, _prediction(computer, stored.model, scale))
        return Response(content, media_type=JSON)

    @router.post("/requests/{id:path}/explain", **_options(RerunExplainRequest, ExplainResponse))
    async def explain_again(
        request: Request,
        deadline_ns: Annotated[int | None, deadline],
        client: ClientName,
        body: OptionalJsonBody,
        stored: Annotated[StoredRow, Depends(stored_row)],
    ) -> Response:
        """Explain a recorded row; its input must be stored and its model served."""
        flags = parse_object(body, GATE_UNITS, INPUTS)
        explanation = explanation_of(
            stored.model,
            stored.row,
            gate_units=read_flag(flags, GATE_UNITS) is True,
            inputs=read_flag(flags, INPUTS) is True,
            deadline_ns=deadline_ns,
            client=client,
        )
        content = await while_connected(request, explanation)
        return Response(content, media_type=JSON)

    @router.post(
        "/requests/{id:path}/what-if", **_options(RerunWhatIfRequest, RecordedWhatIfResponse)
    )
    async def what_if_again(
        request: Request,
        deadline_ns: Annotated[int | None, deadline],
        client: ClientName,
        body: OptionalJsonBody,
        stored: Annotated[StoredRow, Depends(stored_row)],
    ) -> Response:
        """Predict a recorded row under several gate scales; return its stored input, too."""
        scales = read_scales(parse_object(body, GATE_SCALE), stored.model.metadata)
        computer = RowComputer(stored.model, stored.row, deadline_ns, client)
        what_if = what_if_of(computer, stored.model.metadata, scales, policy.runner, stored.row)
        content = await while_connected(request, what_if)
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


async def _prediction(computer: RowComputer, model: ServedModel, scale: FloatArray) -> bytes:
    outputs = await computer.with_scales(scale, ALWAYS_COMPUTED)
    return encode_predictions(outputs, model.metadata)


def _gate_scale(body: bytes, metadata: Metadata) -> FloatArray:
    value = parse_object(body, GATE_SCALE).get(GATE_SCALE)
    if value is None:
        return unscaled(metadata)
    return read_gate_scale(value, [layer.name for layer in metadata.layers], 1)
