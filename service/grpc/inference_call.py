"""The method ModelInfer: a call's message goes to the queue that HTTP requests use."""

import asyncio
from functools import partial
from typing import Any, NamedTuple

from service.errors import QueueFullError, RequestError
from service.grpc.calls import Calls, headers_of
from service.grpc.endpoint import TIMEOUT, InferMessageEndpoint
from service.grpc.infer_request import decode
from service.grpc.status import abort, trailing_metadata
from service.http.cycles import no_memory_error
from service.http.error_responses import RawResponse
from service.http.protocol_context import ProtocolContext
from service.http.request_handler import CallbackHandler, RequestHandler
from service.observers import SUCCESS

# Needs the scope of the protocol's own path; `Access` knows this path without parsing it.
PATH = b"/predict"


class Begun(NamedTuple):
    """A request under way, and the number of bytes that are counted for it."""

    handler: RequestHandler
    response: "asyncio.Future[RawResponse]"
    size: int


class InferenceCall:
    """The behaviour of the method."""

    def __init__(self, calls: Calls, context: ProtocolContext) -> None:
        self._calls = calls
        self._policy = context.policy
        self._routes = context.routes
        self._budget = context.budget

    async def __call__(self, _requests: Any, context: Any) -> bytes:
        """Return the bytes of the response to one call; if it is cancelled, drop the request."""
        headers = headers_of(context)
        try:
            client = self._calls.check(PATH, headers, context).name
            handler, future, size = self._begin(
                headers, client, await self._calls.receive(context), context.time_remaining()
            )
        except Exception as error:
            await self._calls.fail(context, headers, error)
        try:
            response = await future
        except asyncio.CancelledError:
            handler.cancel()
            raise
        finally:
            self._budget.give(size)
        if response.status != SUCCESS:
            await abort(context, response)
        context.set_trailing_metadata(trailing_metadata(response.headers))
        return response.body

    def _begin(
        self, headers: dict[bytes, bytes], client: str, body: bytes, seconds: float | None
    ) -> Begun:
        """Submit the request; its own call, so that nothing keeps the body afterwards."""
        size = len(body)
        fits = self._budget.take(size, 0)
        try:
            # For the name only: its endpoint decodes the body again. That takes half a microsecond
            # for one row, and 0.1 ms for 3 MB.
            message = decode(body)
            name, version = message.model_name, message.model_version or None
            del message
            endpoint = self._routes.target(InferMessageEndpoint, name, version).choose()
        except Exception:
            self._budget.give(size if fits else 0)
            raise
        headers.pop(TIMEOUT, None)  # grpcio passes a malformed one on as metadata
        if seconds is not None:
            headers[TIMEOUT] = b"%d" % (seconds * 1e6)
        future: asyncio.Future[RawResponse] = asyncio.get_running_loop().create_future()
        respond = partial(_set_response, future)
        handler = CallbackHandler(self._policy, endpoint, headers, respond, client)
        try:
            if not fits:
                raise no_memory_error()
            endpoint.model.engine.check_room(client)
        except RequestError as error:
            self._refuse(handler, endpoint.model.engine, error.with_traceback(None))
        else:
            handler.submit(body)
        return Begun(handler, future, size if fits else 0)

    def _refuse(self, handler: RequestHandler, engine: Any, error: RequestError) -> None:
        if isinstance(error, QueueFullError):
            engine.refuse(partial(handler.fail, error))
        else:
            handler.fail(error)


def _set_response(future: "asyncio.Future[RawResponse]", response: RawResponse) -> None:
    """Set the response unless the call has been cancelled in the meantime."""
    if not future.done():
        future.set_result(response)
