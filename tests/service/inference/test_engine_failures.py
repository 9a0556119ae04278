"""Requests that are rejected, cancelled, too late or faulty, and their neighbours in a batch."""

import asyncio
import re
import time

import numpy as np
import pytest

from service.errors import DeadlineError, InputError, NotReadyError, QueueFullError
from service.inference.admission import (
    MAX_ITERATION_NS,
    REFUSAL_SECONDS,
    SATURATING_REQUESTS,
)
from service.inference.batch import BatchResult
from service.inference.engine import Engine
from service.inference.queue import InferenceRequest, PendingRequest, RequestState, RowQueue
from tests.service.inference.conftest import (
    FAULTY,
    EngineHarness,
    RecordingClassifier,
    first_logits,
    numbered,
    running_engine,
    until,
)

pytestmark = pytest.mark.anyio

INF = float("inf")
LOGITS = frozenset({"logits"})
EXPIRED = re.compile(r"deadline exceeded: waited \d+ ms in the queue")


def expired(pending: PendingRequest) -> bool:
    return (
        isinstance(pending.error, DeadlineError)
        and EXPIRED.fullmatch(str(pending.error)) is not None
        and pending.outputs is None
    )


def overflow(row: int) -> str:
    return f"row {row}: inputs overflow float32; the output is not finite"


async def test_a_full_queue_rejects_a_request(classifier: RecordingClassifier) -> None:
    async with running_engine(classifier, capacity=10) as harness:
        await harness.occupy()
        queued = harness.submit(numbered(10))
        with pytest.raises(QueueFullError) as error:
            harness.submit(numbered(1))
        assert str(error.value) == "queue: expected room for 1 rows, found 0 of 10; retry later"
        assert harness.queue.rows == 10
        await harness.resume(queued)
        assert harness.queue.rows == 0
        await harness.wait(harness.submit(numbered(10)))


async def test_the_duration_of_batches_determines_when_to_retry(
    classifier: RecordingClassifier,
) -> None:
    async with running_engine(classifier, capacity=5000) as harness:
        await until(lambda: harness.queue.pace.ns_per_row > 0)
        harness.queue.pace.calibrate(10_000_000, 10_000_000, 8)  # 1.25 ms a row
        await harness.occupy()
        large = harness.submit(numbered(5000))
        with pytest.raises(QueueFullError) as error:
            harness.submit(numbered(1))
        harness.engine.cancel(large)
    assert error.value.retry_after == 7  # 5,000 rows of 1.25 ms


# Cancelled requests.


async def test_a_request_cancelled_in_the_queue_frees_its_rows_and_is_not_computed(
    classifier: RecordingClassifier,
) -> None:
    async with running_engine(classifier, capacity=10) as harness:
        await harness.occupy()
        cancelled = harness.submit(numbered(10, 50))
        harness.engine.cancel(cancelled)
        assert harness.queue.rows == 0
        await harness.resume(harness.submit(numbered(10)))
    assert classifier.sizes == [1, 8, 2]
    assert cancelled not in harness.ended


async def test_a_request_cancelled_during_its_batch_is_not_called_back(
    harness: EngineHarness,
) -> None:
    running = await harness.occupy()
    harness.engine.cancel(running)
    await harness.resume(harness.submit(numbered(1)))
    assert running not in harness.ended


async def test_the_rest_of_a_large_request_that_is_cancelled_is_not_computed(
    harness: EngineHarness,
) -> None:
    harness.classifier.pause()
    large = harness.submit(numbered(30))
    await until(lambda: harness.classifier.sizes == [8])
    harness.engine.cancel(large)
    await harness.resume(harness.submit(numbered(1)))
    assert harness.classifier.sizes == [8, 1]
    assert large not in harness.ended


async def test_a_request_cancelled_after_it_expired_is_not_called_back(
    harness: EngineHarness,
) -> None:
    # Both expire in the same batch; the end of the first cancels the second.
    first = InferenceRequest(numbered(1), LOGITS, deadline_ns=0)
    harness.engine.submit(first, lambda _: harness.engine.cancel(cancelled))
    cancelled = harness.submit(numbered(1), deadline_ns=0)
    await harness.wait(harness.submit(numbered(1)))
    assert cancelled.state is RequestState.DONE
    assert cancelled not in harness.ended


# Deadlines.


async def test_a_request_whose_deadline_passed_in_the_queue_is_not_computed(
    harness: EngineHarness,
) -> None:
    now = time.perf_counter_ns()
    await harness.occupy()
    late = harness.submit(numbered(3), deadline_ns=now)
    early = harness.submit(numbered(2), deadline_ns=now + 60 * 10**9)
    await harness.resume(late, early)
    assert harness.classifier.sizes == [1, 2]
    assert expired(late)
    assert first_logits(early) == [1, 2]


