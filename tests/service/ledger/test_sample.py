from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ledger.sample import Reservoir


def fill(reservoir: Reservoir[int], counts: list[int]) -> None:
    """Offer items numbered from 0, so many at a time."""
    first = 0
    for count in counts:
        if reservoir.offer(count):
            for item in reservoir.wanted(count):
                reservoir.keep(first + item)
        first += count


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 40), st.integers(0, 99))
def test_it_holds_all_or_as_many_different_ones_as_it_may(
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
def test_each_item_is_kept_with_the_same_chance(counts: list[int]) -> None:
    random, kept = Random(1), Counter[int]()
    rounds, size, total = 6000, 6, 60
    reservoir = Reservoir[int](size, random)
    for _ in range(rounds):
        fill(reservoir, counts)
        kept.update(reservoir.take_all()[1])
    expected = rounds * size / total
    variance = expected * (1 - size / total)
    chi_square = sum((kept[item] - expected) ** 2 for item in range(total)) / variance
    assert chi_square < 98.3  # of 59 degrees of freedom, one sample in a thousand is above


def test_items_are_kept_together_as_often_as_chance_has_it() -> None:
    random, together = Random(2), Counter[tuple[int, int]]()
    reservoir = Reservoir[int](3, random)
    for _ in range(10_000):
        fill(reservoir, [1] * 6)
        items = sorted(reservoir.take_all()[1])
        together.update((a, b) for a in items for b in items if a < b)
    # 3 of 6: two given items are both kept in one case of five.
    assert all(abs(together[a, b] - 2000) < 200 for a in range(6) for b in range(a + 1, 6))


def test_once_emptied_it_starts_anew() -> None:
    reservoir = Reservoir[int](2, Random(0))
    fill(reservoir, [100])
    reservoir.take_all()
    fill(reservoir, [2])
    assert reservoir.take_all() == (2, [0, 1])


def test_most_of_many_are_passed_by_without_a_question() -> None:
    reservoir = Reservoir[int](10, Random(0))
    wanted = sum(_taken(reservoir, item) for item in range(10_000))
    assert wanted < 150  # 10 (1 + ln 1000) are 79


def _taken(reservoir: Reservoir[int], item: int) -> bool:
    if not reservoir.offer(1):
        return False
    assert list(_keeping(reservoir, item)) == [0]
    return True


def _keeping(reservoir: Reservoir[int], item: int) -> list[int]:
    places = []
    for place in reservoir.wanted(1):
        places.append(place)
        reservoir.keep(item)
    return places
