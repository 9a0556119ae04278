"""Routes of the inference endpoints: the paths of each endpoint of each model.

`service.http.protocol` looks exact paths up in `Routes.exact`; `InferenceRoute` serves all paths
as an ASGI endpoint of the application.
"""

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from service.errors import RequestError
from service.http.access import CALLER
from service.http.disconnects import done_before_disconnect
from service.http.endpoints import CanaryTarget, Endpoint, InferEndpoint, PredictEndpoint, Target
from service.http.error_responses import RawResponse, to_starlette
from service.http.request_handler import CallbackHandler
from service.http.request_policy import RequestPolicy
from service.inference.models import Models, ServedModel

EndpointType = type[PredictEndpoint] | type[InferEndpoint]
EndpointFactory = Callable[..., Endpoint]  # an endpoint's class, also of another transport

# Starlette's patterns; KServe V1 and TensorFlow Serving use the paths that end in ":predict".
PATTERNS: dict[str, EndpointType] = {
    "/predict": PredictEndpoint,
    "/v1/models/{name}:predict": PredictEndpoint,
    "/v1/models/{name}/versions/{version}:predict": PredictEndpoint,
    "/v2/models/{name}/infer": InferEndpoint,
    "/v2/models/{name}/versions/{version}/infer": InferEndpoint,
}


class Routes:
    """The endpoints by path, for the models as they are served now."""

    def __init__(self, models: Models, *, max_rows: int, predict_route: str | None) -> None:
        """Prepare all paths; `predict_route` is an additional path of `/predict`."""
        self._models = models
        self._max_rows = max_rows
        self._endpoints: dict[
            tuple[EndpointFactory, ServedModel, ServedModel | None], Endpoint
        ] = {}
        self.patterns = dict(PATTERNS)
        if predict_route is not None:
            self.patterns[predict_route] = PredictEndpoint
        self.exact: dict[bytes, Target] = {}
        models.on_change(self._refresh)

    def _refresh(self) -> None:
        """Prepare the paths; requests under way keep the endpoints of models that were replaced."""
        self._endpoints = {}
        self.exact.clear()
        # Only names without escapes can be compared byte by byte; the application serves the rest.
        for model in self._models:
            names = {"name": model.metadata.name, "version": model.metadata.version}
            for pattern, kind in self.patterns.items():
                given = {key: name for key, name in names.items() if f"{{{key}}}" in pattern}
                path = pattern.format(**given)
                if path.isascii():
                    self.exact[path.encode()] = self.target(kind, **given)

    def target(
        self, kind: EndpointFactory, name: str | None = None, version: str | None = None
    ) -> Target:
        """Return an endpoint, or a choice of two for a model with a canary.

        By default it is that of the default model. Raises `UnknownModelError` if the model is not
        served.
        """
        if name is not None and version is not None:
            return self._endpoint(kind, self._models.find(name, version), None)
        stable, canary, share, shadow = self._models.route(name)
        target = self._endpoint(kind, stable, shadow)
        if canary is None:
            return target
        return CanaryTarget(target, self._endpoint(kind, canary, shadow), share)

    def _endpoint(
        self, kind: EndpointFactory, model: ServedModel, shadow: ServedModel | None
    ) -> Endpoint:
        key = kind, model, shadow
        if key not in self._endpoints:
            self._endpoints[key] = kind(model, max_rows=self._max_rows, shadow=shadow)
        return self._endpoints[key]


class InferenceRoute:
    """ASGI endpoint of one pattern: FastAPI's own routing takes longer than the model."""

    def __init__(self, policy: RequestPolicy, routes: Routes, kind: EndpointType) -> None:
        self._policy = policy
        self._routes = routes
        self._kind = kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request; raise `UnknownModelError` if the model is not served."""
        endpoint = self._routes.target(self._kind, **scope.get("path_params", {})).choose()
        headers = dict(scope["headers"])
        future: asyncio.Future[RawResponse] = asyncio.get_running_loop().create_future()
        caller = scope.get("state", {}).get(CALLER)
        client = "" if caller is None else caller.name  # a bare application has no callers
        handler = CallbackHandler(self._policy, endpoint, headers, future.set_result, client)
        try:
            endpoint.model.engine.check_room(client)
            endpoint.check(headers)
            body = await Request(scope, receive).body()
        except RequestError as error:
            handler.fail(error)
        else:
            handler.submit(body)
            if not future.done() and not await done_before_disconnect(future, receive):
                handler.cancel()
                raise ClientDisconnect
        await to_starlette(future.result())(scope, receive, send)
