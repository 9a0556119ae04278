"""`POST /explain`: which layers does this row's label hang on?"""

from time import perf_counter_ns

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.classifier import FloatArray
from service.contract import GATE_UNITS, LOGITS
from service.formats.documents import JSON
from service.formats.explanations import encode_explanation
from service.formats.predict_request import read_explain
from service.http.bodies import check_length, read_body
from service.http.doors import check_json
from service.http.reception import REQUEST_ID, Reception
from service.inference.asking import answer
from service.inference.explanation import explain
from service.inference.models import Models, ServedModel
from service.inference.question import Outputs, Question
from service.inference.run import ALWAYS

# For the first model and, as KServe V1 calls it, for each by name.
PATTERNS = (
    "/explain",
    "/v1/models/{name}:explain",
    "/v1/models/{name}/versions/{version}:explain",
)


class ExplainRoute:
    """A plain ASGI endpoint, as the doors are."""

    def __init__(self, models: Models, reception: Reception, *, max_body_bytes: int) -> None:
        self._models = models
        self._reception = reception
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; an error becomes the error response."""
        arrived_ns = perf_counter_ns()
        names = Request(scope).path_params
        model = self._models.find(names.get("name"), names.get("version"))
        headers = dict(scope["headers"])
        self._reception.check(headers)
        check_json(headers)
        check_length(headers, self._limit)
        body = await read_body(receive, limit=self._limit)
        asked = read_explain(body, model.metadata)
        deadline_ns = self._reception.deadline_ns(headers, arrived_ns)
        told = await explained(
            model, asked.row, gate_units=asked.gate_units, deadline_ns=deadline_ns
        )
        response = Response(told, media_type=JSON)
        response.raw_headers.append((REQUEST_ID, self._reception.request_id(headers)))
        await response(scope, receive, send)


async def explained(
    model: ServedModel, row: FloatArray, *, gate_units: bool, deadline_ns: int | None
) -> bytes:
    """Explain a row (1, features); errors are those of any question to the model."""
    outputs = ALWAYS | {LOGITS} | ({GATE_UNITS} if gate_units else frozenset())

    async def ask(scales: FloatArray) -> Outputs:
        rows = np.repeat(row, len(scales), axis=0)
        return await answer(model.engine, Question(rows, outputs, scales, deadline_ns))

    explanation = await explain(ask, len(model.metadata.layers))
    return encode_explanation(explanation, model.metadata)
