"""`POST /explain`: which layers decide the label of a row."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Response

from service.arrays import FloatArray, Outputs
from service.contract import GATE_UNITS, LOGITS
from service.formats.explain import encode_explanation, read_explain
from service.formats.json_documents import JSON
from service.http.body_limit import JsonBody
from service.http.callers import ClientName
from service.http.openapi import ENDPOINT_ERRORS, HEADER_PARAMETERS, error_responses, request_body
from service.http.request_policy import RequestPolicy
from service.http.schemas.inference import ExplainRequest, ExplainResponse
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.explanation import explain
from service.inference.models import Models, ServedModel
from service.inference.queue import InferenceRequest


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
            model: Annotated[ServedModel, Depends(find_model)],
            request_id: Annotated[bytes, Depends(policy.checked_id)],
            deadline_ns: Annotated[int | None, Depends(policy.deadline)],
            client: Annotated[str, Depends(admitted)],
            body: JsonBody,
        ) -> Response:
            """Close each layer for one row in turn, and find the layers that decide its label."""
            request = read_explain(body, model.metadata)
            content = await explanation_of(
                model,
                request.row,
                gate_units=request.gate_units,
                deadline_ns=deadline_ns,
                client=client,
            )
            return Response(content, media_type=JSON, headers={"X-Request-Id": request_id.decode()})

    return router


async def explanation_of(
    model: ServedModel, row: FloatArray, *, gate_units: bool, deadline_ns: int | None, client: str
) -> bytes:
    """Explain a row (1, features) as JSON; raises the errors of any inference request."""
    outputs = ALWAYS_COMPUTED | {LOGITS} | ({GATE_UNITS} if gate_units else frozenset())

    async def compute(scales: FloatArray) -> Outputs:
        rows = np.repeat(row, len(scales), axis=0)
        return await model.engine.compute(
            InferenceRequest(rows, outputs, scales, deadline_ns), client
        )

    explanation = await explain(compute, len(model.metadata.layers))
    return encode_explanation(explanation, model.metadata)
