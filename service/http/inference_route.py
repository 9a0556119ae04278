"""The doors as ASGI endpoints: complete on any server, at FastAPI's side."""

import asyncio
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from service.errors import RequestError
from service.http.bodies import check_length, read_body
from service.http.error_responses import response
from service.http.exchange import Exchange
from service.http.reception import Reception
from service.http.replies import Reply
from service.http.routes import Kind, Routes, Target


class InferenceRoute:
    """A plain ASGI endpoint: FastAPI's own request machinery costs more than the model does."""

    def __init__(
        self, reception: Reception, routes: Routes, kind: Kind, *, max_body_bytes: int
    ) -> None:
        self._reception = reception
        self._routes = routes
        self._kind = kind
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a model that is not served becomes the error response."""
        names = scope.get("path_params", {})
        door = self._routes.door(Target(self._kind, names.get("name"), names.get("version")))
        headers = dict(scope["headers"])
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        exchange = Exchange(self._reception, door, headers, future.set_result)
        try:
            door.check(headers)
            check_length(headers, self._limit)
            body = await read_body(receive, limit=self._limit)
        except RequestError as error:
            exchange.fail(error)
            if b"expect" in headers:  # the body may come all the same, or may not: do not guess
                await response(_closing(future.result()))(scope, receive, send)
                return
        else:
            exchange.ask(body)
            if not future.done() and not await _answered_before_leaving(future, receive):
                exchange.leave()
                raise ClientDisconnect
        await response(future.result())(scope, receive, send)


def _closing(reply: Reply) -> Reply:
    return reply._replace(headers=(*reply.headers, (b"connection", b"close")))


async def _answered_before_leaving(future: asyncio.Future[Reply], receive: Receive) -> bool:
    """Wait for the reply or for the client's leaving, whichever comes first."""
    gone = asyncio.ensure_future(receive())
    both: set[asyncio.Future[Any]] = {future, gone}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return future.done()
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone
