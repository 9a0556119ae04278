"""Request bodies: the limit on their length, and the dependencies that read one.

`BodyLimit` is the one implementation of the limit: `service.http.protocol` uses it directly, and
`BodyLimitMiddleware` applies it to every route of the application.
"""

from typing import Annotated

from fastapi import Depends, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLargeError
from service.http.endpoints import LONGEST_NUMBER, Headers, check_json
from service.http.request_policy import RequestHeaders


class BodyLimit:
    """Limit on the length of one request's body: as announced, and as counted."""

    __slots__ = ("_max_bytes", "_received")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._received = 0

    def check_announced(self, headers: Headers) -> None:
        """Raise `BodyTooLargeError` if Content-Length exceeds the limit."""
        length = headers.get(b"content-length", b"")
        if length.isdigit() and (len(length) > LONGEST_NUMBER or int(length) > self._max_bytes):
            raise self._error()

    def count(self, received: int) -> None:
        """Add received bytes; raise `BodyTooLargeError` if the total exceeds the limit."""
        self._received += received
        if self._received > self._max_bytes:
            raise self._error()

    def _error(self) -> BodyTooLargeError:
        return BodyTooLargeError(
            f"body: expected at most {self._max_bytes} bytes, found more; send the rows in several "
            "requests"
        )


class BodyLimitMiddleware:
    """ASGI middleware that limits the bodies which the application reads.

    The error is raised from `receive`, inside the route, so the application's error handlers
    respond. A route that reads no body is not affected.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; check its body as it is received."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        limit = BodyLimit(self._max_bytes)
        body_complete = False

        async def receive_within_limit() -> Message:
            nonlocal body_complete
            if not body_complete:
                limit.check_announced(headers)
            message = await receive()
            limit.count(len(message.get("body", b"")))
            body_complete = not message.get("more_body", False)
            return message

        async def send_and_close(message: Message) -> None:
            # What the client sends next may be the body that it announced, or a new request.
            if message["type"] == "http.response.start" and not body_complete:
                closing = (b"connection", b"close")
                message = {**message, "headers": [*message["headers"], closing]}
            await send(message)

        expects = b"expect" in headers
        await self._app(scope, receive_within_limit, send_and_close if expects else send)


async def json_body(request: Request, headers: RequestHeaders) -> bytes:
    """Return the body; raise `MediaTypeError` unless the headers declare plain JSON."""
    check_json(headers)
    return await request.body()


async def optional_json_body(request: Request, headers: RequestHeaders) -> bytes:
    """Return the body, `{}` if there is none; one that is not declared JSON is rejected."""
    body = await request.body()
    if body:
        check_json(headers)
    return body or b"{}"


JsonBody = Annotated[bytes, Depends(json_body)]
OptionalJsonBody = Annotated[bytes, Depends(optional_json_body)]
