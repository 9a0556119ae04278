"""HEAD for every path that has GET: the same headers without a body."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadMiddleware:
    """ASGI middleware that answers HEAD as GET and discards the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        complete = False

        async def receive_until_complete() -> Message:
            return {"type": "http.disconnect"} if complete else await receive()

        async def send_head(message: Message) -> None:
            nonlocal complete
            if complete:
                return
            if message["type"] == "http.response.body":
                complete = True
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive_until_complete, send_head)