async def test_the_error_of_an_expired_request_says_how_long_it_waited(
    harness: EngineHarness,
) -> None:
    await harness.occupy()
    late = harness.submit(numbered(1))
    late.queued_ns -= 60_000_000_000
    harness.engine.expire(late)
    message = str(late.error)
    assert expired(late)
    assert 60_000 <= int(message.split()[3]) < 70_000


async def test_a_waiting_request_can_expire_during_a_batch(harness: EngineHarness) -> None:
    await harness.occupy()
    late = harness.submit(numbered(3))
    harness.engine.expire(late)
    assert harness.ended == [late]
    assert expired(late)
    assert harness.queue.rows == 0
    await harness.resume(harness.submit(numbered(1)))
    assert harness.classifier.sizes == [1, 1]


async def test_a_request_whose_last_rows_are_in_a_batch_does_not_expire(
    harness: EngineHarness,
) -> None:
    running = await harness.occupy()
    harness.engine.expire(running)
    assert harness.ended == []
    await harness.resume(running)
    harness.engine.expire(running)  # and not after its end
    assert harness.ended == [running]
    assert first_logits(running) == [1]


async def test_a_large_request_can_expire_between_its_parts(harness: EngineHarness) -> None:
    harness.classifier.pause()
    large = harness.submit(numbered(20))
    await until(lambda: harness.classifier.sizes == [8])
    harness.engine.expire(large)
    await harness.resume(harness.submit(numbered(1)))
    assert harness.classifier.sizes == [8, 1]
    assert expired(large)
    assert harness.ended.count(large) == 1


# One request's failure does not affect another.


async def test_a_failed_batch_is_repeated_request_by_request(
    harness: EngineHarness, caplog: pytest.LogCaptureFixture
) -> None:
    await harness.occupy()
    one, faulty, two = (harness.submit(numbered(2, first)) for first in (10, FAULTY, 20))
    await harness.resume(one, faulty, two)
    assert harness.classifier.sizes == [1, 6, 2, 2, 2]  # together, then each alone
    assert first_logits(one) == [11, 12]
    assert first_logits(two) == [21, 22]
    assert (type(faulty.error), str(faulty.error)) == (RuntimeError, "a faulty row")
    assert faulty.outputs is None
    assert harness.engine.alive
    await harness.wait(again := harness.submit(numbered(1)))
    assert first_logits(again) == [1]
    (entry,) = caplog.records
    assert entry.getMessage() == "a batch failed"
    assert entry.exc_info is not None
    assert entry.exc_info[1] is faulty.error


async def test_rows_that_cannot_be_gathered_fail_only_their_own_request(
    harness: EngineHarness,
) -> None:
    await harness.occupy()
    one, wide = harness.submit(numbered(1)), harness.submit(np.zeros((1, 5), np.float32))
    await harness.resume(one, wide)
    assert first_logits(one) == [1]
    assert wide.error is not None


async def test_a_large_request_that_fails_frees_its_other_rows_and_ends_once(
    harness: EngineHarness,
) -> None:
    rows = numbered(40)
    rows[[1, 9]] = FAULTY
    harness.classifier.pause(after=1)
    large = harness.submit(rows)
    await harness.wait(large)
    assert str(large.error) == "a faulty row"
    assert harness.queue.rows == 0
    await harness.resume(harness.submit(numbered(1)))
    assert harness.classifier.sizes in ([8, 1], [8, 8, 1])  # the next part may have begun
    assert harness.ended.count(large) == 1


