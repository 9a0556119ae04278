"""A classifier that can be paused and can fail, and an engine around it; tests use both loops.

It reports whether its batches are short, which an engine computes on the event loop, or long, which
it computes on its thread.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Condition, current_thread
from typing import Any, NamedTuple

import numpy as np
import pytest

from service.arrays import FloatArray
from service.classifier import Classifier
from service.contract import OUTPUTS
from service.inference.batch import BatchResult
from service.inference.engine import Engine
from service.inference.pace import Pace
from service.inference.queue import InferenceRequest, PendingRequest, RowQueue

ALL = frozenset(OUTPUTS)
FAULTY = -999.0  # a batch fails if one of its rows begins with this value
MAX_BATCH_ROWS = 8
# The time that a classifier reports for a batch of any size.
SHORT_NS, LONG_NS = 1, 10_000_000_000


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Run each `async def` test that is marked `anyio` on asyncio's loop and on uvloop's."""
    return "asyncio", {"use_uvloop": request.param}


class Computed(NamedTuple):
    outputs: tuple[str, ...]
    first: list[float]  # the first value of each row
    scale: FloatArray | None
    thread: str


class RecordingClassifier(Classifier):
    """Records its batches, waits before each while it is paused, and fails at a faulty row.

    A batch takes `batch_ns`, as it reports; to pause short ones would block the event loop.
    """

    def __init__(self, content: bytes, batch_ns: int = LONG_NS) -> None:
        self.batches: list[Computed] = []
        self.batch_ns = batch_ns
        self._allowed = sys.maxsize  # number of batches
        self._change = Condition()
        super().__init__(content)  # computes its golden rows
        self.batches.clear()

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        first = rows[:, 0].tolist()
        self.batches.append(Computed(tuple(outputs), first, gate_scale, current_thread().name))
        with self._change:
            self._change.notify_all()
            assert self._change.wait_for(lambda: len(self.batches) <= self._allowed, 10)
        if FAULTY in first:
            raise RuntimeError("a faulty row")
        return super().compute(outputs, rows, gate_scale)

    def measure(self, rows: int) -> int:
        return self.batch_ns

    @property
    def sizes(self) -> list[int]:
        """The number of rows of each batch."""
        return [len(batch.first) for batch in self.batches]

    @property
    def threads(self) -> set[str]:
        """The names of the threads that computed the batches."""
        return {batch.thread for batch in self.batches}

    def wait_for_batch(self, seconds: float) -> None:
        """Block until another batch has begun, at most for this time."""
        with self._change:
            self._change.wait(seconds)

    def pause(self, *, after: int = 0) -> None:
        """Let the batches under way and `after` further ones finish, and no others."""
        self._allow(len(self.batches) + after)

    def resume(self) -> None:
        self._allow(sys.maxsize)

    def _allow(self, batches: int) -> None:
        with self._change:
            self._allowed = batches
            self._change.notify_all()


class ReportedPace(Pace):
    """Expects the times that the classifier reports for its batches, whatever they take."""

    def _update_batch_factor(self, bits: int, ratio: float) -> None:
        pass


@dataclass
class EngineHarness:
    """An engine with the batches that it has completed and the requests that have ended."""

    engine: Engine
    queue: RowQueue
    classifier: RecordingClassifier
    batches: list[BatchResult]
    ended: list[PendingRequest] = field(default_factory=list)
    _events: dict[PendingRequest, asyncio.Event] = field(default_factory=dict)

    def submit(
        self, rows: FloatArray, outputs: frozenset[str] = ALL, client: str = "", **more: Any
    ) -> PendingRequest:
        pending = self.engine.submit(InferenceRequest(rows, outputs, **more), self._end, client)
        self._events[pending] = asyncio.Event()
        return pending

    def _end(self, pending: PendingRequest) -> None:
        self.ended.append(pending)
        self._events[pending].set()

    async def wait(self, *requests: PendingRequest) -> None:
        async with asyncio.timeout(10):
            for pending in requests:
                await self._events[pending].wait()

    async def resume(self, *requests: PendingRequest) -> None:
        """Resume the classifier and wait for requests."""
        self.classifier.resume()
        await self.wait(*requests)

    async def occupy(self) -> PendingRequest:
        """Start a batch of one row and pause it, so that further requests wait."""
        self.classifier.pause()
        pending = self.submit(numbered(1))
        await until(lambda: self.classifier.sizes == [1])
        return pending


@asynccontextmanager
async def running_engine(
    classifier: RecordingClassifier, *, capacity: int = 1000
) -> AsyncIterator[EngineHarness]:
    batches: list[BatchResult] = []
    queue = RowQueue(capacity=capacity, max_batch_rows=MAX_BATCH_ROWS)
    queue.pace = ReportedPace(MAX_BATCH_ROWS)
    engine = Engine(classifier, queue, lambda batch, _: batches.append(batch))
    engine.start(asyncio.get_running_loop())
    try:
        yield EngineHarness(engine, queue, classifier, batches)
    finally:
        classifier.resume()
        engine.close()


async def until_short(harness: EngineHarness) -> None:
    """Wait until the engine knows that the batches are short, and forget those before."""
    while harness.classifier.threads != {current_thread().name}:
        harness.classifier.batches.clear()
        await harness.wait(harness.submit(numbered(1)))
    for recorded in (harness.classifier.batches, harness.batches, harness.ended):
        recorded.clear()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a change by another thread or by the loop."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)  # uvloop takes less for 0, and would spin


def numbered(count: int, first: float = 0.0) -> FloatArray:
    """Return rows that begin with first, first + 1, …; their first logit is that plus 1."""
    rows = np.zeros((count, 4), np.float32)
    rows[:, 0] = np.arange(count, dtype=np.float32) + first
    return rows


def first_logits(pending: PendingRequest) -> list[float]:
    assert pending.error is None
    assert pending.outputs is not None
    values: list[float] = pending.outputs["logits"][:, 0].tolist()
    return values


@pytest.fixture
def classifier(content: bytes) -> Iterator[RecordingClassifier]:
    recording = RecordingClassifier(content)
    yield recording
    recording.resume()


@pytest.fixture
async def harness(classifier: RecordingClassifier) -> AsyncIterator[EngineHarness]:
    async with running_engine(classifier) as harness:
        yield harness


@pytest.fixture
async def short(content: bytes) -> AsyncIterator[EngineHarness]:
    """Return an engine whose batches are all computed on the event loop."""
    async with running_engine(RecordingClassifier(content, SHORT_NS)) as harness:
        await until_short(harness)
        yield harness
