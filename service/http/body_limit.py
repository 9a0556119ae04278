"""Request bodies: the limit on their length, and the dependencies that read one.

`BodyLimitMiddleware` applies the limit to every route of the application; on the direct path
`service.http.cycles` does.
"""

from typing import Annotated

from fastapi import Depends, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyTooLargeError
from service.http.endpoints import check_json
from service.http.framing import content_length
from service.http.request_policy import RequestHeaders


def body_too_large(max_bytes: int) -> BodyTooLargeError:
    """Return the error for a body of more than `max_bytes`."""
    return BodyTooLargeError(
        f"body: expected at most {max_bytes} bytes, found more; send the rows in several requests"
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
        received = 0
        body_complete = False

        async def receive_within_limit() -> Message:
            nonlocal body_complete, received
            if not body_complete and content_length(headers) > self._max_bytes:
                raise body_too_large(self._max_bytes)
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise body_too_large(self._max_bytes)
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