async def test_a_callback_that_fails_does_not_affect_other_requests(
    harness: EngineHarness, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(pending: PendingRequest) -> None:
        raise OSError("disconnected")

    await harness.occupy()
    harness.engine.submit(InferenceRequest(numbered(3), LOGITS), fail)
    other = harness.submit(numbered(1, 5))
    await harness.resume(other)
    assert first_logits(other) == [6]
    assert [entry.getMessage() for entry in caplog.records] == ["a response could not be sent"]


async def test_a_batch_callback_that_fails_does_not_stop_the_engine(
    classifier: RecordingClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(batch: BatchResult, delivered_ns: int) -> None:
        raise OSError("no segment")

    engine = Engine(classifier, RowQueue(capacity=10, max_batch_rows=8), fail)
    engine.start(asyncio.get_running_loop())
    async with asyncio.timeout(10):
        for _ in range(2):
            await engine.compute(InferenceRequest(numbered(1), LOGITS))
    engine.close()
    assert [entry.getMessage() for entry in caplog.records] == ["a batch could not be counted"] * 2


async def test_an_output_that_is_not_finite_fails_only_its_own_request(
    harness: EngineHarness,
) -> None:
    rows = numbered(3)
    rows[1:] = INF
    await harness.occupy()
    one, infinite, two = (
        harness.submit(numbered(2)),
        harness.submit(rows),
        harness.submit(numbered(2, 20)),
    )
    await harness.resume(one, infinite, two)
    assert harness.classifier.sizes == [1, 7]
    assert (type(infinite.error), str(infinite.error)) == (InputError, overflow(1))
    assert infinite.outputs is None
    assert [first_logits(one), first_logits(two)] == [[1, 2], [21, 22]]


@pytest.mark.parametrize("row", [3, 8, 19])
async def test_the_error_names_the_row_of_the_request_in_any_part(
    harness: EngineHarness, row: int
) -> None:
    rows = numbered(20)
    rows[row] = INF
    await harness.occupy()
    other, infinite = harness.submit(numbered(5)), harness.submit(rows)
    await harness.resume(other, infinite)
    assert str(infinite.error) == overflow(row)
    assert harness.ended.count(infinite) == 1


async def test_very_large_outputs_are_finite(harness: EngineHarness) -> None:
    rows = np.array([[3e38, 3e38, 3e38, 0], [3e38, 3e38, 3e38, 0]], np.float32)
    await harness.wait(pending := harness.submit(rows))
    assert first_logits(pending) == [np.float32(3e38)] * 2


@pytest.mark.parametrize("neighbour", [frozenset(), LOGITS])
async def test_the_outputs_that_a_neighbour_wants_do_not_change_a_requests_success(
    harness: EngineHarness, neighbour: frozenset[str]
) -> None:
    rows = np.array([[-3e38, 0, 0, 0]], np.float32)
    # logits -∞, -3e38, -3e38: probabilities 0, 0.5, 0.5
    scale = np.array([[-3e38, -3e38]], np.float32)
    await harness.occupy()
    pending = harness.submit(rows, frozenset(), gate_scale=scale)
    harness.submit(numbered(1), neighbour)
    await harness.resume(pending)
    assert pending.error is None


# Fair shares of a full queue.


async def test_requests_displaced_by_another_client_end_with_an_error(
    classifier: RecordingClassifier,
) -> None:
    async with running_engine(classifier, capacity=10) as harness:
        await harness.occupy()
        first, last = harness.submit(numbered(5)), harness.submit(numbered(5))
        small = harness.submit(numbered(1), client="small")
        assert isinstance(last.error, QueueFullError)
        assert str(last.error) == "queue: displaced by other clients' requests; retry later"
        await harness.resume(first, small)
        assert first.error is None
        assert small.error is None


async def test_a_closed_engine_has_no_room(harness: EngineHarness) -> None:
    harness.engine.check_room("client")
    harness.engine.close()
    with pytest.raises(NotReadyError, match="model 'tiny' is not ready"):
        harness.engine.check_room("client")


async def test_an_engine_measures_its_model_at_the_start_and_with_each_batch(
    content: bytes,
) -> None:
    async with running_engine(RecordingClassifier(content, batch_ns=8_000_000)) as harness:
        await until(lambda: harness.queue.pace.ns_per_row > 0)
        assert harness.queue.pace.ns_per_row == 1_000_000  # in batches of 8 rows
        pending = await harness.occupy()
        time.sleep(0.1)  # the batch counts as three times as long as expected
        await harness.resume(pending)
        await until(lambda: len(harness.batches) == 1)
        assert harness.queue.pace.ns_per_row == pytest.approx(1_200_000)


class ImmeasurableClassifier(RecordingClassifier):
    def measure(self, rows: int) -> int:
        raise MemoryError("no room for a batch")


async def test_an_engine_whose_model_cannot_be_measured_serves_without_a_bound_of_time(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_engine(ImmeasurableClassifier(content)) as harness:
        await harness.wait(pending := harness.submit(numbered(1)))
        assert pending.error is None
        assert harness.queue.pace.ns_per_row == 0
    assert "the model could not be measured" in caplog.messages


async def test_an_engine_refuses_requests_while_the_event_loop_is_saturated(
    harness: EngineHarness,
) -> None:
    for number in range(2 * SATURATING_REQUESTS):
        harness.engine.check_room("client")
        if number == 0:
            time.sleep(1.2e-9 * MAX_ITERATION_NS)
    await asyncio.sleep(0.001)
    harness.engine.check_room("client")
    time.sleep(1.2e-9 * MAX_ITERATION_NS)
    with pytest.raises(QueueFullError, match="server: busy with other requests; retry later"):
        harness.engine.check_room("client")


async def test_a_refusal_is_sent_after_a_delay(harness: EngineHarness) -> None:
    sent: list[float] = []
    began = time.monotonic()
    harness.engine.refuse(lambda: sent.append(time.monotonic()))
    await until(lambda: bool(sent))
    assert sent[0] - began >= 0.9 * REFUSAL_SECONDS
