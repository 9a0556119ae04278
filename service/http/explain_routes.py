"""`POST /explain`: which layers decide the label of a row, and which inputs."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response
from starlette.requests import ClientDisconnect

from service.arrays import FloatArray, Outputs
from service.contract import GATE_UNITS, LAYER_TYPICALITY, LOGITS, PROBABILITIES, Input
from service.errors import InputError
from service.formats.explain import encode_explanation, read_explain
from service.formats.explained_inputs import ExplainedColumns, ExplainedInputs, ExplainedPatches
from service.formats.json_documents import JSON
from service.http.body_limit import JsonBody
from service.http.callers import ClientName
from service.http.inference_routes import done_before_disconnect
from service.http.openapi import ENDPOINT_ERRORS, HEADER_PARAMETERS, error_responses, request_body
from service.http.request_policy import RequestPolicy
from service.http.schemas.inference import ExplainRequest, ExplainResponse
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.explanation import SEARCHED, Explanation, explain
from service.inference.input_search import InputSearch
from service.inference.models import Models, ServedModel
from service.inference.occlusion import occlude_columns, occlude_patches
from service.inference.queue import InferenceRequest
from service.inference.usual_inputs import UsualInputs
from service.inference.variants import Variants

EXPLAINED = ALWAYS_COMPUTED | {LOGITS, LAYER_TYPICALITY}


def explain_router(models: Models, policy: RequestPolicy) -> APIRouter:
    """Return the routes: for the default model and, with the paths of KServe V1, for each model."""
    router = APIRouter(tags=["inference"])

    async def default_model() -> ServedModel:
        return models.find()

    async def newest_version(name: str) -> ServedModel:
        return models.find(name)

    async def one_version(name: str, version: str) -> ServedModel:
        return models.find(name, version)

    for path, find_model in {
        "/explain": default_model,
        "/v1/models/{name}:explain": newest_version,
        "/v1/models/{name}/versions/{version}:explain": one_version,
    }.items():

        async def admitted(
            model: Annotated[ServedModel, Depends(find_model)], client: ClientName
        ) -> str:
            """Refuse a request before its body is read, as the other inference endpoints do."""
            model.engine.check_room(client)
            return client

        @router.post(
            path,
            response_model=ExplainResponse,
            responses=error_responses(*ENDPOINT_ERRORS),
            openapi_extra={"parameters": HEADER_PARAMETERS, **request_body(ExplainRequest)},
        )
        async def explain_row(
            http_request: Request,
            model: Annotated[ServedModel, Depends(find_model)],
            request_id: Annotated[bytes, Depends(policy.checked_id)],
            deadline_ns: Annotated[int | None, Depends(policy.deadline)],
            client: Annotated[str, Depends(admitted)],
            body: JsonBody,
        ) -> Response:
            """Close each layer for one row in turn, and find the layers that decide its label.

            With `inputs`, replace each column or patch in turn, and find the decisive ones.
            """
            request = read_explain(body, model.metadata)
            explanation = explanation_of(
                model,
                request.row,
                gate_units=request.gate_units,
                inputs=request.inputs,
                deadline_ns=deadline_ns,
                client=client,
            )
            content = await while_connected(http_request, explanation)
            return Response(content, media_type=JSON, headers={"X-Request-Id": request_id.decode()})

    return router


async def while_connected(request: Request, explanation: Coroutine[Any, Any, bytes]) -> bytes:
    """Return the explanation; if the client disconnects before, cancel it."""
    task = asyncio.ensure_future(explanation)
    try:
        if not await done_before_disconnect(task, request.receive):
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()


async def explanation_of(
    model: ServedModel,
    row: FloatArray,
    *,
    gate_units: bool,
    inputs: bool,
    deadline_ns: int | None,
    client: str,
) -> bytes:
    """Explain a row (1, features) as JSON; raises the errors of any inference request."""
    usual = required_usual_inputs(model) if inputs else None
    computer = RowComputer(model, row, deadline_ns, client)
    wanted = EXPLAINED | ({GATE_UNITS} if gate_units else frozenset())
    explanation = await explain(computer.with_scales, len(model.metadata.layers), wanted)
    explained = None
    if usual is not None:
        described = model.metadata.input
        image_or_row = row.reshape(described.shape)
        variants = Variants(computer.with_inputs, image_or_row, model.max_batch_rows)
        explained = await explained_inputs(variants, usual, described, explanation)
    return encode_explanation(explanation, model.metadata, explained)


class RowComputer:
    """Computes a row, (1, features), under other conditions in the model's queue."""

    def __init__(
        self, model: ServedModel, row: FloatArray, deadline_ns: int | None, client: str
    ) -> None:
        self._engine = model.engine
        self._row = row
        self._deadline_ns = deadline_ns
        self._client = client
        # All ones change nothing, but mark the rows as what-ifs: the drift monitor skips them.
        self._ones = np.ones((1, len(model.metadata.layers)), np.float32)

    async def with_scales(self, scales: FloatArray, outputs: frozenset[str]) -> Outputs:
        """Compute the row with each gate scale (n, layers)."""
        return await self._compute(np.repeat(self._row, len(scales), axis=0), scales, outputs)

    async def with_inputs(self, rows: FloatArray) -> Outputs:
        """Compute rows (n, features) in its place."""
        return await self._compute(rows, self._ones, SEARCHED)

    async def _compute(
        self, rows: FloatArray, scales: FloatArray, outputs: frozenset[str]
    ) -> Outputs:
        wanted = outputs | ALWAYS_COMPUTED
        request = InferenceRequest(rows, wanted, scales, self._deadline_ns)
        return await self._engine.compute(request, self._client)


def required_usual_inputs(model: ServedModel) -> UsualInputs:
    """Return what replaces the inputs of a row; an `InputError` if the file does not have it."""
    if model.usual_inputs is None:
        raise InputError(
            f"inputs: model '{model.metadata.name}' was exported without the usual values of its "
            "inputs; export it again with `highway export`"
        )
    return model.usual_inputs


async def explained_inputs(
    variants: Variants, usual: UsualInputs, row: Input, explanation: Explanation
) -> ExplainedInputs:
    """Find the inputs that the label depends on; of a table also a change that changes it."""
    if row.kind == "image":
        probabilities = explanation.outputs[PROBABILITIES][0]
        patches = await occlude_patches(variants, usual.usual, probabilities)
        return ExplainedPatches(usual.usual, patches)
    label = explanation.label
    columns = await occlude_columns(variants, usual, label)
    search = InputSearch(variants, usual, row.columns, label)
    return ExplainedColumns(variants.row, columns, await search.find(columns))
