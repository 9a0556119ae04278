"""Work on a sequence of items by threads, in order and with few items in memory."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")

END = object()


def read_ahead(items: Iterator[Item], ahead: int) -> Iterator[Item]:
    """Yield the items of an iterator that a thread of its own runs, at most `ahead` items ahead."""
    with ThreadPoolExecutor(1, "read-ahead") as pool:

        def begin() -> Future[object]:
            return pool.submit(next, items, END)

        waiting = deque(begin() for _ in range(ahead))
        try:
            while (item := waiting.popleft().result()) is not END:
                waiting.append(begin())
                yield cast(Item, item)
        finally:
            pool.shutdown(cancel_futures=True)


def in_order(
    compute: Callable[[Item], Result], items: Iterator[Item], threads: int
) -> Iterator[Result]:
    """Yield `compute(item)` of each item in order, several computed at the same time.

    If the iterator of the items fails, the results of those before are yielded first.
    """
    with ThreadPoolExecutor(threads, "compute") as pool:
        waiting: deque[Future[Result]] = deque()
        failure: Exception | None = None
        try:
            while True:
                try:
                    item = next(items)
                except StopIteration:
                    break
                except Exception as error:
                    failure = error
                    break
                waiting.append(pool.submit(compute, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
        if failure is not None:
            raise failure
