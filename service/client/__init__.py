"""A client of the server, for Python and the command line: numpy rows in, labels and gates out.

It needs the extra `client`; nothing of the server imports it. `Client` and `AsyncClient` do the
input and output, all else they share and it knows no sockets.
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
    OutOfTimeError,
    ServerError,
    UnreachableError,
)
from service.client.predictions import Predictions

__all__ = [
    "AnswerError",
    "ArgumentError",
    "AsyncClient",
    "BusyError",
    "Client",
    "ClientError",
    "DeadlineError",
    "ModelDescription",
    "OutOfTimeError",
    "Predictions",
    "ServerError",
    "UnreachableError",
]
