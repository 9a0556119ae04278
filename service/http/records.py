"""What is told of an exchange to those who write logs and traces."""

from typing import NamedTuple, Protocol

from service.http.doors import Door, Headers
from service.inference.statistics import Timing


class Record(NamedTuple):
    """What one exchange was, for logs and traces; nothing of its body.

    `timing` is None where there was no answer.
    """

    door: Door
    headers: Headers
    request_id: str
    status: int
    rows: int
    arrived_ns: int
    ended_ns: int
    timing: Timing | None


class Recorder(Protocol):
    """Writes logs or traces."""

    def wants(self, status: int) -> bool:
        """Say, of the next exchange, whether it should be told; asked for each, so be quick."""

    def record(self, record: Record) -> None:
        """Write an exchange that was wanted."""
