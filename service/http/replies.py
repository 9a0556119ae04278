"""What goes back to a client, before HTTP is made of it; errors in their one shape."""

from collections.abc import Mapping
from typing import NamedTuple

from service.errors import (
    BodyError,
    BodyTooLargeError,
    DeadlineError,
    GoneError,
    InputError,
    LedgerAwayError,
    LedgerOffError,
    MediaTypeError,
    NotReadyError,
    QueryError,
    QueueFullError,
    RequestError,
    UnknownModelError,
    UnknownRequestError,
    UnsupportedError,
)
from service.formats.documents import JSON, encode

Header = tuple[bytes, bytes]

JSON_HEADER: Header = (b"content-type", JSON.encode())

# For each error its status and, as the metrics name it, the reason.
STATUS: dict[type[RequestError], tuple[int, str]] = {
    BodyError: (400, "bad_request"),
    InputError: (400, "bad_request"),
    QueryError: (400, "bad_request"),
    UnknownModelError: (404, "bad_request"),
    UnknownRequestError: (404, "bad_request"),
    LedgerOffError: (404, "bad_request"),
    GoneError: (409, "bad_request"),
    BodyTooLargeError: (413, "too_large"),
    MediaTypeError: (415, "media_type"),
    QueueFullError: (429, "queue_full"),
    UnsupportedError: (501, "bad_request"),
    LedgerAwayError: (503, "not_ready"),
    NotReadyError: (503, "not_ready"),
    DeadlineError: (504, "deadline"),
}
FAULT = (500, "fault")


class Reply(NamedTuple):
    """A response: status, headers but the body's length, and the body."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


def error_reply(status: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Build the one error shape."""
    more = tuple((name.lower().encode(), text.encode()) for name, text in (headers or {}).items())
    return Reply(status, (JSON_HEADER, *more), encode({"error": message}))


def reply_to(error: Exception) -> Reply:
    """Tell a client why it gets no answer; what is our own fault, in no detail."""
    if not isinstance(error, RequestError):
        return error_reply(FAULT[0], "the server failed at this request; its log says why")
    headers = None
    if isinstance(error, QueueFullError):
        headers = {"Retry-After": str(error.retry_after)}
    return error_reply(STATUS[type(error)][0], str(error), headers)


def reason_of(error: Exception) -> str:
    """Return the metrics' word for an error."""
    return (STATUS[type(error)] if isinstance(error, RequestError) else FAULT)[1]
