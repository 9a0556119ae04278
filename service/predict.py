"""`POST /predict`, the friendly door: rows in, labels with probabilities and mean gates out."""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.bodies import read_json_body
from service.decoding import decode_instances
from service.encoding import JSON, encode_predictions
from service.engine import Engine
from service.settings import Settings


class Predict:
    """A plain ASGI endpoint: FastAPI's own request machinery costs more than the model does."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a `RequestError` becomes the error response."""
        body = await read_json_body(scope, receive, limit=self._settings.max_body_bytes)
        metadata = self._engine.classifier.metadata
        rows = decode_instances(body, metadata.input, max_rows=self._settings.max_rows)
        answer = await self._engine.answer(rows)
        response = Response(encode_predictions(answer, metadata), media_type=JSON)
        await response(scope, receive, send)
