import asyncio
import threading
import time
from random import Random

import numpy as np
import pytest

from service.contract import OUTPUTS
from service.errors import InputError, NotReadyError
from service.inference.engine import MAX_LOOP_NS, Engine
from service.inference.queue import InferenceRequest, PendingRequest, RequestState, RowQueue
from tests.service.inference.conftest import (
    ALL,
    FAULTY,
    LONG_NS,
    SHORT_NS,
    EngineHarness,
    RecordingClassifier,
    first_logits,
    numbered,
    running_engine,
    until,
)

pytestmark = pytest.mark.anyio

LOGITS = frozenset({"logits"})
CLOSED = np.array([[0.0, 0.0]], np.float32)  # subtracts 1 from each logit
REQUEST = InferenceRequest(numbered(3), LOGITS)


def new_engine(classifier: RecordingClassifier) -> Engine:
    return Engine(classifier, RowQueue(capacity=10, max_batch_rows=8), lambda batch, time: None)


async def test_a_request_gets_all_the_outputs_that_it_wants(harness: EngineHarness) -> None:
    await harness.wait(pending := harness.submit(numbered(2)))
    assert pending.state is RequestState.DONE
    assert pending.outputs is not None
    assert {name: values.shape for name, values in pending.outputs.items()} == {
        "logits": (2, 3),
        "probabilities": (2, 3),
        "gate_mean": (2, 2),
        "gate_units": (2, 4),
        "typicality": (2, 3),
        "layer_typicality": (2, 2),
    }
    assert first_logits(pending) == [1, 2]


async def test_requests_end_on_the_event_loops_thread(harness: EngineHarness) -> None:
    threads: list[threading.Thread] = []
    harness.engine.submit(REQUEST, lambda _: threads.append(threading.current_thread()))
    await until(lambda: len(threads) == 1)
    assert threads == [threading.current_thread()]


async def test_an_idle_engine_uses_no_processor(classifier: RecordingClassifier) -> None:
    others = set(threading.enumerate())  # of servers that other tests keep
    async with running_engine(classifier) as harness:
        await harness.wait(harness.submit(numbered(1)))
        (thread,) = {one for one in threading.enumerate() if one.name == "inference"} - others
        assert thread.ident is not None
        clock = time.pthread_getcpuclockid(thread.ident)
        await asyncio.sleep(0.02)  # it takes once more, then waits
        before = time.clock_gettime_ns(clock)
        await asyncio.sleep(0.05)
        assert time.clock_gettime_ns(clock) == before


# Several requests in one batch.


async def test_requests_that_arrive_during_a_batch_form_the_next_one(
    harness: EngineHarness,
) -> None:
    first = await harness.occupy()
    requests = [harness.submit(numbered(2, 10 * n)) for n in range(1, 4)]
    await harness.resume(first, *requests)
    assert harness.classifier.sizes == [1, 6]
    assert [first_logits(pending) for pending in requests] == [[11, 12], [21, 22], [31, 32]]


async def test_requests_that_arrive_in_one_iteration_of_the_loop_form_one_batch(
    harness: EngineHarness,
) -> None:
    one, two = harness.submit(numbered(1)), harness.submit(numbered(2))
    time.sleep(0.005)  # the thread must not get the first one alone
    three = harness.submit(numbered(3))
    await harness.wait(one, two, three)
    assert harness.classifier.sizes == [6]


async def test_a_batch_computes_the_outputs_that_any_request_wants(harness: EngineHarness) -> None:
    await harness.occupy()
    wanted: list[frozenset[str]] = [frozenset(), LOGITS, frozenset({"gate_units"}), LOGITS]
    requests = [harness.submit(numbered(1), outputs) for outputs in wanted]
    await harness.resume(*requests)
    assert harness.classifier.batches[1].outputs == OUTPUTS[:-1]  # in the contract's order
    for pending, outputs in zip(requests, wanted, strict=True):
        assert outputs <= (pending.outputs or {}).keys()


