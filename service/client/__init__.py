"""A client of the server, for Python and the command line: numpy rows in, labels and gates out.

It needs the extra `client`, for data frames `notebook`; nothing of the server imports it.
`Client` and `AsyncClient` do the input and output, all else they share and it knows no sockets.
"""

try:
    import httpx2 as _httpx2  # noqa: F401  # asked for here so that its absence is one sentence
except ModuleNotFoundError as error:
    raise ImportError(
        "service.client: expected the extra 'client', found no httpx2; install it with "
        "`pip install '.[client]'`"
    ) from error

from service.client.async_client import AsyncClient
from service.client.client import Client
from service.client.description import ModelDescription
from service.client.errors import (
    AnswerError,
    ArgumentError,
    BusyError,
    ClientError,
    DeadlineError,
    ExtraError,
    OutOfTimeError,
    ServerError,
    UnreachableError,
)
from service.client.explanations import Explanation, SmallestSet
from service.client.predictions import Predictions
from service.client.records import RecordedRow

__all__ = [
    "AnswerError",
    "ArgumentError",
    "AsyncClient",
    "BusyError",
    "Client",
    "ClientError",
    "DeadlineError",
    "Explanation",
    "ExtraError",
    "ModelDescription",
    "OutOfTimeError",
    "Predictions",
    "RecordedRow",
    "ServerError",
    "SmallestSet",
    "UnreachableError",
]
