"""`POST /explain`: which layers decide the label of a row, and which inputs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from service.arrays import FloatArray
from service.contract import GATE_UNITS, LAYER_TYPICALITY, LOGITS, PROBABILITIES, Input
from service.errors import InputError
from service.formats.explain import encode_explanation, read_explain
from service.formats.explained_inputs import ExplainedColumns, ExplainedInputs, ExplainedPatches
from service.formats.json_documents import JSON
from service.http.body_limit import JsonBody
from service.http.disconnects import while_connected
from service.http.one_row import Admitted, RowComputer, admission
from service.http.openapi import ENDPOINT_ERRORS, HEADER_PARAMETERS, error_responses, request_body
from service.http.request_policy import RequestPolicy
from service.http.schemas.inference import ExplainRequest, ExplainResponse
from service.inference.batch import ALWAYS_COMPUTED
from service.inference.explanation import Explanation, explain
from service.inference.input_search import InputSearch
from service.inference.models import Models, ServedModel
from service.inference.occlusion import occlude_columns, occlude_patches
from service.inference.usual_inputs import UsualInputs
from service.inference.variants import Variants

PATHS = (
    "/explain",
    "/v1/models/{name}:explain",
    "/v1/models/{name}/versions/{version}:explain",
)
EXPLAINED = ALWAYS_COMPUTED | {LOGITS, LAYER_TYPICALITY}


def explain_router(models: Models, policy: RequestPolicy) -> APIRouter:
    """Return the routes: for the default model and, with the paths of KServe V1, for each model."""
    router = APIRouter(tags=["inference"])

    for path in PATHS:

        @router.post(
            path,
            response_model=ExplainResponse,
            responses=error_responses(*ENDPOINT_ERRORS),
            openapi_extra={"parameters": HEADER_PARAMETERS, **request_body(ExplainRequest)},
        )
        async def explain_row(
            http_request: Request,
            admitted: Annotated[Admitted, Depends(admission(models, path))],
            request_id: Annotated[bytes, Depends(policy.checked_id)],
            deadline_ns: Annotated[int | None, Depends(policy.deadline)],
            body: JsonBody,
        ) -> Response:
            """Close each layer for one row in turn, and find the layers that decide its label.

            With `inputs`, replace each column or patch in turn, and find the decisive ones.
            """
            request = read_explain(body, admitted.model.metadata)
            explanation = explanation_of(
                admitted.model,
                request.row,
                gate_units=request.gate_units,
                inputs=request.inputs,
                deadline_ns=deadline_ns,
                client=admitted.client,
            )
            content = await while_connected(http_request, explanation)
            return Response(content, media_type=JSON, headers={"X-Request-Id": request_id.decode()})

    return router


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
