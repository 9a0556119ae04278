"""Reading a request's body through ASGI: its length is checked while it arrives."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from service.errors import BodyTooLargeError
from service.http.doors import LONGEST_NUMBER, Headers


def check_length(headers: Headers, limit: int) -> None:
    """Refuse a body that is announced to be longer than `limit` bytes."""
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > LONGEST_NUMBER or int(length) > limit):
        raise too_large(limit)


async def read_body(receive: Receive, *, limit: int) -> bytes:
    """Return the whole body; beyond `limit` bytes it is a `BodyTooLargeError` at once."""
    chunks: list[bytes] = []
    received = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        received += len(chunks[-1])
        if received > limit:
            raise too_large(limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def too_large(limit: int) -> BodyTooLargeError:
    """Say that a body is longer than `limit` bytes."""
    return BodyTooLargeError(
        f"body: expected at most {limit} bytes, found more; send the rows in several requests"
    )