async def test_every_batch_computes_labels_gates_and_typicality(harness: EngineHarness) -> None:
    await harness.wait(harness.submit(numbered(1), frozenset()))
    assert harness.classifier.batches[0].outputs == ("probabilities", "gate_mean", "typicality")


async def test_each_row_has_its_own_gate_scale_bit_for_bit(harness: EngineHarness) -> None:
    rows = np.array([[0.3, -1.7, 2.1, 0.9], [1 / 3, 0.1, -0.7, 5.5]], np.float32)
    scales = [None, CLOSED, np.array([[0.3, 0.7], [1.1, 0.2]], np.float32), None]
    alone = []
    for scale in scales:
        alone.append(harness.submit(rows, gate_scale=scale))
        await harness.wait(alone[-1])
    harness.classifier.batches.clear()
    await harness.occupy()
    together = [harness.submit(rows, gate_scale=scale) for scale in scales]
    await harness.resume(*together)
    assert harness.classifier.sizes == [1, 8]
    for one, other in zip(alone, together, strict=True):
        assert one.outputs is not None
        assert other.outputs is not None
        for name in ALL:
            assert np.array_equal(one.outputs[name], other.outputs[name]), name


async def test_a_batch_without_a_gate_scale_is_fed_none(harness: EngineHarness) -> None:
    await harness.wait(harness.submit(numbered(1)))
    await harness.wait(harness.submit(numbered(1), gate_scale=CLOSED))
    assert [batch.scale is None for batch in harness.classifier.batches] == [True, False]


# Requests larger than a batch.


async def test_the_outputs_of_a_large_request_are_joined(harness: EngineHarness) -> None:
    scale = np.ones((20, 2), np.float32)
    scale[17] = 0
    await harness.wait(pending := harness.submit(numbered(20), gate_scale=scale))
    assert harness.classifier.sizes == [8, 8, 4]
    expected = [n + 1.0 for n in range(20)]
    expected[17] = 17
    assert first_logits(pending) == expected
    assert pending.outputs is not None
    assert pending.outputs["gate_units"].shape == (20, 4)


async def test_a_large_request_does_not_end_before_its_last_part(harness: EngineHarness) -> None:
    harness.classifier.pause(after=2)
    pending = harness.submit(numbered(20))
    await until(lambda: len(harness.batches) == 2 and harness.classifier.sizes == [8, 8, 4])
    assert (pending.remaining, pending.state) == (0, RequestState.RUNNING)
    assert (pending.outputs, harness.ended) == (None, [])
    await harness.resume(pending)
    assert first_logits(pending) == [n + 1.0 for n in range(20)]
    assert harness.ended == [pending]


async def test_small_requests_are_computed_between_the_parts_of_a_large_one(
    harness: EngineHarness,
) -> None:
    await harness.occupy()
    large = harness.submit(numbered(30, 100))
    small = harness.submit(numbered(2, 10))
    await harness.resume(large, small)
    assert harness.ended.index(small) < harness.ended.index(large)
    assert harness.classifier.sizes == [1, 8, 8, 8, 8]
    assert harness.classifier.batches[2].first[:3] == [10, 11, 108]
    assert first_logits(small) == [11, 12]
    assert first_logits(large) == [n + 101.0 for n in range(30)]


async def test_two_large_requests_with_different_outputs_do_not_mix(
    harness: EngineHarness,
) -> None:
    await harness.occupy()
    one, two = harness.submit(numbered(12), LOGITS), harness.submit(numbered(13, 50), frozenset())
    await harness.resume(one, two)
    assert first_logits(one) == [n + 1.0 for n in range(12)]
    assert two.outputs is not None
    assert two.outputs.keys() == {"probabilities", "gate_mean", "typicality"}
    assert two.outputs["probabilities"].shape == (13, 3)


# Times and the batch callback.


