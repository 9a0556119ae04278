"""A classifier that can be held and can fail, and an engine around it; tests run on both loops."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Condition, current_thread
from time import monotonic, sleep
from typing import Any, NamedTuple

import numpy as np
import pytest

from service.classifier import Classifier, FloatArray
from service.contract import OUTPUTS
from service.inference.engine import Engine
from service.inference.question import Question, Ticket
from service.inference.queue import RowQueue
from service.inference.run import Run

ALL = frozenset(OUTPUTS)
BROKEN = -999.0  # a row that begins so makes a run fail
RUN_ROWS = 8


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run each `async def` test that is marked `anyio` on asyncio's loop and on uvloop's."""
    return "asyncio", {"use_uvloop": request.param}


class Computed(NamedTuple):
    outputs: tuple[str, ...]
    first: list[float]  # of each row its first value
    scale: FloatArray | None
    thread: str


class Watched(Classifier):
    """Remembers its runs, waits before each while it is held, and fails at a broken row."""

    def __init__(self, content: bytes) -> None:
        self.runs: list[Computed] = []
        self._allowed = sys.maxsize  # runs
        self._change = Condition()
        super().__init__(content)  # answers its golden rows
        self.runs.clear()

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        first = rows[:, 0].tolist()
        self.runs.append(Computed(tuple(outputs), first, gate_scale, current_thread().name))
        with self._change:
            assert self._change.wait_for(lambda: len(self.runs) <= self._allowed, 10)
        if BROKEN in first:
            raise RuntimeError("a broken row")
        return super().compute(outputs, rows, gate_scale)

    @property
    def sizes(self) -> list[int]:
        """The number of rows of each run."""
        return [len(run.first) for run in self.runs]

    def hold(self, *, after: int = 0) -> None:
        """Let the runs go on that have begun and so many more, and no other."""
        self._allow(len(self.runs) + after)

    def release(self) -> None:
        self._allow(sys.maxsize)

    def _allow(self, runs: int) -> None:
        with self._change:
            self._allowed = runs
            self._change.notify()


@dataclass
class Office:
    """An engine, what it told of its runs, and the tickets that are over, in their order."""

    engine: Engine
    classifier: Watched
    runs: list[Run]
    over: list[Ticket] = field(default_factory=list)
    _ended: dict[Ticket, asyncio.Event] = field(default_factory=dict)

    def ask(self, rows: FloatArray, outputs: frozenset[str] = ALL, **more: Any) -> Ticket:
        ticket = self.engine.submit(Question(rows, outputs, **more), self._note)
        self._ended[ticket] = asyncio.Event()
        return ticket

    def _note(self, ticket: Ticket) -> None:
        self.over.append(ticket)
        self._ended[ticket].set()

    async def answered(self, *tickets: Ticket) -> None:
        async with asyncio.timeout(10):
            for ticket in tickets:
                await self._ended[ticket].wait()

    async def occupy(self) -> Ticket:
        """Let a run of one row begin and hold it: what is asked from now on waits."""
        self.classifier.hold()
        ticket = self.ask(numbered(1))
        await until(lambda: self.classifier.sizes == [1])
        return ticket


@asynccontextmanager
async def opened(classifier: Watched, *, capacity: int = 1000) -> AsyncIterator[Office]:
    runs: list[Run] = []
    queue = RowQueue(capacity=capacity, run_rows=RUN_ROWS)
    engine = Engine(classifier, queue, runs.append)
    engine.start(asyncio.get_running_loop())
    try:
        yield Office(engine, classifier, runs)
    finally:
        classifier.release()
        engine.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread or the loop does soon."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)  # uvloop takes less for 0, and would spin


async def block_until(condition: Callable[[], bool]) -> None:
    """Wait as `until`, but let the event loop hear of nothing meanwhile."""
    await asyncio.sleep(0)  # what it has planned already: waking the thread
    end = monotonic() + 10
    while not condition():
        assert monotonic() < end
        sleep(0.0005)


def numbered(count: int, first: float = 0.0) -> FloatArray:
    """Return rows that begin with first, first + 1, …; their first logit is that plus 1."""
    rows = np.zeros((count, 4), np.float32)
    rows[:, 0] = np.arange(count, dtype=np.float32) + first
    return rows


def first_logits(ticket: Ticket) -> list[float]:
    assert ticket.error is None
    assert ticket.outputs is not None
    values: list[float] = ticket.outputs["logits"][:, 0].tolist()
    return values


@pytest.fixture
def watched(content: bytes) -> Iterator[Watched]:
    classifier = Watched(content)
    yield classifier
    classifier.release()
