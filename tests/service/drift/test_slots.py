import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.drift.baseline import BINS
from service.drift.slots import ROWS, SPARE, SlotShape, Tallied, Tally
from service.drift.windows import WINDOWS, Window
from service.inference.counters import Board, Numbers
from tests.service.drift.conftest import EDGES, even, held_out, rows

SHAPE = SlotShape(labels=3, layers=2)
FIVE_MINUTES, HOUR, DAY = WINDOWS
NOON = 43200.0


@pytest.fixture
def block() -> Numbers:
    return Board().block("tiny@1+drift", SHAPE)


@pytest.fixture
def tally(block: Numbers) -> Tally:
    return Tally(held_out(), block)


def total(block: Numbers, now: float, window: Window = FIVE_MINUTES) -> Tallied:
    return SHAPE.total([block], window, now)


def test_a_line_has_a_number_two_shares_labels_and_bins() -> None:
    assert SHAPE.line == 1 + 2 + 3 + 3 * 2 * BINS
    assert SlotShape.of(held_out()) == SHAPE


def test_a_block_has_every_windows_slots_and_a_few_more() -> None:
    lines = SHAPE.lines(np.zeros(SHAPE.size))
    assert [len(lines[window]) for window in WINDOWS] == [12, 14, 26]
    assert {each.shape[1] for each in lines.values()} == {SHAPE.line}
    assert SHAPE.size == (52 * SHAPE.line + 1) // 2


def test_a_hundred_labels_and_layers_take_less_than_25_mb() -> None:
    assert SlotShape(labels=100, layers=100).size * 8 < 25e6


def test_rows_are_counted_by_label_layer_and_bin(block: Numbers, tally: Tally) -> None:
    gates = np.array([[0.05, 0.95], [0.05, 0.5], [0.5, 0.5]], np.float32)
    tally.add(NOON, np.array([0, 0, 2]), gates, np.array([0.005, 0.05, 0.5], np.float32))
    found = total(block, NOON + 31)
    assert found.rows == 3
    assert found.unusual.tolist() == [1, 2]
    assert found.labels.tolist() == [2, 0, 1]
    assert found.counts[0, 0].tolist() == [2] + [0] * 10
    assert found.counts[0, 1].tolist() == [0] * 5 + [1] + [0] * 4 + [1]
    assert found.counts[2].tolist() == [[0] * 5 + [1] + [0] * 5] * 2
    assert not found.counts[1].any()


def test_a_gate_on_an_edge_is_below_it(block: Numbers, tally: Tally) -> None:
    edge = np.float32(0.091)
    tally.add(NOON, *rows(0, 1, float(edge)))
    tally.add(NOON, *rows(0, 1, float(np.nextafter(edge, np.float32(1)))))
    assert total(block, NOON + 31).counts[0, 0].tolist() == [1, 1] + [0] * 9


def test_each_label_has_edges_of_its_own(block: Numbers) -> None:
    edges = [[[0.2] * 10] * 2, [[0.6] * 10] * 2, [[0.8] * 10] * 2]
    tally = Tally(held_out(edges=edges), block)
    for label in range(3):
        tally.add(NOON, *rows(label, 1, 0.7))
    bins = total(block, NOON + 31).counts.argmax(axis=2)
    assert bins.tolist() == [[10, 10], [10, 10], [0, 0]]


def test_rows_are_in_each_window_from_the_end_of_their_slot_until_it_has_passed(
    block: Numbers, tally: Tally
) -> None:
    tally.add(NOON, *rows(0, 5))
    for window, first, last in (
        (FIVE_MINUTES, 31, 330),
        (HOUR, 301, 3900),
        (DAY, 3601, 90000),
    ):
        assert total(block, NOON + first, window).rows == 5
        assert total(block, NOON + last + 0.5, window).rows == 5
        assert total(block, NOON + first - 1, window).rows == 0
        assert total(block, NOON + last + 1, window).rows == 0


def test_more_rows_than_are_counted_together_are_counted_all(block: Numbers, tally: Tally) -> None:
    count = 2 * ROWS + 3
    gates = np.linspace(0, 1, count, dtype=np.float32)
    tally.add(NOON, np.arange(count) % 3, np.stack([gates] * 2, axis=1), gates)
    found = total(block, NOON + 31)
    bins = (gates[:, None] > np.array(EDGES, np.float32)).sum(axis=1)
    assert found.labels.tolist() == [172, 172, 171]
    assert found.counts.sum(axis=0).tolist() == [np.bincount(bins, minlength=BINS).tolist()] * 2


def test_no_rows_change_nothing(block: Numbers, tally: Tally) -> None:
    tally.add(NOON, *rows(0, 0))
    assert not block.any()


def test_a_slot_that_comes_round_again_begins_with_nothing(block: Numbers, tally: Tally) -> None:
    tally.add(NOON, *rows(0, 5))
    later = NOON + 30 * (FIVE_MINUTES.slots + SPARE)
    tally.add(later, *rows(1, 2))
    assert total(block, later + 31).labels.tolist() == [0, 2, 0]
    assert total(block, NOON + 301, HOUR).labels.tolist() == [5, 0, 0]


def test_a_reader_who_is_late_by_nearly_a_slot_misses_nothing(block: Numbers, tally: Tally) -> None:
    for slot in range(30):
        tally.add(NOON + 30 * slot, *rows(0, 1))
        for late in (0, 10, 29):
            over = slot - 1  # the last slot is not yet over for a second
            assert total(block, NOON + 30 * slot - late).rows == max(0, min(over, 10))


def test_the_blocks_of_several_processes_add_up() -> None:
    blocks = [np.zeros(SHAPE.size) for _ in range(3)]
    for label, block in enumerate(blocks):
        Tally(held_out(), block).add(NOON - label * 30, *even(label, 1))
    found = SHAPE.total(blocks, FIVE_MINUTES, NOON + 31)
    assert found.labels.tolist() == [11, 11, 11]
    assert found.counts.tolist() == [[[1] * BINS] * 2] * 3


times = st.integers(0, 100_000)


@settings(max_examples=50)
@given(st.lists(st.tuples(times, st.integers(0, 2), st.integers(1, 4)), max_size=30), times)
def test_a_window_has_the_rows_of_its_time(added: list[tuple[int, int, int]], after: int) -> None:
    added = sorted(added)
    block = np.zeros(SHAPE.size)
    tally = Tally(held_out(), block)
    for seconds, label, count in added:
        tally.add(seconds, *rows(label, count))
    now = max([seconds for seconds, _, _ in added], default=0) + after
    for window in WINDOWS:
        first, stop = window.span(now)
        within = [c for s, _, c in added if first * window.seconds <= s < stop * window.seconds]
        assert total(block, now, window).rows == sum(within)
