import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.baselines import GATE_BINS
from service.drift.windows import (
    CHUNK_ROWS,
    SPARE_SLOTS,
    WEEK_SECONDS,
    WINDOWS,
    SlotCounter,
    SlotLayout,
    Span,
    Window,
    WindowCounts,
)
from service.shared_counters import Numbers, SharedCounters
from tests.service.drift.conftest import EDGES, even, held_out, rows

LAYOUT = SlotLayout(labels=3, layers=2)
FIVE_MINUTES, HOUR, DAY = WINDOWS
NOON = 43200.0


@pytest.fixture
def segment() -> Numbers:
    return SharedCounters().segment("tiny@1+drift", LAYOUT)


@pytest.fixture
def counter(segment: Numbers) -> SlotCounter:
    return SlotCounter(held_out(), segment)


def total(segment: Numbers, now: float, window: Window = FIVE_MINUTES) -> WindowCounts:
    return LAYOUT.total([segment], window, now)


def test_the_windows_are_five_minutes_an_hour_and_a_day() -> None:
    assert [window.name for window in WINDOWS] == ["5m", "1h", "1d"]
    assert [window.slots * window.seconds for window in WINDOWS] == [300, 3600, 86400]


def test_a_window_is_evaluated_once_for_each_slot_of_a_week() -> None:
    assert [window.evaluations_per_week for window in WINDOWS] == [20160, 2016, 168]
    assert WEEK_SECONDS == 20160 * 30


def test_a_slot_is_numbered_from_1970() -> None:
    assert [HOUR.slot(now) for now in (0, 299.9, 300, 900)] == [0, 0, 1, 3]


def test_a_window_ends_with_the_last_slot_that_ended_a_second_ago() -> None:
    assert FIVE_MINUTES.span(3000.5) == Span(89, 99)
    assert FIVE_MINUTES.span(3001.5) == Span(90, 100)
    assert FIVE_MINUTES.span(3030.5) == Span(90, 100)


def test_a_slot_has_a_number_two_shares_labels_and_bins() -> None:
    assert LAYOUT.slot_size == 1 + 2 + 3 + 3 * 2 * GATE_BINS
    assert SlotLayout.of(held_out()) == LAYOUT


def test_a_segment_has_every_windows_slots_and_two_spare_ones() -> None:
    slots = LAYOUT.slots(np.zeros(LAYOUT.size))
    assert [len(slots[window]) for window in WINDOWS] == [12, 14, 26]
    assert {array.shape[1] for array in slots.values()} == {LAYOUT.slot_size}
    assert LAYOUT.size == (52 * LAYOUT.slot_size + 1) // 2


def test_a_hundred_labels_and_layers_need_less_than_25_mb() -> None:
    assert SlotLayout(labels=100, layers=100).size * 8 < 25e6


def test_rows_are_counted_by_label_layer_and_bin(segment: Numbers, counter: SlotCounter) -> None:
    gates = np.array([[0.05, 0.95], [0.05, 0.5], [0.5, 0.5]], np.float32)
    counter.add(NOON, np.array([0, 0, 2]), gates, np.array([0.005, 0.05, 0.5], np.float32))
    window_counts = total(segment, NOON + 31)
    assert window_counts.rows == 3
    assert window_counts.atypical.tolist() == [1, 2]
    assert window_counts.labels.tolist() == [2, 0, 1]
    assert window_counts.counts[0, 0].tolist() == [2] + [0] * 10
    assert window_counts.counts[0, 1].tolist() == [0] * 5 + [1] + [0] * 4 + [1]
    assert window_counts.counts[2].tolist() == [[0] * 5 + [1] + [0] * 5] * 2
    assert not window_counts.counts[1].any()


def test_a_gate_on_an_edge_is_counted_below_it(segment: Numbers, counter: SlotCounter) -> None:
    edge = np.float32(0.091)
    counter.add(NOON, *rows(0, 1, float(edge)))
    counter.add(NOON, *rows(0, 1, float(np.nextafter(edge, np.float32(1)))))
    assert total(segment, NOON + 31).counts[0, 0].tolist() == [1, 1] + [0] * 9


