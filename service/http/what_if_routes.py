"""`/what-if`: one row under several gate scales, with every gate; nothing is recorded."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from service.arrays import FloatArray
from service.contract import GATE_UNITS, LAYER_TYPICALITY, Metadata
from service.formats.json_documents import JSON
from service.formats.what_if import read_what_if, write_what_if
from service.http.body_limit import JsonBody
from service.http.disconnects import while_connected
from service.http.one_row import Admitted, RowComputer, admission
from service.http.openapi import (
    DEADLINE_PARAMETER,
    ENDPOINT_ERRORS,
    error_responses,
    request_body,
)
from service.http.request_policy import RequestPolicy
from service.http.schemas.inference import WhatIfRequest, WhatIfResponse
from service.http.step_runner import StepRunner
from service.inference.models import Models

PATHS = (
    "/what-if",
    "/v2/models/{name}/what-if",
    "/v2/models/{name}/versions/{version}/what-if",
)
WANTED = frozenset({GATE_UNITS, LAYER_TYPICALITY})


def what_if_router(models: Models, policy: RequestPolicy) -> APIRouter:
    """Return the routes: for the default model, and for each model and version."""
    router = APIRouter(tags=["inference"])

    for path in PATHS:

        @router.post(
            path,
            response_model=WhatIfResponse,
            responses=error_responses(*ENDPOINT_ERRORS),
            openapi_extra={"parameters": [DEADLINE_PARAMETER], **request_body(WhatIfRequest)},
        )
        async def what_if(
            http_request: Request,
            admitted: Annotated[Admitted, Depends(admission(models, path))],
            deadline_ns: Annotated[int | None, Depends(policy.deadline)],
            body: JsonBody,
        ) -> Response:
            """Predict one row under several gate scales, without recording it.

            Each prediction has the usual gates of its label and the gate of every unit.
            """
            model, client = admitted
            row, scales = read_what_if(body, model.metadata)
            computer = RowComputer(model, row, deadline_ns, client)
            response = what_if_of(computer, model.metadata, scales, policy.runner)
            content = await while_connected(http_request, response)
            return Response(content, media_type=JSON)

    return router


async def what_if_of(
    computer: RowComputer,
    metadata: Metadata,
    scales: FloatArray,
    runner: StepRunner,
    shown_row: FloatArray | None = None,
) -> bytes:
    """Compute a row under gate scales (n, layers); return the response as JSON.

    With `shown_row` it has the row as `instance`. Raises the errors of any inference request.
    """
    outputs = await computer.with_scales(scales, WANTED)
    return await runner.run(write_what_if(outputs, metadata, shown_row))