async def test_a_request_has_its_times_and_the_size_of_its_batch(harness: EngineHarness) -> None:
    await harness.occupy()
    one, two = harness.submit(numbered(2)), harness.submit(numbered(3))
    await harness.resume(one, two)
    batch = harness.batches[1]
    assert (batch.rows, one.batch_rows, two.batch_rows) == (5, 5, 5)
    assert one.began_ns == two.began_ns == batch.began_ns
    assert one.compute_ns == batch.ended_ns - batch.began_ns
    assert one.queued_ns < batch.began_ns <= batch.gathered_ns < batch.ended_ns


async def test_the_compute_time_of_a_large_request_is_that_of_all_its_batches(
    harness: EngineHarness,
) -> None:
    await harness.wait(pending := harness.submit(numbered(20)))
    assert pending.began_ns == harness.batches[0].began_ns
    assert pending.compute_ns == sum(batch.ended_ns - batch.began_ns for batch in harness.batches)
    assert pending.batch_rows == 4


async def test_the_batch_callback_comes_after_its_requests_have_ended(
    classifier: RecordingClassifier,
) -> None:
    events: list[str] = []
    queue = RowQueue(capacity=10, max_batch_rows=8)
    engine = Engine(classifier, queue, lambda batch, time: events.append(f"batch of {batch.rows}"))
    engine.start(asyncio.get_running_loop())
    engine.submit(REQUEST, lambda _: events.append("request"))
    await until(lambda: len(events) == 2)
    engine.close()
    assert events == ["request", "batch of 3"]


async def test_the_batch_callback_gets_the_error_of_a_failed_batch(harness: EngineHarness) -> None:
    await harness.wait(pending := harness.submit(numbered(1, FAULTY)))
    assert [batch.error for batch in harness.batches] == [pending.error]


# Coroutines.


async def test_compute_returns_the_outputs(harness: EngineHarness) -> None:
    outputs = await harness.engine.compute(InferenceRequest(numbered(2, first=4), ALL))
    assert outputs["logits"][:, 0].tolist() == [5, 6]


async def test_compute_returns_no_outputs_that_another_request_wants(
    harness: EngineHarness,
) -> None:
    first = await harness.occupy()
    other = harness.submit(numbered(1))
    computed = asyncio.create_task(harness.engine.compute(REQUEST))
    await asyncio.sleep(0)
    await harness.resume(first, other)
    outputs = await computed
    assert harness.classifier.sizes == [1, 4]
    assert outputs.keys() == {"logits", "probabilities", "gate_mean", "typicality"}


async def test_compute_raises_the_error_of_a_request(harness: EngineHarness) -> None:
    with pytest.raises(InputError):
        await harness.engine.compute(InferenceRequest(numbered(1, first=np.inf), ALL))


