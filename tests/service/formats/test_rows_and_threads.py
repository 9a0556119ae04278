"""Reading a few rows must not release the interpreter's lock, which numpy does for many numbers."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import simdjson

from service.formats.rows import first_not_finite, read_numbers, to_float32


@pytest.fixture
def turns() -> Iterator[list[None]]:
    """A list that a second thread extends whenever it gets the interpreter's lock.

    It gets the lock only when the other thread releases it: the switch interval is 5 s.
    """
    taken: list[None] = []
    over = threading.Event()

    def take_turns() -> None:
        while not over.is_set():
            taken.append(None)
            time.sleep(0)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(5)
    thread = threading.Thread(target=take_turns)
    thread.start()
    time.sleep(0.02)  # until no thread waits for the lock under the former interval
    yield taken
    over.set()
    thread.join()
    sys.setswitchinterval(interval)


def releases_the_lock(work: Callable[[], object], turns: list[None], times: int) -> bool:
    before = len(turns)
    for _ in range(times):
        work()
        if len(turns) > before:
            return True
    return False


def test_a_row_is_read_without_releasing_the_lock(turns: list[None]) -> None:
    text = json.dumps(list(range(784))).encode()
    array = simdjson.Parser().parse(text)
    assert isinstance(array, simdjson.Array)
    content = np.arange(784, dtype=np.float32).reshape(1, -1)

    def read() -> None:
        values = read_numbers(text, array, (784,))
        assert values is not None
        to_float32(values, 1, "here")

    assert not releases_the_lock(read, turns, 2000)
    assert not releases_the_lock(lambda: first_not_finite(content), turns, 2000)


def test_many_rows_release_the_lock(turns: list[None]) -> None:
    values = np.zeros(1_000_000)
    assert releases_the_lock(lambda: to_float32(values, 1, "here"), turns, 1000)
