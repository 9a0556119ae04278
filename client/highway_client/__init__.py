"""Client of a highway-networks server: numpy rows in, labels, gates and typicality out.

`Client` is for threads, `AsyncClient` for coroutines. Data frames need the extra `notebook`.
"""

from highway_client.async_client import AsyncClient
from highway_client.client import Client
from highway_client.description import ModelDescription
from highway_client.errors import (
    ArgumentError,
    BusyError,
    ClientError,
    DeadlineError,
    ExtraError,
    FileError,
    OutOfTimeError,
    ResponseError,
    ServerError,
    UnreachableError,
)
from highway_client.explanations import Counterfactual, Explanation
from highway_client.input_effects import ColumnEffects, PatchEffects
from highway_client.predictions import Predictions
from highway_client.records import RecordedRow

__all__ = [
    "ArgumentError",
    "AsyncClient",
    "BusyError",
    "Client",
    "ClientError",
    "ColumnEffects",
    "Counterfactual",
    "DeadlineError",
    "Explanation",
    "ExtraError",
    "FileError",
    "ModelDescription",
    "OutOfTimeError",
    "PatchEffects",
    "Predictions",
    "RecordedRow",
    "ResponseError",
    "ServerError",
    "UnreachableError",
]
