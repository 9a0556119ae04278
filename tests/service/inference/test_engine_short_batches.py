"""Batches that the engine computes on the event loop because they are short, and the others."""

import asyncio
from threading import current_thread

import numpy as np
import pytest

from service.errors import InputError, NotReadyError, QueueFullError
from service.inference.batch import BatchResult
from service.inference.engine import MAX_LOOP_NS, Engine
from service.inference.queue import InferenceRequest, PendingRequest, RowQueue
from tests.service.inference.conftest import (
    FAULTY,
    MAX_BATCH_ROWS,
    EngineHarness,
    RecordingClassifier,
    first_logits,
    numbered,
    running_engine,
    until,
    until_short,
)

pytestmark = pytest.mark.anyio

LOGITS = frozenset({"logits"})


class GrowingClassifier(RecordingClassifier):
    """Reports a time of `batch_ns` for each row."""

    def measure(self, rows: int) -> int:
        return rows * self.batch_ns


def loop_thread() -> str:
    """Return the name of the thread of the event loop, in which the tests run."""
    return current_thread().name


def threads_by_size(harness: EngineHarness) -> list[tuple[int, str]]:
    return [(len(batch.first), batch.thread) for batch in harness.classifier.batches]


async def test_a_short_batch_is_computed_on_the_loops_thread(short: EngineHarness) -> None:
    await short.wait(pending := short.submit(numbered(2)))
    assert first_logits(pending) == [1, 2]
    assert short.classifier.threads == {loop_thread()}


async def test_a_long_batch_is_computed_on_the_inference_thread(harness: EngineHarness) -> None:
    await harness.wait(*[harness.submit(numbered(20)) for _ in range(3)])
    assert harness.classifier.threads == {"inference"}


class ImmeasurableClassifier(RecordingClassifier):
    def measure(self, rows: int) -> int:
        raise MemoryError("no room for a batch")


async def test_a_batch_of_unknown_time_is_computed_on_the_inference_thread(content: bytes) -> None:
    async with running_engine(ImmeasurableClassifier(content)) as harness:
        await harness.wait(harness.submit(numbered(1)), harness.submit(numbered(20)))
        assert harness.classifier.threads == {"inference"}


async def test_the_time_that_its_rows_are_expected_to_take_decides(content: bytes) -> None:
    # 0.15 ms a row: a full batch of 8 rows takes longer than the bound, one of 6 does not.
    classifier = GrowingClassifier(content, batch_ns=150_000)
    assert 6 * classifier.batch_ns < MAX_LOOP_NS < 7 * classifier.batch_ns
    async with running_engine(classifier) as harness:
        await until(lambda: harness.queue.pace.ns_per_row > 0)
        await harness.wait(harness.submit(numbered(8)))
        await harness.wait(harness.submit(numbered(1)))
        assert threads_by_size(harness) == [(8, "inference"), (1, loop_thread())]


async def test_a_submitted_request_is_not_computed_at_once(short: EngineHarness) -> None:
    pending = short.submit(numbered(1))
    assert short.classifier.batches == []
    await short.wait(pending)


async def test_what_arrives_in_one_iteration_of_the_loop_forms_one_batch(
    short: EngineHarness,
) -> None:
    requests = [short.submit(numbered(2, 10 * n)) for n in range(3)]
    await short.wait(*requests)
    assert short.classifier.sizes == [6]
    assert [first_logits(pending) for pending in requests] == [[1, 2], [11, 12], [21, 22]]


async def test_requests_that_arrive_while_responses_are_sent_form_the_next_batch(
    short: EngineHarness,
) -> None:
    following: list[PendingRequest] = []

    def submit_two(_: PendingRequest) -> None:
        following.extend(short.submit(numbered(1, 10 * n)) for n in (1, 2))

    short.engine.submit(InferenceRequest(numbered(1), LOGITS), submit_two)
    await until(lambda: bool(following))
    await short.wait(*following)
    assert short.classifier.sizes == [1, 2]
    assert [first_logits(pending) for pending in following] == [[11], [21]]


