import asyncio
import gc
import subprocess
import sys
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from service.arrays import FloatArray
from service.drift.monitor import DriftMonitor
from service.drift.windows import WindowCounts
from service.inference.batch import BatchResult
from service.inference.queue import InferenceRequest, Part, PendingRequest
from service.inference.statistics import (
    BUFFERED_GATES,
    BUFFERED_REQUESTS,
    FLUSH_SECONDS,
    GATES,
    LEAST_ROWS,
    PHASES,
    REASONS,
    SECONDS,
    CountersLayout,
    ModelCounters,
    Statistics,
    Timing,
    total_counters,
)
from service.shared_counters import SharedCounters
from tests.service.drift.conftest import held_out

KEY = "tiny@1"
LAYOUT = CountersLayout(labels=3, layers=2, max_batch_rows=4)
TIMING = Timing(
    decode=1_000, queue=50_000, compute=100_001, encode=2_000, total=20_000_000_000, batch_rows=3
)


@pytest.fixture
def shared_counters() -> SharedCounters:
    return SharedCounters()


@pytest.fixture
def statistics(shared_counters: SharedCounters) -> Statistics:
    return Statistics(shared_counters, KEY, LAYOUT)


def batch_of(
    probabilities: list[list[float]],
    gates: list[list[float]],
    times: tuple[int, int, int] = (100, 130, 200),
    combined: float = 0.5,
    parts: Sequence[Part] = (),
) -> BatchResult:
    outputs: dict[str, FloatArray] = {
        "probabilities": np.array(probabilities, np.float32),
        "gate_mean": np.array(gates, np.float32),
        "typicality": np.array([[0.5, 0.5, combined]] * len(gates), np.float32),
    }
    scaled = any(part.pending.request.gate_scale is not None for part in parts)
    return BatchResult(parts, len(gates), outputs, None, *times, processor_ns=70, scaled=scaled)


def waiting(wait_ns: int, clients: int) -> BatchResult:
    """Return a batch after which so many clients wait."""
    return batch_of([[1, 0, 0]], [[0.5, 0.5]])._replace(wait_ns=wait_ns, clients=clients)


def phases(counters: ModelCounters) -> dict[str, list[float]]:
    return dict(zip(PHASES, counters.phases.tolist(), strict=True))


def filled(buckets: object) -> dict[int, float]:
    """Return the buckets of a histogram that are not empty."""
    return {i: count for i, count in enumerate(np.asarray(buckets).tolist()) if count}


def test_histogram_bounds_rise() -> None:
    assert list(SECONDS) == sorted(set(SECONDS))
    assert list(GATES) == sorted(set(GATES))


def test_the_views_cover_the_segment_without_overlap() -> None:
    segment = np.zeros(LAYOUT.size)
    views = vars(LAYOUT.view(segment)).values()
    for view in views:
        view += 1
    assert segment.tolist() == [1] * LAYOUT.size
    assert LAYOUT.size == 4 + 12 + 20 + 3 * 18 + 3 + 1 + 26 + 8 + 1


# Requests.


def test_a_successful_request_counts_once_in_each_phase(
    statistics: Statistics,
) -> None:
    statistics.request_queued()
    statistics.request_succeeded(TIMING)
    assert phases(statistics.total()) == {
        "success": [1, 20_000_000_000],
        "fail": [0, 0],
        "queue": [1, 50_000],
        "compute_input": [1, 1_000],
        "compute_infer": [1, 100_001],
        "compute_output": [1, 2_000],
    }


def test_a_bucket_includes_its_upper_bound(statistics: Statistics) -> None:
    statistics.request_succeeded(TIMING)
    total = statistics.total()
    assert filled(total.queue) == {0: 1}  # 50 µs, the first bound itself
    assert filled(total.compute) == {2: 1}  # just beyond the second, 100 µs
    assert filled(total.request) == {17: 1}  # 20 s, beyond the last


