"""What can go wrong with a request; domain errors that know no HTTP.

RequestError
├── BodyError         the body is not what the endpoint reads
├── InputError        the rows are not what the model reads
├── BodyTooLargeError the body is longer than the server takes
└── MediaTypeError    the body comes in a form the server does not read
"""


class RequestError(ValueError):
    """Base: the client's mistake, in one sentence that repeats nothing of the body."""


class BodyError(RequestError):
    """The body is not what the endpoint reads."""


class InputError(RequestError):
    """The rows are not what the model reads."""


class BodyTooLargeError(RequestError):
    """The body is longer than the server takes."""


class MediaTypeError(RequestError):
    """The body comes in a form that the server does not read."""