async def test_the_loop_does_other_work_between_two_short_batches(short: EngineHarness) -> None:
    pending = short.submit(numbered(3 * MAX_BATCH_ROWS))
    batches: list[int] = []
    while not batches or batches[-1] < 3:
        batches.append(len(short.classifier.batches))
        await asyncio.sleep(0)
    assert {0, 1, 2, 3} <= set(batches)
    await short.wait(pending)


async def test_the_outputs_of_a_large_request_are_joined(short: EngineHarness) -> None:
    await short.wait(pending := short.submit(numbered(20)))
    assert short.classifier.sizes == [8, 8, 4]
    assert first_logits(pending) == [n + 1.0 for n in range(20)]


async def test_the_loop_goes_on_while_the_thread_computes(harness: EngineHarness) -> None:
    running = await harness.occupy()
    for _ in range(10):
        await asyncio.sleep(0)
    waiting = harness.submit(numbered(2))
    await asyncio.sleep(0.01)
    assert harness.classifier.sizes == [1]
    assert harness.ended == []
    await harness.resume(running, waiting)
    assert harness.classifier.sizes == [1, 2]


async def test_the_thread_gets_its_next_batch_before_the_responses_of_the_last_are_sent(
    harness: EngineHarness,
) -> None:
    await harness.occupy()
    begun: list[bool] = []

    def block(_: PendingRequest) -> None:
        """Block the loop until the thread has begun the batch after the next one."""
        for _attempt in range(1000):
            if harness.classifier.sizes == [1, 8, 8]:
                break
            harness.classifier.wait_for_batch(0.01)
        begun.append(harness.classifier.sizes == [1, 8, 8])

    harness.engine.submit(InferenceRequest(numbered(8), LOGITS), block)
    last = harness.submit(numbered(8, 50))
    await harness.resume(last)
    assert begun == [True]


async def test_a_short_batch_after_a_long_one_does_not_precede_its_outputs(content: bytes) -> None:
    # 0.15 ms a row: 8 rows are long; a turn beside another client is 3 rows, which are short.
    classifier = GrowingClassifier(content, batch_ns=150_000)
    async with running_engine(classifier) as harness:
        await until(lambda: harness.queue.pace.ns_per_row > 0)
        classifier.pause()
        large = harness.submit(numbered(30), client="one")
        await until(lambda: classifier.sizes == [8])
        small = harness.submit(numbered(1, 50), client="two")
        await harness.resume(large, small)
        assert threads_by_size(harness)[:2] == [(8, "inference"), (4, loop_thread())]
        assert first_logits(small) == [51]
        assert first_logits(large) == [n + 1.0 for n in range(30)]


# Failures.


async def test_a_failed_batch_on_the_loop_computes_its_parts_alone(
    short: EngineHarness, caplog: pytest.LogCaptureFixture
) -> None:
    one, faulty, two = (short.submit(numbered(2, first)) for first in (10, FAULTY, 20))
    await short.wait(one, faulty, two)
    assert threads_by_size(short) == [(size, loop_thread()) for size in (6, 2, 2, 2)]
    assert [first_logits(one), first_logits(two)] == [[11, 12], [21, 22]]
    assert (type(faulty.error), str(faulty.error)) == (RuntimeError, "a faulty row")
    assert [batch.error for batch in short.batches] == [None, faulty.error, None]
    assert caplog.messages == ["a batch failed"]
    await short.wait(again := short.submit(numbered(1)))
    assert first_logits(again) == [1]


async def test_an_output_that_is_not_finite_fails_only_its_own_request(
    short: EngineHarness,
) -> None:
    one, infinite = short.submit(numbered(2)), short.submit(numbered(2, np.inf))
    await short.wait(one, infinite)
    assert first_logits(one) == [1, 2]
    assert isinstance(infinite.error, InputError)


