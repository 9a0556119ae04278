from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ledger.sampling import Reservoir, StratifiedSample, allot, grouped
from service.ledger.strata import STRATA

COUNTS = st.lists(st.integers(0, 200), min_size=len(STRATA), max_size=len(STRATA))


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


def sampled(counts: list[int], size: int, random: Random) -> tuple[int, list[Any]]:
    """Return a stratified sample of items (stratum, number)."""
    sample = StratifiedSample[tuple[int, int]](size, random)
    for stratum, (reservoir, count) in enumerate(zip(sample.reservoirs, counts, strict=True)):
        reservoir.seen += count
        for index in reservoir.wanted(count):
            reservoir.keep((stratum, index))
    seen, items = sample.take_all()
    return seen, [tuple(item) for item in items]


@given(COUNTS, st.integers(1, 60), st.integers(0, 99))
def test_the_weights_of_a_sample_add_up_to_the_number_of_items(
    counts: list[int], size: int, seed: int
) -> None:
    seen, items = sampled(counts, size, Random(seed))
    assert seen == sum(counts)
    assert sum(weight for _, _, weight, _ in items) == pytest.approx(seen)
    assert len(items) == min(seen, size)
    assert len({item for item, _, _, _ in items}) == len(items)


@given(COUNTS, st.integers(1, 60), st.integers(0, 99))
def test_every_stratum_with_items_is_represented_by_its_exact_count(
    counts: list[int], size: int, seed: int
) -> None:
    present = [stratum for stratum, count in enumerate(counts) if count]
    _, items = sampled(counts, size, Random(seed))
    if size >= len(present):
        for stratum in present:
            weights = [weight for item, _, weight, _ in items if item[0] == stratum]
            assert sum(weights) == pytest.approx(counts[stratum])
            assert len(set(weights)) == 1


@given(COUNTS, st.integers(0, 99))
def test_if_there_is_room_all_items_are_kept_with_weight_1(counts: list[int], seed: int) -> None:
    _, items = sampled(counts, 1000, Random(seed))
    assert [item for item, _, _, _ in items] == [
        (stratum, index) for stratum, count in enumerate(counts) for index in range(count)
    ]
    assert all(weight == 1 for _, _, weight, _ in items)


def test_an_item_of_the_first_stratum_is_kept_among_a_thousand_others() -> None:
    for seed in range(20):
        _, items = sampled([1, 0, 0, 0, 999], 50, Random(seed))
        assert items[0] == ((0, 0), 0, 1.0, False)
        assert [(stratum, weight, ordinary) for _, stratum, weight, ordinary in items[1:]] == [
            (4, 999 / 49, True)
        ] * 49


def test_the_last_group_says_that_it_has_ordinary_rows() -> None:
    _, items = sampled([5, 5, 5, 5, 5], 3, Random(0))
    assert [ordinary for *_, ordinary in items] == [False, False, True]
    assert [weight for _, _, weight, _ in items] == [5, 5, 15]


@pytest.mark.parametrize(
    ("counts", "size", "groups"),
    [
        ([3, 0, 2, 0, 9], 3, [[0], [2], [4]]),
        ([3, 1, 2, 5, 9], 3, [[0], [1], [2, 3, 4]]),
        ([3, 1, 2, 5, 9], 1, [[0, 1, 2, 3, 4]]),
        ([0, 0, 0, 0, 0], 1, []),
    ],
)
def test_if_there_are_more_strata_than_room_the_last_are_sampled_together(
    counts: list[int], size: int, groups: list[list[int]]
) -> None:
    assert grouped(counts, size) == groups


@pytest.mark.parametrize(
    ("counts", "size", "kept"),
    [
        ([1, 999], 50, [1, 49]),
        ([900, 100], 50, [25, 25]),
        ([100, 100, 100, 100, 100], 50, [25, 12, 6, 3, 4]),
        ([900, 3], 50, [47, 3]),  # what the last does not need goes to the first
        ([5, 900, 2], 50, [5, 43, 2]),
        ([9, 9, 9, 9, 9], 5, [1, 1, 1, 1, 1]),
        ([9, 9], 1000, [9, 9]),
    ],
)
def test_each_group_gets_half_of_what_is_left(
    counts: list[int], size: int, kept: list[int]
) -> None:
    assert allot(counts, size) == kept


@given(st.lists(st.integers(1, 100), min_size=1, max_size=5), st.integers(5, 60))
def test_an_allotment_uses_all_room_and_leaves_no_group_out(counts: list[int], size: int) -> None:
    kept = allot(counts, size)
    assert sum(kept) == min(size, sum(counts))
    assert all(1 <= number <= count for number, count in zip(kept, counts, strict=True))


@pytest.mark.parametrize("size", [1, 2, 4, 9])
def test_estimates_are_unbiased(size: int) -> None:
    random, rounds, counts = Random(3), 4000, [2, 0, 7, 3, 28]
    estimates = Counter[tuple[int, int]]()
    squares = Counter[tuple[int, int]]()
    for _ in range(rounds):
        for item, _, weight, _ in sampled(counts, size, random)[1]:
            estimates[item] += weight
            squares[item] += weight**2
    for stratum, count in enumerate(counts):
        for number in range(count):
            mean = estimates[stratum, number] / rounds
            variance = squares[stratum, number] / rounds - mean**2
            # 160 items, of which one in a million would be further away
            assert abs(mean - 1) <= 5.5 * (variance / rounds) ** 0.5 + 1e-9
