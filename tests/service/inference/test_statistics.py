import time
from collections.abc import Sequence

import numpy as np
import pytest

from service.classifier import FloatArray
from service.drift.slots import Tallied
from service.drift.watch import Watch
from service.inference.counters import PHASES, REASONS, Board, Counters, Shape
from service.inference.question import Question, Ticket
from service.inference.queue import Part
from service.inference.run import Run
from service.inference.statistics import BUFFERED_ROWS, Statistics, Timing
from tests.service.drift.conftest import held_out

KEY = "tiny@1"
SHAPE = Shape(labels=3, layers=2, run_rows=4)
TIMING = Timing(
    decode=1_000, queue=50_000, model=100_001, encode=2_000, total=20_000_000_000, batch_rows=3
)


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def statistics(board: Board) -> Statistics:
    return Statistics(board, KEY, SHAPE)


def run_of(
    probabilities: list[list[float]],
    gates: list[list[float]],
    times: tuple[int, int, int] = (100, 130, 200),
    error: Exception | None = None,
    both: float = 0.5,
    parts: Sequence[Part] = (),
) -> Run:
    outputs: dict[str, FloatArray] = {
        "probabilities": np.array(probabilities, np.float32),
        "gate_mean": np.array(gates, np.float32),
        "unusual": np.array([[0.5, 0.5, both]] * len(gates), np.float32),
    }
    return Run(parts, len(gates), outputs, error, *times)


def phases(counters: Counters) -> dict[str, list[float]]:
    return dict(zip(PHASES, counters.phases.tolist(), strict=True))


def filled(buckets: object) -> dict[int, float]:
    """Return the buckets of a histogram that are not empty."""
    return {i: count for i, count in enumerate(np.asarray(buckets).tolist()) if count}


# Requests.


def test_an_answer_counts_once_in_each_phase_with_its_time(statistics: Statistics) -> None:
    statistics.entered()
    statistics.answered(TIMING)
    assert phases(statistics.total()) == {
        "success": [1, 20_000_000_000],
        "fail": [0, 0],
        "queue": [1, 50_000],
        "compute_input": [1, 1_000],
        "compute_infer": [1, 100_001],
        "compute_output": [1, 2_000],
    }


def test_times_are_counted_up_to_and_with_a_bucket_bound(statistics: Statistics) -> None:
    statistics.answered(TIMING)
    total = statistics.total()
    assert filled(total.queue) == {0: 1}  # 50 µs, the first bound itself
    assert filled(total.compute) == {2: 1}  # just beyond the second, 100 µs
    assert filled(total.request) == {17: 1}  # 20 s, beyond the last


def test_answers_add_up(statistics: Statistics) -> None:
    statistics.answered(TIMING)
    statistics.answered(TIMING._replace(queue=0, model=60_000, total=500_000))
    total = statistics.total()
    assert phases(total)["compute_infer"] == [2, 160_001]
    assert filled(total.queue) == {0: 2}
    assert filled(total.compute) == {1: 1, 2: 1}
    assert filled(total.request) == {3: 1, 17: 1}


@pytest.mark.parametrize("reason", REASONS)
def test_a_request_without_an_answer_is_counted_by_its_reason(
    statistics: Statistics, reason: str
) -> None:
    statistics.failed(reason, 3_000, entered=False)
    total = statistics.total()
    assert phases(total)["fail"] == [1, 3_000]
    assert phases(total)["success"] == [0, 0]
    assert dict(zip(REASONS, total.rejected.tolist(), strict=True)) == {
        **dict.fromkeys(REASONS, 0),
        reason: 1,
    }


def test_a_request_is_pending_from_its_queue_to_its_end(statistics: Statistics) -> None:
    pending = []
    for step in (
        statistics.entered,
        statistics.entered,
        lambda: statistics.answered(TIMING),
        lambda: statistics.failed("bad_request", 0, entered=False),
        lambda: statistics.failed("deadline", 0, entered=True),
    ):
        step()
        pending.append(statistics.total().pending[0])
    assert pending == [1, 2, 1, 1, 0]