def test_successful_requests_add_up(statistics: Statistics) -> None:
    statistics.request_succeeded(TIMING)
    statistics.request_succeeded(TIMING._replace(queue=0, compute=60_000, total=500_000))
    total = statistics.total()
    assert phases(total)["compute_infer"] == [2, 160_001]
    assert filled(total.queue) == {0: 2}
    assert filled(total.compute) == {1: 1, 2: 1}
    assert filled(total.request) == {3: 1, 17: 1}


@pytest.mark.parametrize("reason", REASONS)
def test_a_failed_request_is_counted_by_its_reason(statistics: Statistics, reason: str) -> None:
    statistics.request_failed(reason, 3_000, queued=False)
    total = statistics.total()
    assert phases(total)["fail"] == [1, 3_000]
    assert phases(total)["success"] == [0, 0]
    assert dict(zip(REASONS, total.rejected.tolist(), strict=True)) == {
        **dict.fromkeys(REASONS, 0),
        reason: 1,
    }


def test_a_request_is_pending_from_the_queue_to_its_end(statistics: Statistics) -> None:
    pending = []
    for step in (
        statistics.request_queued,
        statistics.request_queued,
        lambda: statistics.request_succeeded(TIMING),
        lambda: statistics.request_failed("bad_request", 0, queued=False),
        lambda: statistics.request_failed("deadline", 0, queued=True),
    ):
        step()
        pending.append(statistics.total().pending[0])
    assert pending == [1, 2, 1, 1, 0]


def test_the_wait_and_the_clients_in_the_queue_are_those_of_the_last_batch(
    statistics: Statistics,
) -> None:
    statistics.batch_completed(waiting(250_000_000, 3), 210)
    statistics.batch_completed(waiting(125_000_000, 2), 210)
    total = statistics.total()
    assert (total.wait[0], total.clients[0]) == (0.125, 2)


def test_the_wait_is_the_longest_of_the_processes_that_are_alive(tmp_path: Path) -> None:
    mine, other = SharedCounters(tmp_path), SharedCounters(tmp_path)
    for shared, wait, clients in ((mine, 250_000_000, 3), (other, 500_000_000, 2)):
        statistics = Statistics(shared, KEY, LAYOUT)
        statistics.batch_completed(waiting(wait, clients), 210)
        statistics.flush()
    total = total_counters(mine, KEY, LAYOUT)
    assert (total.wait[0], total.clients[0]) == (0.5, 5)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    np.full(LAYOUT.size, 9.0).tofile(tmp_path / f"{KEY}@{ended.pid}-0")
    total = total_counters(mine, KEY, LAYOUT)
    assert (total.wait[0], total.clients[0]) == (0.5, 5)


# Batches.


def test_a_batch_is_counted_by_its_rows_with_its_times(statistics: Statistics) -> None:
    one = batch_of([[1, 0, 0]] * 3, [[0.5, 0.5]] * 3)
    statistics.batch_completed(one, 205)
    statistics.batch_completed(one, 210)
    statistics.batch_completed(batch_of([[1, 0, 0]], [[0.5, 0.5]], (0, 1, 2)), 3)
    total = statistics.total()
    assert total.rows[0] == 7
    assert total.batches.tolist() == [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [0, 0, 0, 0],
        [2, 60, 140, 15],  # gathering 100 to 130, the model to 200, delivery to 205 and 210
        [0, 0, 0, 0],
    ]


def test_the_time_of_the_last_batch_is_in_ms_since_1970(statistics: Statistics) -> None:
    before = int(time.time() * 1000)
    statistics.batch_completed(batch_of([[1, 0, 0]], [[0.5, 0.5]]), 205)
    assert before <= statistics.total().last_ms[0] <= time.time() * 1000


