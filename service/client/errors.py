"""What can go wrong with a call, each in one sentence.

ClientError
├── ArgumentError     an argument that cannot be sent
├── FileError         a file whose rows cannot be read
├── ExtraError        a package that the call needs is not installed
├── UnreachableError  no server there, or the connection was lost at every try
├── OutOfTimeError    no answer within `timeout_seconds`
├── AnswerError       an answer that this client cannot read
└── ServerError       the server refused, and said why
    ├── BusyError         its queue was full or it was not ready, at every try
    └── DeadlineError     the deadline that the request set passed before it was computed
"""


class ClientError(Exception):
    """Base: whatever keeps a call from giving what was asked for."""


class ArgumentError(ClientError, ValueError):
    """An argument that cannot be sent."""


class FileError(ClientError, ValueError):
    """A file whose rows cannot be read."""


class ExtraError(ClientError, ImportError):
    """A package that the call needs is not installed."""


class UnreachableError(ClientError):
    """No server there, or the connection was lost at every try."""


class OutOfTimeError(ClientError):
    """No answer within `timeout_seconds`."""


class AnswerError(ClientError):
    """An answer that this client cannot read."""


class ServerError(ClientError):
    """The server refused: `status` is HTTP's, `sentence` the server's own words."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(f"the server answered {status}: {sentence}")
        self.status = status
        self.sentence = sentence


class BusyError(ServerError):
    """The server's queue was full or it was not ready, at every try."""


class DeadlineError(ServerError):
    """The deadline that the request set passed before it was computed."""