async def test_a_failing_callback_of_a_short_batch_does_not_stop_the_engine(
    short: EngineHarness, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: PendingRequest) -> None:
        raise OSError("disconnected")

    short.engine.submit(InferenceRequest(numbered(1), LOGITS), fail)
    await short.wait(short.submit(numbered(1)))
    await short.wait(short.submit(numbered(1)))
    assert caplog.messages == ["a response could not be sent"]


async def test_a_batch_of_expired_or_cancelled_requests_alone_leaves_the_engine_idle(
    short: EngineHarness,
) -> None:
    late, cancelled = short.submit(numbered(1), deadline_ns=0), short.submit(numbered(1))
    short.engine.cancel(cancelled)
    await short.wait(late)
    assert late.error is not None
    assert short.classifier.sizes == []
    await short.wait(short.submit(numbered(2)))
    assert short.classifier.sizes == [2]
    assert cancelled not in short.ended


async def test_a_full_queue_rejects_a_request_of_the_same_iteration(content: bytes) -> None:
    async with running_engine(RecordingClassifier(content, 1), capacity=10) as harness:
        await until_short(harness)
        queued = harness.submit(numbered(10))
        with pytest.raises(QueueFullError):
            harness.submit(numbered(1))
        await harness.wait(queued)
        await harness.wait(harness.submit(numbered(10)))


# Stop and close.


async def test_stop_finishes_the_waiting_requests_and_ends_the_thread(short: EngineHarness) -> None:
    requests = [short.submit(numbered(size)) for size in (3, 20)]
    short.engine.stop()
    with pytest.raises(NotReadyError):
        short.submit(numbered(1))
    await short.wait(*requests)
    assert [len(first_logits(pending)) for pending in requests] == [3, 20]
    await until(lambda: not short.engine._thread.is_alive())
    assert short.classifier.threads == {loop_thread()}


async def test_close_finishes_the_waiting_requests_at_once(short: EngineHarness) -> None:
    requests = [short.submit(numbered(size)) for size in (3, 20)]
    late = short.submit(numbered(1), deadline_ns=0)
    short.engine.close()
    assert {*short.ended} == {*requests, late}
    assert [len(first_logits(pending)) for pending in requests] == [3, 20]
    assert late.error is not None
    assert not short.engine.alive


async def test_close_between_two_short_batches_returns_all_rows_in_order(
    short: EngineHarness,
) -> None:
    pending = short.submit(numbered(30))
    while not short.classifier.batches:
        await asyncio.sleep(0)
    short.engine.close()
    assert first_logits(pending) == [n + 1.0 for n in range(30)]


# What a request gets.


async def test_requests_of_a_batch_refer_to_its_outputs_by_their_first_row(
    short: EngineHarness,
) -> None:
    one, two = short.submit(numbered(2)), short.submit(numbered(3, 10))
    await short.wait(one, two)
    assert one.batch is not None
    assert one.batch is two.batch
    assert (one.first, two.first) == (0, 2)
    assert one.batch.arrays["logits"][:, 0].tolist() == [1, 2, 11, 12, 13]


async def test_the_batch_callback_gets_batches_in_the_order_of_their_parts(
    classifier: RecordingClassifier,
) -> None:
    batches: list[BatchResult] = []
    queue = RowQueue(capacity=100, max_batch_rows=MAX_BATCH_ROWS)
    engine = Engine(classifier, queue, lambda batch, _: batches.append(batch))
    engine.start(asyncio.get_running_loop())
    await engine.compute(InferenceRequest(numbered(20), LOGITS))
    await until(lambda: len(batches) == 3)
    engine.close()
    assert [batch.parts[0][1:] for batch in batches] == [(0, 8), (8, 16), (16, 20)]
    assert [batch.scaled for batch in batches] == [False] * 3


async def test_a_batch_is_scaled_if_a_request_has_a_gate_scale(short: EngineHarness) -> None:
    scale = np.ones((1, 2), np.float32)
    await short.wait(short.submit(numbered(1)), short.submit(numbered(1), gate_scale=scale))
    await short.wait(short.submit(numbered(1)))
    assert [batch.scaled for batch in short.batches] == [True, False]