def test_a_failed_batch_is_not_counted(statistics: Statistics) -> None:
    statistics.batch_completed(
        BatchResult([], 2, {}, RuntimeError("broken"), 100, 130, 200, 70), 205
    )
    total = statistics.total()
    assert (total.rows[0], total.last_ms[0]) == (0, 0)
    assert not total.batches.any()


def test_rows_are_counted_by_their_most_probable_label(statistics: Statistics) -> None:
    probabilities = [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9], [0.4, 0.2, 0.4]]
    statistics.batch_completed(batch_of(probabilities, [[0.5, 0.5]] * 4), 205)
    assert statistics.total().predictions.tolist() == [1, 1, 2]


def test_rows_are_counted_by_the_mean_gate_of_each_layer(statistics: Statistics) -> None:
    gates = [[0.0, 0.5], [0.03125, 0.5], [0.25, 0.96875]]
    statistics.batch_completed(batch_of([[1, 0, 0]] * 3, gates), 205)
    one, two = statistics.total().gates
    assert filled(one[:-1]) == {0: 2, 3: 1}  # up to 0.05; 0.2 to 0.3
    assert one[-1] == 0.28125
    assert filled(two[:-1]) == {5: 2, 11: 1}  # up to and including 0.5; above 0.95
    assert two[-1] == 1.96875


def test_rows_with_nan_are_not_counted_among_labels_and_gates(
    statistics: Statistics,
) -> None:
    nan = float("nan")
    statistics.batch_completed(batch_of([[0, 1, 0], [nan] * 3], [[0.5, 0.5], [nan, 0.5]]), 205)
    total = statistics.total()
    assert total.predictions.tolist() == [0, 1, 0]
    assert total.gates[:, -1].tolist() == [0.5, 0.5]  # a NaN would stay in the sum forever


def part(rows: int, *, scaled: bool = False) -> Part:
    """Return a request of `rows` rows, all in one part."""
    scale = np.ones((1, 2), np.float32) if scaled else None
    request = InferenceRequest(np.zeros((rows, 4), np.float32), frozenset(), scale)
    return Part(PendingRequest(request, lambda _: None, "", 0), 0, rows)


@pytest.mark.parametrize(("combined", "atypical"), [(0.009, 2), (0.01, 2), (0.0101, 0)])
def test_rows_with_a_typicality_of_at_most_1_percent_are_atypical(
    statistics: Statistics, combined: float, atypical: int
) -> None:
    statistics.batch_completed(batch_of([[1, 0, 0]] * 2, [[0.5, 0.5]] * 2, combined=combined), 205)
    assert statistics.total().atypical[0] == atypical


# The drift monitor.


def monitored(shared_counters: SharedCounters) -> tuple[Statistics, DriftMonitor]:
    monitor = DriftMonitor(held_out(), shared_counters, KEY)
    return Statistics(shared_counters, KEY, LAYOUT, monitor), monitor


def hour(monitor: DriftMonitor) -> WindowCounts:
    """Return the window that will include the rows added now."""
    return monitor.decisions(time.time() + 310)[1].counts


def test_rows_are_monitored_with_their_labels_gates_and_typicality(
    shared_counters: SharedCounters,
) -> None:
    statistics, monitor = monitored(shared_counters)
    statistics.batch_completed(batch_of([[0, 1, 0]] * 3, [[0.05, 0.95]] * 3, combined=0.05), 205)
    statistics.flush()
    counts = hour(monitor)
    assert counts.labels.tolist() == [0, 3, 0]
    assert counts.counts[1, :, [0, 10]].tolist() == [[3, 0], [0, 3]]
    assert counts.atypical.tolist() == [0, 3]