# Runs.


def test_a_run_is_counted_by_its_rows_with_its_times(statistics: Statistics) -> None:
    one = run_of([[1, 0, 0]] * 3, [[0.5, 0.5]] * 3)
    statistics.ran(one, 205)
    statistics.ran(one, 210)
    statistics.ran(run_of([[1, 0, 0]], [[0.5, 0.5]], (0, 1, 2)), 3)
    total = statistics.total()
    assert (total.rows[0], total.runs[0]) == (7, 3)
    assert total.batches.tolist() == [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
        [0, 0, 0, 0],
        [2, 60, 140, 15],  # gathering 100 to 130, the model to 200, handing over to 205 and 210
        [0, 0, 0, 0],
    ]


def test_the_time_of_the_last_run_is_told_in_ms_since_1970(statistics: Statistics) -> None:
    before = int(time.time() * 1000)
    statistics.ran(run_of([[1, 0, 0]], [[0.5, 0.5]]), 205)
    assert before <= statistics.total().last_ms[0] <= time.time() * 1000


def test_a_failed_run_is_not_counted(statistics: Statistics) -> None:
    statistics.ran(Run([], 2, {}, RuntimeError("broken"), 100, 130, 200), 205)
    total = statistics.total()
    assert (total.rows[0], total.runs[0], total.last_ms[0]) == (0, 0, 0)
    assert not total.batches.any()


def test_rows_are_counted_by_their_likeliest_label(statistics: Statistics) -> None:
    chances = [[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.0, 0.1, 0.9], [0.4, 0.2, 0.4]]
    statistics.ran(run_of(chances, [[0.5, 0.5]] * 4), 205)
    assert statistics.total().predictions.tolist() == [1, 1, 2]


def test_rows_are_counted_by_the_mean_gate_of_each_layer(statistics: Statistics) -> None:
    gates = [[0.0, 0.5], [0.03125, 0.5], [0.25, 0.96875]]
    statistics.ran(run_of([[1, 0, 0]] * 3, gates), 205)
    one, two = statistics.total().gates
    assert filled(one[:-1]) == {0: 2, 3: 1}  # up to 0.05; 0.2 to 0.3
    assert one[-1] == 0.28125
    assert filled(two[:-1]) == {5: 2, 11: 1}  # up to 0.5, itself among them; beyond 0.95
    assert two[-1] == 1.96875


def test_rows_whose_answer_is_no_number_are_not_counted_among_labels_and_gates(
    statistics: Statistics,
) -> None:
    nan = float("nan")
    statistics.ran(run_of([[0, 1, 0], [nan] * 3], [[0.5, 0.5], [nan, 0.5]]), 205)
    total = statistics.total()
    assert total.predictions.tolist() == [0, 1, 0]
    assert total.gates[:, -1].tolist() == [0.5, 0.5]  # a NaN would stay in the sum for ever


def part(rows: int, *, scaled: bool = False) -> Part:
    """Return a question of so many rows, perhaps with other gates, as a whole."""
    scale = np.ones((1, 2), np.float32) if scaled else None
    question = Question(np.zeros((rows, 4), np.float32), frozenset(), scale)
    return Part(Ticket(question, lambda _: None, 0), 0, rows)


@pytest.mark.parametrize(("both", "unusual"), [(0.009, 2), (0.01, 2), (0.0101, 0)])
def test_rows_that_1_in_100_held_out_rows_look_like_are_unusual(
    statistics: Statistics, both: float, unusual: int
) -> None:
    statistics.ran(run_of([[1, 0, 0]] * 2, [[0.5, 0.5]] * 2, both=both), 205)
    assert statistics.total().unusual[0] == unusual


# What the watch is told.


def watched(board: Board) -> tuple[Statistics, Watch]:
    watch = Watch(held_out(), board, KEY)
    return Statistics(board, KEY, SHAPE, watch), watch


