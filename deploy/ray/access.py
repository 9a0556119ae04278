"""Hosts, origins and API keys, checked in front of the application.

The project's own server checks them before it builds an ASGI request; Ray's proxy does not.
"""

from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import RequestError
from service.http.access import CALLER, Access
from service.http.error_responses import response_to, to_starlette


class AccessMiddleware:
    """ASGI middleware that names the caller, or refuses the request."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if its caller may send it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        more = self._access.response_headers(headers)

        async def send_with_headers(message: Message) -> None:
            if more and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        path = scope["path"].removeprefix(scope.get("root_path", ""))  # without Ray's route prefix
        address = scope["client"][0] if scope.get("client") else ""
        try:
            caller = self._access.check(
                scope["method"].encode(), quote(path or "/").encode(), headers, address
            )
        except RequestError as error:
            await to_starlette(response_to(error))(scope, receive, send_with_headers)
            return
        state = {**scope.get("state", {}), CALLER: caller}
        await self._app({**scope, "state": state}, receive, send_with_headers)
