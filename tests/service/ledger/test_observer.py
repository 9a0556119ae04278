import asyncio
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract import PROBABILITIES
from service.ledger.observer import LedgerObserver, Reservoir
from service.ledger.write_buffer import RowSample
from service.observers import RequestEvent
from tests.service.ledger.conftest import floats
from tests.service.ledger.test_fields import EVENT, OUTPUTS


def samples_of(use: Callable[[LedgerObserver], Any], **options: Any) -> list[RowSample]:
    """Return the samples of an observer that is used on an event loop."""
    samples: list[RowSample] = []

    async def run() -> None:
        observer = LedgerObserver(samples.append, **{"rate": 200, "inputs": False, **options})
        waiting = use(observer)
        if waiting is not None:
            await waiting
        observer.flush()

    asyncio.run(run())
    return samples


def observe(observer: LedgerObserver, event: RequestEvent = EVENT) -> None:
    if observer.wants(event.status, event.rows):
        observer.observe(event)


def test_every_row_of_a_response_is_recorded() -> None:
    (sample,) = samples_of(observe)
    first, second = sample.rows
    assert (sample.seen, sample.weight) == (2, 1)
    assert (first.row, second.row) == (0, 1)
    assert (first.probabilities, second.probabilities) == (floats(0.5, 0.25, 0.25), floats(0, 1, 0))
    assert sample.began_us <= first.time_us <= sample.ended_us


def test_inputs_are_recorded_if_chosen() -> None:
    (sample,) = samples_of(observe, inputs=True)
    assert [row.content for row in sample.rows] == [floats(1, 0, 0, 0), floats(0, 1, 0, 0)]


@pytest.mark.parametrize("status", [400, 429, 499, 500, 504])
def test_failed_requests_are_not_recorded(status: int) -> None:
    assert samples_of(lambda observer: observe(observer, EVENT._replace(status=status))) == []


def test_beyond_the_rate_a_sample_represents_all_rows() -> None:
    def often(observer: LedgerObserver) -> None:
        for _ in range(100):
            observe(observer)

    (sample,) = samples_of(often, rate=40)
    assert (sample.seen, len(sample.rows), sample.weight) == (200, 20, 10)


def test_an_interval_begins_with_a_response_and_ends_by_itself() -> None:
    async def twice(observer: LedgerObserver) -> None:
        observe(observer)
        await asyncio.sleep(0.7)
        observer.flush()  # nothing is left
        observe(observer)

    first, second = samples_of(twice)
    assert (first.seen, second.seen) == (2, 2)
    assert 500_000 <= first.ended_us - first.began_us < 700_000
    assert first.ended_us < second.began_us


def test_rows_do_not_keep_the_arrays_of_their_batch() -> None:
    outputs = {**OUTPUTS, PROBABILITIES: OUTPUTS[PROBABILITIES].repeat(32, axis=0)}
    (sample,) = samples_of(lambda observer: observe(observer, EVENT._replace(outputs=outputs)))
    assert all(type(row.probabilities) is bytes for row in sample.rows)


def fill(reservoir: Reservoir[int], counts: list[int]) -> None:
    """Offer items numbered from 0, in groups of these sizes."""
    first = 0
    for count in counts:
        reservoir.seen += count
        for index in reservoir.wanted(count):
            reservoir.keep(first + index)
        first += count


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 40), st.integers(0, 99))
def test_a_reservoir_holds_all_items_or_as_many_as_it_may(
    counts: list[int], size: int, seed: int
) -> None:
    reservoir = Reservoir[int](size, Random(seed))
    fill(reservoir, counts)
    seen, items = reservoir.take_all()
    assert seen == sum(counts)
    assert len(items) == min(seen, size)
    assert len(set(items)) == len(items)
    assert all(0 <= item < seen for item in items)
    if seen <= size:
        assert items == list(range(seen))


@pytest.mark.parametrize("counts", [[1] * 60, [60], [7, 1, 13, 39]])
def test_each_item_is_kept_with_the_same_probability(counts: list[int]) -> None:
    random, kept = Random(1), Counter[int]()
    rounds, size, total = 6000, 6, 60
    reservoir = Reservoir[int](size, random)
    for _ in range(rounds):
        fill(reservoir, counts)
        kept.update(reservoir.take_all()[1])
    expected = rounds * size / total
    variance = expected * (1 - size / total)
    chi_square = sum((kept[item] - expected) ** 2 for item in range(total)) / variance
    assert chi_square < 98.3  # with 59 degrees of freedom, 1 sample in 1,000 is above


def test_each_pair_of_items_is_kept_with_the_same_probability() -> None:
    random, together = Random(2), Counter[tuple[int, int]]()
    reservoir = Reservoir[int](3, random)
    for _ in range(10_000):
        fill(reservoir, [1] * 6)
        items = sorted(reservoir.take_all()[1])
        together.update((a, b) for a in items for b in items if a < b)
    # With 3 of 6 kept, a given pair is kept in one case of five.
    assert all(abs(together[a, b] - 2000) < 200 for a in range(6) for b in range(a + 1, 6))


def test_an_emptied_reservoir_starts_again() -> None:
    reservoir = Reservoir[int](2, Random(0))
    fill(reservoir, [100])
    reservoir.take_all()
    fill(reservoir, [2])
    assert reservoir.take_all() == (2, [0, 1])


def test_few_of_many_items_are_taken() -> None:
    reservoir, taken = Reservoir[int](10, Random(0)), 0
    for item in range(10_000):
        reservoir.seen += 1
        for index in reservoir.wanted(1):
            assert index == 0
            reservoir.keep(item)
            taken += 1
    assert taken < 150  # 10 (1 + ln 1000) are 79