async def test_a_cancelled_compute_drops_its_request(harness: EngineHarness) -> None:
    first = await harness.occupy()
    task = asyncio.create_task(harness.engine.compute(REQUEST))
    await until(lambda: harness.queue.rows == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert harness.queue.rows == 0
    await harness.resume(first)
    assert harness.classifier.sizes == [1]


# Start and close.


async def test_an_engine_is_alive_from_start_to_close(classifier: RecordingClassifier) -> None:
    engine = new_engine(classifier)
    engine.close()  # before its start: nothing to end
    assert not engine.alive
    engine.start(asyncio.get_running_loop())
    assert engine.alive
    engine.close()
    engine.close()
    assert not engine.alive


async def test_close_finishes_the_waiting_requests(harness: EngineHarness) -> None:
    requests = [await harness.occupy(), *(harness.submit(numbered(n)) for n in (3, 20, 5))]
    harness.classifier.resume()
    harness.engine.close()
    await harness.wait(*requests)
    assert [len(first_logits(pending)) for pending in requests] == [1, 3, 20, 5]


async def test_close_returns_all_rows_of_a_large_request_that_was_under_way(
    harness: EngineHarness,
) -> None:
    harness.classifier.pause()
    large = harness.submit(numbered(20))
    await until(lambda: harness.classifier.sizes == [8])
    harness.classifier.resume()
    harness.engine.close()  # the loop has not received the first 8 rows yet
    await harness.wait(large)
    assert first_logits(large) == [n + 1.0 for n in range(20)]


async def test_stop_finishes_the_waiting_requests_and_ends_the_thread(
    harness: EngineHarness,
) -> None:
    requests = [await harness.occupy(), harness.submit(numbered(20))]
    harness.engine.stop()
    with pytest.raises(NotReadyError):
        harness.submit(numbered(1))
    await harness.resume(*requests)
    assert [len(first_logits(pending)) for pending in requests] == [1, 20]
    await until(lambda: not harness.engine._thread.is_alive())


async def test_stop_ends_the_thread_of_an_engine_without_requests(harness: EngineHarness) -> None:
    await harness.wait(harness.submit(numbered(1)))
    harness.engine.stop()
    await until(lambda: not harness.engine._thread.is_alive())


async def test_a_closed_engine_accepts_no_request(harness: EngineHarness) -> None:
    harness.engine.close()
    with pytest.raises(NotReadyError) as error:
        harness.submit(numbered(1))
    assert str(error.value) == "model 'tiny' is not ready"
    with pytest.raises(NotReadyError):
        await harness.engine.compute(REQUEST)
    assert harness.queue.rows == 0


async def test_an_engine_that_has_not_started_accepts_no_request(
    classifier: RecordingClassifier,
) -> None:
    with pytest.raises(NotReadyError):
        new_engine(classifier).submit(REQUEST, lambda pending: None)


def test_a_batch_that_outlives_the_event_loop_ends_the_thread_without_error(
    classifier: RecordingClassifier,
) -> None:
    async def leave() -> Engine:
        engine = new_engine(classifier)
        engine.start(asyncio.get_running_loop())
        classifier.pause()
        engine.submit(REQUEST, lambda pending: None)
        await until(lambda: classifier.sizes == [3])
        return engine

    engine = asyncio.run(leave())
    classifier.resume()
    engine.close()
    assert not engine.alive


# Many requests.


@pytest.mark.parametrize("batch_ns", [SHORT_NS, MAX_LOOP_NS, LONG_NS])
@pytest.mark.parametrize("seed", range(2))
async def test_each_of_hundreds_of_requests_gets_its_own_outputs(
    content: bytes, seed: int, batch_ns: int
) -> None:
    classifier = RecordingClassifier(content, batch_ns)
    random = Random(seed)
    numbers = iter(range(0, 10**6, 200))  # no two requests share a row
    submitted: list[PendingRequest] = []
    cancelled: list[PendingRequest] = []
    expected: dict[PendingRequest, list[float]] = {}

    async def client(harness: EngineHarness) -> None:
        for _ in range(20):
            size = random.choice([1, 1, 1, 2, 3, 7, 8, 9, 17, 64, random.randint(1, 200)])
            scale = np.array([[random.choice([0, 0.5, 1, 2]), 1]], np.float32)
            first = float(next(numbers))
            outputs = frozenset(random.sample(sorted(ALL), 2)) | LOGITS
            pending = harness.submit(numbered(size, first), outputs, gate_scale=scale)
            if random.random() < 0.1:
                harness.engine.cancel(pending)
                cancelled.append(pending)
                continue
            submitted.append(pending)
            if random.random() < 0.7:
                await harness.wait(pending)
            added = float(scale.sum()) / 2
            expected[pending] = [first + n + added for n in range(size)]

    async with running_engine(classifier, capacity=100_000) as harness:
        await asyncio.gather(*[client(harness) for _ in range(16)])
        await harness.wait(*submitted)
    assert len(submitted) > 200
    assert {pending: first_logits(pending) for pending in harness.ended} == expected
    assert len(harness.ended) == len(submitted)  # none ended twice
    assert max(classifier.sizes) == 8
    assert not set(cancelled) & set(harness.ended)