def test_each_label_has_its_own_edges(segment: Numbers) -> None:
    edges = [[[0.2] * 10] * 2, [[0.6] * 10] * 2, [[0.8] * 10] * 2]
    counter = SlotCounter(held_out(edges=edges), segment)
    for label in range(3):
        counter.add(NOON, *rows(label, 1, 0.7))
    bins = total(segment, NOON + 31).counts.argmax(axis=2)
    assert bins.tolist() == [[10, 10], [10, 10], [0, 0]]


def test_rows_are_in_a_window_from_the_end_of_their_slot_until_it_leaves_the_window(
    segment: Numbers, counter: SlotCounter
) -> None:
    counter.add(NOON, *rows(0, 5))
    for window, first, last in (
        (FIVE_MINUTES, 31, 330),
        (HOUR, 301, 3900),
        (DAY, 3601, 90000),
    ):
        assert total(segment, NOON + first, window).rows == 5
        assert total(segment, NOON + last + 0.5, window).rows == 5
        assert total(segment, NOON + first - 1, window).rows == 0
        assert total(segment, NOON + last + 1, window).rows == 0


def test_more_rows_than_a_chunk_are_all_counted(segment: Numbers, counter: SlotCounter) -> None:
    count = 2 * CHUNK_ROWS + 3
    gates = np.linspace(0, 1, count, dtype=np.float32)
    counter.add(NOON, np.arange(count) % 3, np.stack([gates] * 2, axis=1), gates)
    window_counts = total(segment, NOON + 31)
    bins = (gates[:, None] > np.array(EDGES, np.float32)).sum(axis=1)
    assert window_counts.labels.tolist() == [172, 172, 171]
    assert (
        window_counts.counts.sum(axis=0).tolist()
        == [np.bincount(bins, minlength=GATE_BINS).tolist()] * 2
    )


def test_a_batch_without_rows_changes_nothing(segment: Numbers, counter: SlotCounter) -> None:
    counter.add(NOON, *rows(0, 0))
    assert not segment.any()


def test_a_reused_slot_starts_at_zero(segment: Numbers, counter: SlotCounter) -> None:
    counter.add(NOON, *rows(0, 5))
    later = NOON + 30 * (FIVE_MINUTES.slots + SPARE_SLOTS)
    counter.add(later, *rows(1, 2))
    assert total(segment, later + 31).labels.tolist() == [0, 2, 0]
    assert total(segment, NOON + 301, HOUR).labels.tolist() == [5, 0, 0]


def test_a_reader_that_is_late_by_nearly_a_slot_misses_no_rows(
    segment: Numbers, counter: SlotCounter
) -> None:
    for slot in range(30):
        counter.add(NOON + 30 * slot, *rows(0, 1))
        for late in (0, 10, 29):
            complete = slot - 1  # the last slot ended less than a second ago
            assert total(segment, NOON + 30 * slot - late).rows == max(0, min(complete, 10))


def test_the_segments_of_several_processes_add_up() -> None:
    segments = [np.zeros(LAYOUT.size) for _ in range(3)]
    for label, segment in enumerate(segments):
        SlotCounter(held_out(), segment).add(NOON - label * 30, *even(label, 1))
    window_counts = LAYOUT.total(segments, FIVE_MINUTES, NOON + 31)
    assert window_counts.labels.tolist() == [11, 11, 11]
    assert window_counts.counts.tolist() == [[[1] * GATE_BINS] * 2] * 3


times = st.integers(0, 100_000)


@settings(max_examples=50)
@given(st.lists(st.tuples(times, st.integers(0, 2), st.integers(1, 4)), max_size=30), times)
def test_a_window_has_the_rows_of_its_span(added: list[tuple[int, int, int]], after: int) -> None:
    added = sorted(added)
    segment = np.zeros(LAYOUT.size)
    counter = SlotCounter(held_out(), segment)
    for seconds, label, count in added:
        counter.add(seconds, *rows(label, count))
    now = max([seconds for seconds, _, _ in added], default=0) + after
    for window in WINDOWS:
        first, stop = window.span(now)
        within = [c for s, _, c in added if first * window.seconds <= s < stop * window.seconds]
        assert total(segment, now, window).rows == sum(within)
