"""Large requests, and callbacks that submit requests while a batch ends."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from threading import current_thread
from typing import Any

import pytest

from service.arrays import FloatArray
from service.inference.engine import MAX_LOOP_NS, Engine
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest, PendingRequest, RowQueue
from tests.service.inference.conftest import (
    RecordingClassifier,
    ReportedPace,
    first_logits,
    numbered,
    running_engine,
    until,
)

pytestmark = pytest.mark.anyio

LOGITS = frozenset({"logits"})


class MixedClassifier(RecordingClassifier):
    """Reports a time by which up to 300 rows are computed on the loop, and more on the thread."""

    def measure(self, rows: int) -> int:
        return 700_000 + 1000 * rows


class Harness:
    """An engine, and the logits of its requests that have ended."""

    def __init__(self, engine: Engine, queue: RowQueue, classifier: MixedClassifier) -> None:
        self.engine = engine
        self.queue = queue
        self.classifier = classifier
        self.ended: list[PendingRequest] = []

    def submit(self, rows: int, first: float = 0.0, client: str = "") -> PendingRequest:
        request = InferenceRequest(numbered(rows, first), LOGITS)
        return self.engine.submit(request, self.ended.append, client)


@pytest.fixture
async def mixed(content: bytes) -> AsyncIterator[Harness]:
    classifier = MixedClassifier(content)
    queue = RowQueue(capacity=8192, max_batch_rows=512)
    queue.pace = ReportedPace(512)
    engine = Engine(classifier, queue, lambda batch, _: None)
    engine.start(asyncio.get_running_loop())
    await until(lambda: queue.pace.ns_per_row > 0)
    try:
        yield Harness(engine, queue, classifier)
    finally:
        engine.close()


async def test_the_rows_of_a_large_request_keep_their_order_beside_callbacks(
    mixed: Harness,
) -> None:
    engine = mixed.engine

    def begin_next(_: PendingRequest) -> None:
        mixed.submit(8)
        time.sleep(0.02)  # the thread finishes meanwhile

    engine.submit(InferenceRequest(numbered(64), LOGITS), begin_next)
    large = mixed.submit(1000)
    await until(lambda: large in mixed.ended)
    assert first_logits(large) == [n + 1.0 for n in range(1000)]


@pytest.mark.parametrize("seed", range(8))
async def test_every_request_gets_its_own_rows_whatever_happens_in_callbacks(
    mixed: Harness, seed: int
) -> None:
    choose = random.Random(seed)
    sizes = (1, 7, 8, 64, 200, 512, 700, 1500)
    expected: dict[PendingRequest, tuple[float, int]] = {}
    wrong: list[str] = []
    left = 150

    def submit() -> None:
        nonlocal left
        if left:
            left -= 1
            rows, first = choose.choice(sizes), float(1000 * left)
            request = InferenceRequest(numbered(rows, first), LOGITS)
            client = choose.choice(("a", "b"))
            if mixed.queue.rows < 6000:
                expected[mixed.engine.submit(request, on_end, client)] = first, rows

    def on_end(pending: PendingRequest) -> None:
        first, rows = expected.pop(pending)
        if first_logits(pending) != [first + n + 1 for n in range(rows)]:
            wrong.append(f"{rows} rows from {first}")
        for _ in range(choose.randrange(3)):
            submit()

    for _ in range(10):
        submit()
    while left:
        submit()
        await asyncio.sleep(choose.choice((0, 0.001)))
    await until(lambda: not expected)
    assert wrong == []


async def test_a_request_that_a_callback_submits_after_an_expiry_is_computed(
    content: bytes,
) -> None:
    async with running_engine(RecordingClassifier(content)) as harness:
        first = await harness.occupy()
        expired = harness.submit(numbered(1), deadline_ns=time.perf_counter_ns())
        following: list[PendingRequest] = []
        expired.done = lambda _: following.append(harness.submit(numbered(2)))
        await harness.resume(first)
        await until(lambda: len(following) == 1)
        await harness.wait(following[0])
        assert first_logits(following[0]) == [1, 2]


async def test_the_requests_of_a_batch_whose_outputs_cannot_be_divided_end(
    mixed: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no room for the parts")

    with monkeypatch.context() as patch:
        patch.setattr(BatchOutputs, "rows", fail)  # large requests are divided
        large = mixed.submit(1500)
        await until(lambda: large in mixed.ended)
    assert isinstance(large.error, MemoryError)
    following = mixed.submit(3)
    await until(lambda: following in mixed.ended)
    assert first_logits(following) == [1, 2, 3]


class WaitingClassifier(RecordingClassifier):
    """Waits in each batch, as if the machine were busy, and reports a short time."""

    def measure(self, rows: int) -> int:
        return 100_000

    def compute(
        self, outputs: Any, rows: FloatArray, gate_scale: FloatArray | None = None
    ) -> list[FloatArray]:
        time.sleep(3e-9 * MAX_LOOP_NS)
        return super().compute(outputs, rows, gate_scale)


async def test_a_batch_that_has_waited_for_a_processor_counts_as_short(content: bytes) -> None:
    queue = RowQueue(capacity=1000, max_batch_rows=512)
    classifier = WaitingClassifier(content)
    engine = Engine(classifier, queue, lambda batch, _: None)
    engine.start(asyncio.get_running_loop())
    try:
        await until(lambda: queue.pace.ns_per_row > 0)
        classifier.batches.clear()
        for _ in range(20):
            await engine.compute(InferenceRequest(numbered(1), LOGITS))
        assert queue.pace.expected_ns(1) < MAX_LOOP_NS
        assert classifier.batches[-1].thread == current_thread().name
    finally:
        engine.close()