def test_rows_with_a_gate_scale_are_counted_but_not_monitored(
    shared_counters: SharedCounters,
) -> None:
    statistics, monitor = monitored(shared_counters)
    parts = [part(1), part(2, scaled=True), part(1)]
    probabilities = [[1.0, 0, 0], [0.0, 1, 0], [0.0, 1, 0], [0.0, 0, 1]]
    statistics.batch_completed(
        batch_of(probabilities, [[0.5, 0.5]] * 4, combined=0.001, parts=parts), 205
    )
    total = statistics.total()
    assert total.predictions.tolist() == [1, 2, 1]
    assert total.atypical[0] == 2
    assert hour(monitor).labels.tolist() == [1, 0, 1]


def test_rows_with_nan_are_not_monitored(shared_counters: SharedCounters) -> None:
    statistics, monitor = monitored(shared_counters)
    nan = float("nan")
    parts = [part(1, scaled=True), part(1), part(1)]
    batch = batch_of([[1, 0, 0], [nan] * 3, [0, 1, 0]], [[0.5, 0.5]] * 3, parts=parts)
    statistics.batch_completed(batch, 205)
    statistics.flush()
    assert hour(monitor).labels.tolist() == [0, 1, 0]


# The buffers.

ONE = batch_of([[1, 0, 0]], [[0.5, 0.5]])


class Flushed:
    """What is in the shared counters."""

    def __init__(self, shared_counters: SharedCounters) -> None:
        self._shared_counters = shared_counters

    @property
    def counters(self) -> ModelCounters:
        return total_counters(self._shared_counters, KEY, LAYOUT)

    @property
    def rows(self) -> tuple[float, float]:
        """The number of rows, and of those that are counted by their label."""
        return self.counters.rows[0], float(self.counters.predictions.sum())

    @property
    def requests(self) -> float:
        return phases(self.counters)["success"][0]


@pytest.fixture
def flushed(shared_counters: SharedCounters) -> Flushed:
    return Flushed(shared_counters)


def test_requests_and_batches_are_counted_by_flush(
    statistics: Statistics, flushed: Flushed
) -> None:
    statistics.batch_completed(ONE, 205)
    statistics.request_succeeded(TIMING)
    assert (flushed.rows, flushed.requests) == ((0, 0), 0)
    for _ in range(2):  # nothing twice
        statistics.flush()
        assert (flushed.rows, flushed.requests) == ((1, 1), 1)
        assert flushed.counters.batches[1].tolist() == [1, 30, 70, 5]
        assert filled(flushed.counters.request) == {17: 1}


def test_a_total_includes_what_its_process_has_buffered(statistics: Statistics) -> None:
    statistics.batch_completed(ONE, 205)
    statistics.request_succeeded(TIMING)
    total = statistics.total()
    assert total.predictions.tolist() == [1, 0, 0]
    assert phases(total)["success"] == [1, 20_000_000_000]


def test_failed_and_pending_requests_are_counted_at_once(
    statistics: Statistics, flushed: Flushed
) -> None:
    statistics.request_queued()
    statistics.request_queued()
    statistics.request_failed("deadline", 3_000, queued=True)
    assert flushed.counters.pending[0] == 1
    assert phases(flushed.counters)["fail"] == [1, 3_000]


def test_a_full_buffer_of_requests_is_flushed(statistics: Statistics, flushed: Flushed) -> None:
    for _ in range(BUFFERED_REQUESTS - 1):
        statistics.request_succeeded(TIMING)
    assert flushed.requests == 0
    statistics.request_succeeded(TIMING)
    assert flushed.requests == BUFFERED_REQUESTS
    statistics.request_succeeded(TIMING)
    assert flushed.requests == BUFFERED_REQUESTS
    assert phases(statistics.total())["success"][0] == BUFFERED_REQUESTS + 1


BUFFERED_ROWS = BUFFERED_GATES // 5  # of 3 labels and 2 gates