def hour(watch: Watch) -> Tallied:
    """Return the window that will have what is added now."""
    return watch.verdicts(time.time() + 310)[1].tallied


def test_rows_are_watched_with_their_labels_gates_and_unusualness(board: Board) -> None:
    statistics, watch = watched(board)
    statistics.ran(run_of([[0, 1, 0]] * 3, [[0.05, 0.95]] * 3, both=0.05), 205)
    statistics.settle()
    found = hour(watch)
    assert found.labels.tolist() == [0, 3, 0]
    assert found.counts[1, :, [0, 10]].tolist() == [[3, 0], [0, 3]]
    assert found.unusual.tolist() == [0, 3]


def test_rows_asked_with_other_gates_are_predictions_and_no_drift(board: Board) -> None:
    statistics, watch = watched(board)
    parts = [part(1), part(2, scaled=True), part(1)]
    chances = [[1.0, 0, 0], [0.0, 1, 0], [0.0, 1, 0], [0.0, 0, 1]]
    statistics.ran(run_of(chances, [[0.5, 0.5]] * 4, both=0.001, parts=parts), 205)
    total = statistics.total()
    assert total.predictions.tolist() == [1, 2, 1]
    assert total.unusual[0] == 2
    assert hour(watch).labels.tolist() == [1, 0, 1]


def test_rows_whose_answer_is_no_number_are_not_watched(board: Board) -> None:
    statistics, watch = watched(board)
    nan = float("nan")
    parts = [part(1, scaled=True), part(1), part(1)]
    run = run_of([[1, 0, 0], [nan] * 3, [0, 1, 0]], [[0.5, 0.5]] * 3, parts=parts)
    statistics.ran(run, 205)
    statistics.settle()
    assert hour(watch).labels.tolist() == [0, 1, 0]


# The buffer of labels and gates.


def seen(board: Board) -> float:
    """Return the number of rows whose label has been counted, as another process sees it."""
    return float(board.total(KEY, SHAPE).predictions.sum())


def test_labels_and_gates_are_counted_when_they_settle(
    board: Board, statistics: Statistics
) -> None:
    assert not statistics.buffered
    statistics.ran(run_of([[1, 0, 0]], [[0.5, 0.5]]), 205)
    assert (statistics.buffered, seen(board)) == (True, 0)
    statistics.settle()
    assert (statistics.buffered, seen(board)) == (False, 1)
    statistics.settle()  # nothing twice
    assert seen(board) == 1


def test_a_total_misses_nothing_of_its_own_process(board: Board, statistics: Statistics) -> None:
    statistics.ran(run_of([[1, 0, 0]], [[0.5, 0.5]]), 205)
    assert statistics.total().predictions.tolist() == [1, 0, 0]
    assert not statistics.buffered


def test_a_full_buffer_settles_by_itself(board: Board, statistics: Statistics) -> None:
    for n in range(1, BUFFERED_ROWS // 4 + 2):
        statistics.ran(run_of([[1, 0, 0]] * 4, [[0.5, n % 2]] * 4), 205)
    assert seen(board) == BUFFERED_ROWS
    assert statistics.buffered
    total = statistics.total()
    assert total.predictions.tolist() == [260, 0, 0]
    assert total.gates[0, -1] == 130
    assert filled(total.gates[1][:-1]) == {0: 128, 11: 132}


def test_a_run_larger_than_the_usual_buffer_is_counted_whole() -> None:
    rows = BUFFERED_ROWS + 44
    statistics = Statistics(Board(), KEY, Shape(labels=3, layers=2, run_rows=rows))
    for _ in range(2):
        statistics.ran(run_of([[0, 0, 1]] * rows, [[0.5, 0.5]] * rows), 205)
    total = statistics.total()
    assert total.predictions.tolist() == [0, 0, 600]
    assert total.batches[rows][0] == 2
