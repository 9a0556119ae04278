"""Errors of a request, independent of HTTP; each is a `RequestError`."""


class RequestError(ValueError):
    """Base class; the message is one sentence that repeats nothing of the body."""


class BodyError(RequestError):
    """The body is malformed."""


class InputError(RequestError):
    """The rows do not fit the model."""


class QueryError(RequestError):
    """The query parameters are malformed."""


class UnknownModelError(RequestError):
    """No model of this name or version is served."""


class UnknownRequestError(RequestError):
    """The ledger has no such request, or not the requested part of it."""


class LedgerOffError(RequestError):
    """The server keeps no ledger."""


class LedgerUnavailableError(RequestError):
    """The ledger's database is unavailable."""


class ModelRefusedError(RequestError):
    """The model repository cannot load or unload the model."""


class GoneError(RequestError):
    """The model of a recorded request is no longer served."""


class BodyTooLargeError(RequestError):
    """The body exceeds the server's limit."""


class MediaTypeError(RequestError):
    """The server does not read bodies of this media type or encoding."""


class DeadlineError(RequestError):
    """The deadline of the client or the server has passed."""


class QueueFullError(RequestError):
    """The queue is full; there may be room in `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotReadyError(RequestError):
    """The server is starting or stopping, or serves no model."""


class UnsupportedError(RequestError):
    """A feature of the protocol that this server does not support."""


class AuthenticationError(RequestError):
    """The request has no valid API key."""


class ScopeError(RequestError):
    """The caller does not have the scope that the path needs."""


class UnknownPathError(RequestError):
    """The caller may not call this path, whether it exists or not."""


class AttemptsError(RequestError):
    """Too many wrong API keys; the count begins again in `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HostError(RequestError):
    """The server is not addressed by one of its names."""


class OriginError(RequestError):
    """A page of another origin may not send this request."""
