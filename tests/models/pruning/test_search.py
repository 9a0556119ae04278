import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pruning.search import bisect, most_without_finetuning

accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=200)


def test_what_is_free_is_the_largest_count_within_the_budget() -> None:
    assert most_without_finetuning((0.9, 0.91, 0.88, 0.9, 0.5), 0.9) == 3
    assert most_without_finetuning((0.9, 0.91, 0.88, 0.9, 0.5), 0.91) == 1


def test_nothing_is_free_where_every_count_costs_too_much() -> None:
    assert most_without_finetuning((0.9, 0.8), 0.95) == 0


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0, 1))
def test_no_larger_count_than_the_free_one_keeps_the_accuracy(
    accuracy: list[float], allowed: float
) -> None:
    count = most_without_finetuning(accuracy, allowed)
    assert count == 0 or accuracy[count] >= allowed
    assert all(found < allowed for found in accuracy[count + 1 :])


@given(accuracies, st.floats(0, 1), st.data())
def test_bisection_finds_the_threshold_where_more_removed_layers_never_help(
    found: list[float], allowed: float, data: st.DataObject
) -> None:
    accuracy = sorted(found, reverse=True)  # accuracy[k - 1] with k layers removed
    most = len(accuracy)
    free = data.draw(st.integers(0, most))
    asked: list[int] = []

    def measure(count: int) -> float:
        asked.append(count)
        return accuracy[count - 1]

    within = [count for count, value in bisect(free, most, allowed, measure) if value >= allowed]
    expected = max((k for k in range(free + 1, most + 1) if accuracy[k - 1] >= allowed), default=0)
    assert max(within, default=0) == expected
    assert len(asked) == len(set(asked)) <= math.log2(max(most - free, 1)) + 1
    assert all(free < count <= most for count in asked)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0, 1))
def test_even_where_accuracy_goes_up_and_down_the_last_good_count_is_the_largest_seen(
    accuracy: list[float], allowed: float
) -> None:
    steps = list(bisect(0, len(accuracy), allowed, lambda count: accuracy[count - 1]))
    good = [count for count, value in steps if value >= allowed]
    assert good == sorted(good)


def test_nothing_is_measured_where_all_can_go() -> None:
    assert list(bisect(4, 4, 0.9, lambda _: pytest.fail("measured"))) == []


def test_a_search_worked_out_by_hand() -> None:
    accuracy = {5: 0.9, 8: 0.6, 6: 0.8, 7: 0.7}
    steps = list(bisect(0, 9, 0.75, accuracy.__getitem__))
    assert steps == [(5, 0.9), (7, 0.7), (6, 0.8)]
