"""What can go wrong with a request; domain errors that know no HTTP.

RequestError
├── BodyError          the body is not what the endpoint reads
├── InputError         the rows are not what the model reads
├── QueryError         the query is not what the endpoint reads
├── UnknownModelError  no model of that name or version is served
├── UnknownRequestError  the ledger has no such request, or not what is asked of it
├── LedgerOffError     the server keeps no ledger
├── LedgerAwayError    the ledger's database does not answer
├── GoneError          what a request was answered by is no longer served
├── BodyTooLargeError  the body is longer than the server takes
├── MediaTypeError     the body comes in a form the server does not read
├── DeadlineError      the answer would come too late
├── QueueFullError     too many rows wait already
├── NotReadyError      the server is starting or stopping
└── UnsupportedError   the protocol has it, this server does not
"""


class RequestError(ValueError):
    """Base: why a request has no answer, in one sentence that repeats nothing of the body."""


class BodyError(RequestError):
    """The body is not what the endpoint reads."""


class InputError(RequestError):
    """The rows are not what the model reads."""


class QueryError(RequestError):
    """The query is not what the endpoint reads."""


class UnknownModelError(RequestError):
    """No model of that name or version is served."""


class UnknownRequestError(RequestError):
    """The ledger has no such request, or not what is asked of it."""


class LedgerOffError(RequestError):
    """The server keeps no ledger."""


class LedgerAwayError(RequestError):
    """The ledger's database does not answer."""


class GoneError(RequestError):
    """What a request was answered by is no longer served."""


class BodyTooLargeError(RequestError):
    """The body is longer than the server takes."""


class MediaTypeError(RequestError):
    """The body comes in a form that the server does not read."""


class DeadlineError(RequestError):
    """The answer would come later than the client or the server allows."""


class QueueFullError(RequestError):
    """Too many rows wait already; in `retry_after` seconds there may be room."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotReadyError(RequestError):
    """The server is starting or stopping."""


class UnsupportedError(RequestError):
    """The protocol has it, this server does not."""
