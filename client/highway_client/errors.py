"""Errors of the client, each with a one-sentence message.

ClientError
├── ArgumentError     an argument cannot be sent
├── FileError         the rows of a file cannot be read
├── ExtraError        an optional package is not installed
├── UnreachableError  no connection to the server, after all retries
├── OutOfTimeError    no response within `timeout_seconds`
├── ResponseError     the response cannot be read
└── ServerError       the server refused the request and said why
    ├── BusyError         the queue was full or the server not ready, after all retries
    └── DeadlineError     the deadline of the request passed before it was computed
"""


class ClientError(Exception):
    """Base of all errors of the client."""


class ArgumentError(ClientError, ValueError):
    """An argument cannot be sent."""


class FileError(ClientError, ValueError):
    """The rows of a file cannot be read."""


class ExtraError(ClientError, ImportError):
    """An optional package is not installed."""


class UnreachableError(ClientError):
    """No connection to the server, after all retries."""


class OutOfTimeError(ClientError):
    """No response within `timeout_seconds`."""


class ResponseError(ClientError):
    """The response cannot be read."""


class ServerError(ClientError):
    """The server refused the request: `status` is the HTTP status, `reason` its message."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the server responded {status}: {reason}")
        self.status = status
        self.reason = reason


class BusyError(ServerError):
    """The queue was full or the server not ready, after all retries."""


class DeadlineError(ServerError):
    """The deadline of the request passed before it was computed."""
