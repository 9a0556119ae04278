"""The status of a call that failed: the codes of gRPC for the statuses of HTTP."""

from collections.abc import Iterable
from typing import Any, NoReturn

import orjson

from service.grpc.library import grpc
from service.http.endpoints import Header
from service.http.error_responses import RawResponse

StatusCode = grpc.StatusCode

# Any other status is INTERNAL.
CODES: dict[int, Any] = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    409: StatusCode.FAILED_PRECONDITION,
    413: StatusCode.RESOURCE_EXHAUSTED,
    415: StatusCode.UNIMPLEMENTED,
    421: StatusCode.PERMISSION_DENIED,
    429: StatusCode.RESOURCE_EXHAUSTED,
    501: StatusCode.UNIMPLEMENTED,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}


def trailing_metadata(headers: Iterable[Header]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a response as metadata; the media type is that of gRPC itself."""
    return tuple(
        (name.decode(), value.decode()) for name, value in headers if name != b"content-type"
    )


async def abort(context: Any, response: RawResponse) -> NoReturn:
    """End a call with the status and the sentence of an error response."""
    code = CODES.get(response.status, StatusCode.INTERNAL)
    sentence = orjson.loads(response.body)["error"]
    await context.abort(code, sentence, trailing_metadata(response.headers))
    raise AssertionError("abort raises")
