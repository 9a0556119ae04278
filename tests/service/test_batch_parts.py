from itertools import pairwise
from threading import Barrier, Event, Thread, current_thread, main_thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.arrays import FloatArray
from service.batch_parts import PartLimits, PartThreads

ROWS = np.arange(10, dtype=np.float32).reshape(5, 2)
PARTS = [slice(0, 2), slice(2, 3), slice(3, 5)]


def doubled(part: slice) -> list[FloatArray]:
    return [ROWS[part], 2 * ROWS[part]]


@pytest.mark.parametrize(
    ("one_us", "eight_us", "least", "most"),
    [
        (37, 56, 64, 128),  # 10 dense layers
        (270, 425, 64, 128),  # 100 dense layers
        (140, 875, 10, 41),  # 8 convolutional layers of 16 channels
        (360, 2800, 8, 28),  # the same with 32 channels
        (3700, 25400, 8, 8),  # 14 wide ones
        (40, 40, 64, 128),  # a row takes no time
        (40, 30, 64, 128),  # measurements that were disturbed
        (40, 100_000, 8, 8),
    ],
)
def test_the_limits_follow_from_the_times_of_one_row_and_of_eight(
    one_us: int, eight_us: int, least: int, most: int
) -> None:
    limits = PartLimits.measured(one_us * 1000, eight_us * 1000)
    assert limits == PartLimits(least=least, most=most)


@pytest.mark.parametrize(
    ("rows", "threads", "lengths"),
    [
        (1, 2, [1]),
        (19, 2, [19]),  # too short for two threads
        (20, 2, [10, 10]),
        (40, 1, [40]),
        (40, 4, [10, 10, 10, 10]),
        (40, 16, [10, 10, 10, 10]),
        (64, 1, [32, 32]),  # too long for one part
        (64, 2, [32, 32]),
        (64, 16, [10, 11, 11, 10, 11, 11]),
        (100, 2, [33, 33, 34]),
    ],
)
def test_a_batch_is_divided_by_its_rows_and_the_threads(
    rows: int, threads: int, lengths: list[int]
) -> None:
    parts = PartLimits(least=10, most=41).divide(rows, threads)
    assert [part.stop - part.start for part in parts] == lengths


@given(st.integers(1, 5000), st.integers(1, 64), st.integers(1, 128), st.integers(1, 128))
def test_parts_are_adjoining_and_none_is_empty_or_too_long(
    rows: int, threads: int, one: int, other: int
) -> None:
    least, most = sorted((one, other))
    parts = PartLimits(least=least, most=most).divide(rows, threads)
    assert parts[0].start == 0
    assert parts[-1].stop == rows
    assert all(before.stop == after.start for before, after in pairwise(parts))
    assert all(0 < part.stop - part.start <= most for part in parts)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_the_outputs_of_the_parts_are_joined_in_the_order_of_the_rows(threads: int) -> None:
    rows, twice = PartThreads(threads).compute(PARTS, doubled)
    assert np.array_equal(rows, ROWS)
    assert np.array_equal(twice, 2 * ROWS)


def test_the_parts_are_computed_at_the_same_time() -> None:
    together, names = Barrier(3), set()

    def compute(part: slice) -> list[FloatArray]:
        together.wait(5)
        names.add(current_thread().name)
        return doubled(part)

    PartThreads(3).compute(PARTS, compute)
    assert names == {main_thread().name, "batch-part_0", "batch-part_1"}


def test_an_error_in_a_part_is_raised() -> None:
    def fail_at_the_end(part: slice) -> list[FloatArray]:
        if part.stop == len(ROWS):
            raise ValueError("the last part")
        return doubled(part)

    for threads in (1, 2):
        with pytest.raises(ValueError, match="the last part"):
            PartThreads(threads).compute(PARTS, fail_at_the_end)


def test_a_batch_does_not_wait_for_a_thread_that_another_batch_keeps() -> None:
    threads, started, released = PartThreads(2), Barrier(3), Event()

    def compute_slowly(part: slice) -> list[FloatArray]:
        started.wait(5)
        assert released.wait(5)
        return doubled(part)

    slow = Thread(target=threads.compute, args=(PARTS[:2], compute_slowly))
    slow.start()
    started.wait(5)  # both threads compute the slow batch
    rows, _ = threads.compute(PARTS, doubled)
    released.set()
    slow.join()
    assert np.array_equal(rows, ROWS)
