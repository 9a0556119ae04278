"""Items are computed in order, and a failure loses nothing that came before it."""

import time
from collections.abc import Iterator

import pytest

from scoring.pipeline import in_order, read_ahead


def failing(count: int) -> Iterator[int]:
    yield from range(count)
    raise OSError("no more")


def test_results_are_in_the_order_of_the_items() -> None:
    def compute(item: int) -> int:
        time.sleep(0.002 * (item % 3 == 0))
        return item * item

    assert list(in_order(compute, iter(range(50)), 3)) == [item * item for item in range(50)]


def test_the_results_before_a_failed_item_are_yielded_first() -> None:
    results = in_order(abs, read_ahead(failing(7), 4), 2)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(OSError, match="no more"):
        next(results)


def test_only_a_few_items_are_read_ahead() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            read.append(item)
            yield item

    ahead = read_ahead(items(), 4)
    assert next(ahead) == 0
    time.sleep(0.05)
    assert len(read) <= 6
    ahead.close()  # type: ignore[attr-defined]


def test_an_error_of_a_computation_ends_the_results_there() -> None:
    def compute(item: int) -> float:
        return 1 / (3 - item)

    results = in_order(compute, iter(range(10)), 2)
    assert [next(results) for _ in range(3)] == [1 / 3, 1 / 2, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(StopIteration):
        next(results)
