"""What one request asks of the model, and the ticket that follows it until it is answered."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from service.classifier import FloatArray

Outputs = Mapping[str, FloatArray]  # by name, one line for each row of the question


class Question(NamedTuple):
    """Rows (n, features) and the names of the outputs wanted for them.

    `gate_scale`, (1 or n, layers), multiplies the gates. `deadline_ns`, on the clock of
    `time.perf_counter_ns`, is when an answer has lost its use. A named tuple, for it costs a
    third of what a frozen dataclass does, at every request.
    """

    rows: FloatArray
    outputs: frozenset[str]
    gate_scale: FloatArray | None = None
    deadline_ns: int | None = None


class State(Enum):
    """Where a ticket is."""

    WAITING = "in the queue, perhaps with some of its rows answered"
    RUNNING = "its last rows are in a run"
    OVER = "answered, failed, expired or given up"


class Ticket:
    """A question's way through the queue; all times in ns of `time.perf_counter_ns`.

    Once it is over either `outputs` or `error` is set, unless the client gave it up. `run_ns` is
    what its runs took together, `run_rows` how many rows, others' too, its last run had.
    """

    __slots__ = (
        *("question", "done", "queued_ns", "size", "taken", "state", "pieces"),
        *("began_ns", "run_ns", "run_rows", "outputs", "error"),
    )

    def __init__(
        self, question: Question, done: Callable[["Ticket"], None], queued_ns: int
    ) -> None:
        self.question = question
        self.done = done
        self.queued_ns = queued_ns
        self.size = len(question.rows)
        self.taken = 0  # rows that were given to a run
        self.state = State.WAITING
        self.pieces: list[Outputs] | None = None  # of a question larger than a run
        self.began_ns = 0
        self.run_ns = 0
        self.run_rows = 0
        self.outputs: Outputs | None = None
        self.error: Exception | None = None

    @property
    def left(self) -> int:
        """The number of rows that no run has had."""
        return self.size - self.taken
