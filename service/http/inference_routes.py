"""Routes of the inference endpoints: the paths of each endpoint of each model.

`service.http.protocol` looks exact paths up in `Routes.exact`; `InferenceRoute` serves all paths
as an ASGI endpoint of the application.
"""

import asyncio
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from service.errors import RequestError
from service.http.endpoints import Endpoint, InferEndpoint, PredictEndpoint
from service.http.error_responses import RawResponse, to_starlette
from service.http.request_handler import RequestHandler
from service.http.request_policy import RequestPolicy
from service.inference.models import Models, ServedModel

EndpointType = type[PredictEndpoint] | type[InferEndpoint]

# Starlette's patterns; KServe V1 and TensorFlow Serving use the paths that end in ":predict".
PATTERNS: dict[str, EndpointType] = {
    "/predict": PredictEndpoint,
    "/v1/models/{name}:predict": PredictEndpoint,
    "/v1/models/{name}/versions/{version}:predict": PredictEndpoint,
    "/v2/models/{name}/infer": InferEndpoint,
    "/v2/models/{name}/versions/{version}/infer": InferEndpoint,
}


class Routes:
    """The endpoints by path; each model has one instance of each type."""

    def __init__(self, models: Models, *, max_rows: int, predict_route: str | None) -> None:
        """Prepare all paths; `predict_route` is an additional path of `/predict`."""
        self._models = models
        self._max_rows = max_rows
        self._endpoints: dict[tuple[EndpointType, ServedModel], Endpoint] = {}
        self.patterns = dict(PATTERNS)
        if predict_route is not None:
            self.patterns[predict_route] = PredictEndpoint
        # Only names without escapes can be compared byte by byte; the application serves the rest.
        self.exact: dict[bytes, Endpoint] = {}
        for model in models:
            names = {"name": model.metadata.name, "version": model.metadata.version}
            for pattern, kind in self.patterns.items():
                given = {key: name for key, name in names.items() if f"{{{key}}}" in pattern}
                path = pattern.format(**given)
                if path.isascii():
                    self.exact[path.encode()] = self.endpoint(kind, **given)

    def endpoint(
        self, kind: EndpointType, name: str | None = None, version: str | None = None
    ) -> Endpoint:
        """Return an endpoint; by default of the first model, or of a model's newest version.

        Raises `UnknownModelError` if the model is not served.
        """
        key = kind, self._models.find(name, version)
        if key not in self._endpoints:
            self._endpoints[key] = kind(key[1], max_rows=self._max_rows)
        return self._endpoints[key]


class InferenceRoute:
    """ASGI endpoint of one pattern: FastAPI's own routing takes longer than the model."""

    def __init__(self, policy: RequestPolicy, routes: Routes, kind: EndpointType) -> None:
        self._policy = policy
        self._routes = routes
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request; raise `UnknownModelError` if the model is not served."""
        endpoint = self._routes.endpoint(self._kind, **scope.get("path_params", {}))
        headers = dict(scope["headers"])
        future: asyncio.Future[RawResponse] = asyncio.get_running_loop().create_future()
        handler = RequestHandler(self._policy, endpoint, headers, future.set_result)
        try:
            endpoint.check(headers)
            body = await Request(scope, receive).body()
        except RequestError as error:
            handler.fail(error)
        else:
            handler.submit(body)
            if not future.done() and not await _done_before_disconnect(future, receive):
                handler.cancel()
                raise ClientDisconnect
        await to_starlette(future.result())(scope, receive, send)


async def _done_before_disconnect(future: asyncio.Future[RawResponse], receive: Receive) -> bool:
    """Wait for the response or for the client to disconnect, whichever comes first."""
    disconnect = asyncio.ensure_future(receive())
    both: set[asyncio.Future[Any]] = {future, disconnect}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return future.done()
    finally:
        disconnect.cancel()
        with suppress(asyncio.CancelledError):
            await disconnect
