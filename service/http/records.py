"""What is told of an exchange to those who write logs, traces and the ledger."""

from typing import NamedTuple, Protocol

from service.http.doors import Door, Headers
from service.inference.question import Outputs, Question
from service.inference.statistics import Timing


class Record(NamedTuple):
    """What one exchange was; logs and traces tell nothing of what was asked and answered.

    `timing`, `question` and `outputs` are None where there was no answer.
    """

    door: Door
    headers: Headers
    request_id: str
    status: int
    rows: int
    arrived_ns: int
    ended_ns: int
    timing: Timing | None
    question: Question | None = None
    outputs: Outputs | None = None


class Recorder(Protocol):
    """Writes logs, traces or the ledger."""

    def wants(self, status: int, rows: int) -> bool:
        """Say of an exchange whether it should be told; asked once for each, so be quick."""

    def record(self, record: Record) -> None:
        """Write an exchange that was wanted."""