def test_a_full_buffer_of_rows_is_flushed(statistics: Statistics, flushed: Flushed) -> None:
    four = batch_of([[1, 0, 0]] * 4, [[0.5, 0.75]] * 4)
    for _ in range(BUFFERED_ROWS // 4 - 1):
        statistics.batch_completed(four, 205)
    assert flushed.rows == (0, 0)
    statistics.batch_completed(four, 205)
    assert flushed.rows == (BUFFERED_ROWS, BUFFERED_ROWS)
    assert flushed.counters.gates[:, -1].tolist() == [BUFFERED_ROWS * 0.5, BUFFERED_ROWS * 0.75]


def test_the_rows_of_a_model_with_many_gates_are_buffered_up_to_a_number() -> None:
    shared_counters = SharedCounters()
    layers = BUFFERED_GATES
    layout = CountersLayout(labels=3, layers=layers, max_batch_rows=LEAST_ROWS)
    statistics = Statistics(shared_counters, KEY, layout)
    for rows, counted in ((LEAST_ROWS - 1, 0), (1, LEAST_ROWS)):
        statistics.batch_completed(batch_of([[1, 0, 0]] * rows, [[0.5] * layers] * rows), 205)
        assert total_counters(shared_counters, KEY, layout).rows[0] == counted


def test_a_batch_larger_than_the_buffer_is_counted_at_once() -> None:
    shared_counters, rows = SharedCounters(), BUFFERED_ROWS + 44
    layout = CountersLayout(labels=3, layers=2, max_batch_rows=rows)
    statistics = Statistics(shared_counters, KEY, layout)
    for _ in range(2):
        statistics.batch_completed(batch_of([[0, 0, 1]] * rows, [[0.5, 0.5]] * rows), 205)
    total = total_counters(shared_counters, KEY, layout)
    assert total.predictions.tolist() == [0, 0, 2 * rows]
    assert total.batches[rows][0] == 2


def test_a_buffered_batch_does_not_keep_its_requests(shared_counters: SharedCounters) -> None:
    statistics, monitor = monitored(shared_counters)
    parts = [part(1, scaled=True), part(1)]
    requests = [weakref.ref(one.pending) for one in parts]
    batch = batch_of([[1, 0, 0], [0, 1, 0]], [[0.5, 0.5]] * 2, parts=parts)
    statistics.batch_completed(batch, 205)
    del parts, batch
    gc.collect()
    assert [request() for request in requests] == [None, None]
    statistics.flush()
    assert hour(monitor).labels.tolist() == [0, 1, 0]


def test_batches_with_and_without_a_gate_scale_are_counted_together(
    shared_counters: SharedCounters,
) -> None:
    statistics, monitor = monitored(shared_counters)
    scaled = batch_of([[1, 0, 0]] * 3, [[0.5, 0.5]] * 3, parts=[part(2, scaled=True), part(1)])
    for batch in (ONE, scaled, ONE):
        statistics.batch_completed(batch, 205)
    assert statistics.total().predictions.tolist() == [5, 0, 0]
    assert hour(monitor).labels.tolist() == [3, 0, 0]


# The timer.


async def until_flushed(flushed: Flushed, rows: int, requests: int) -> None:
    async with asyncio.timeout(10 * FLUSH_SECONDS):
        while (flushed.rows, flushed.requests) != ((rows, rows), requests):
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_what_is_buffered_is_counted_after_a_time(
    statistics: Statistics, flushed: Flushed
) -> None:
    statistics.start(asyncio.get_running_loop())
    statistics.batch_completed(ONE, 205)
    statistics.request_succeeded(TIMING)
    await asyncio.sleep(0)
    assert (flushed.rows, flushed.requests) == ((0, 0), 0)
    await until_flushed(flushed, 1, 1)


@pytest.mark.anyio
async def test_a_request_that_ends_after_its_batch_was_counted_is_counted_too(
    statistics: Statistics, flushed: Flushed
) -> None:
    statistics.start(asyncio.get_running_loop())
    statistics.batch_completed(ONE, 205)
    statistics.flush()
    statistics.request_succeeded(TIMING)
    await until_flushed(flushed, 1, 1)
