"""Reading a request's body: its declared form is checked first, its length while it arrives."""

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from service.encoding import JSON
from service.errors import BodyTooLargeError, MediaTypeError

LONGEST_NUMBER = 18  # digits; no body is that long, and Python refuses to read thousands of them


async def read_json_body(scope: Scope, receive: Receive, *, limit: int) -> bytes:
    """Return the whole body, at most `limit` bytes, of a request that says it sends JSON.

    Another type or a compressed body is a `MediaTypeError`, a longer one a `BodyTooLargeError`,
    raised as soon as either shows.
    """
    headers = Headers(scope=scope)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise MediaTypeError(
            f"Content-Type: expected {JSON}, found {'another' if media_type else 'none'}"
        )
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeError("Content-Encoding: expected none, found one; send the body as it is")
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > LONGEST_NUMBER or int(length) > limit):
        raise _too_large(limit)
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
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"body: expected at most {limit} bytes, found more; send the rows in several requests"
    )
