import json
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import simdjson
from hypothesis import given
from hypothesis import strategies as st

from service.classifier import FloatArray
from service.errors import InputError
from service.formats.numbers import (
    BLOCK,
    FEW,
    Numbers,
    first_fault,
    first_infinite,
    first_not_finite,
    read_missing,
    read_numbers,
    to_float32,
)

SIZES = [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, FEW - 1, FEW, FEW + 1, 2 * FEW]


def parsed(text: str | bytes, parser: simdjson.Parser | None = None) -> simdjson.Array:
    """Parse a list, or the list that is the member `a`."""
    found = (parser or simdjson.Parser()).parse(text if isinstance(text, bytes) else text.encode())
    array = found["a"] if isinstance(found, simdjson.Object) else found
    assert isinstance(array, simdjson.Array)
    return array


def numbers(text: str, *shape: int, lists_around: int = 0) -> Numbers | None:
    return read_numbers(text.encode(), parsed(text), shape, lists_around=lists_around)


def test_numbers_of_one_and_of_several_axes_come_flat() -> None:
    for text, shape in (
        ("[1, 2.5, -3, 1e2]", (4,)),
        ("[[1, 2.5], [-3, 1e2]]", (2, 2)),
        ("[[[1], [2.5]], [[-3], [1e2]]]", (2, 2, 1)),
    ):
        found = numbers(text, *shape)
        assert found is not None
        assert found.tolist() == [1, 2.5, -3, 100]


def test_whole_numbers_of_64_bits_are_rounded_as_floats_are() -> None:
    found = numbers("[9007199254740993, 18446744073709551615, -9223372036854775808]", 3)
    assert found is not None
    assert found.tolist() == [2.0**53, 2.0**64, -(2.0**63)]


def test_numbers_stay_when_the_parser_reads_on() -> None:
    parser = simdjson.Parser()
    found = read_numbers(b"[1, 2]", parsed(b"[1, 2]", parser), (2,))
    parser.parse(b"[3, 4]")
    assert found is not None
    assert found.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[1, 2]", (3,)),
        ("[1, 2, 3]", (2,)),
        ("[]", (1,)),
        ("[1, 2]", (1, 2)),
        ("[[1, 2]]", (2,)),
        ("[[1, 2], [3]]", (2, 2)),
        ("[[1, 2], [3, 4, 5]]", (2, 2)),
        ("[[1, 2], 3]", (2, 2)),
        ("[[[1, 2]]]", (1, 2)),
        ("[1, null]", (2,)),
        ("[1, true]", (2,)),
        ('[1, "2"]', (2,)),
        ("[1, {}]", (2,)),
        ('[1, {"a": 2}]', (2,)),
        ("[1, []]", (2,)),
        ("[1, [2]]", (2,)),
        ("[[1, [2]]]", (1, 2)),
        ("[[1, [2, 3]], [4, []]]", (2, 2)),
    ],
)
def test_another_nesting_and_what_is_no_number_give_none(text: str, shape: tuple[int, ...]) -> None:
    assert numbers(text, *shape) is None


def test_lists_and_brackets_elsewhere_in_the_text_do_no_harm() -> None:
    text = b'{"a": [1, 2], "b": [[3]], "c": "[]["}'
    for lists_around in (0, 2, 9):
        found = read_numbers(text, parsed(text), (2,), lists_around=lists_around)
        assert found is not None
        assert found.tolist() == [1, 2]


def test_nested_numbers_are_read_beside_other_brackets() -> None:
    text = b'{"a": [[[1], [2]], [[3], [4]]], "c": "[["}'
    found = read_numbers(text, parsed(text), (2, 2, 1))
    assert found is not None
    assert found.tolist() == [1, 2, 3, 4]


def test_more_numbers_than_the_shape_has_are_seen_even_if_the_brackets_agree() -> None:
    assert numbers("[1, [2, 3]]", 2, lists_around=1) is None


def test_a_list_among_the_numbers_is_seen_whatever_is_around() -> None:
    text = b'{"a": [1, [2]], "b": [[3]], "c": "[]["}'
    for lists_around in (0, 2, 9):
        assert read_numbers(text, parsed(text), (2,), lists_around=lists_around) is None


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("[1, 2]", (3,), "here: expected a list of 3 things, found one of 2"),
        ("[1, [2]]", (2,), "here[1]: expected a number, found a list"),
        ("[1, true]", (2,), "here[1]: expected a number, found true or false"),
        ("[[1], [2], 3]", (3, 1), "here[2]: expected a list of 1 things, found a number"),
        ("[[1, 2], [3, null]]", (2, 2), "here[1][1]: expected a number, found null"),
        ('[[1, "x"], [3]]', (2, 2), "here[0][1]: expected a number, found a string"),
    ],
)
def test_the_first_fault_is_told_with_its_place(
    text: str, shape: tuple[int, ...], message: str
) -> None:
    nouns = ("rows", "things")[-len(shape) :]
    assert str(first_fault(parsed(text), shape, nouns, "here")) == message


def test_null_is_missing_among_numbers_flat_or_nested() -> None:
    for text, shape in (("[1, null, 3, null]", (4,)), ("[[1, null], [3, null]]", (2, 2))):
        found = read_missing(parsed(text), shape)
        assert found is not None
        assert np.isnan(found).tolist() == [False, True, False, True]
        assert found[::2].tolist() == [1, 3]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("[null, true]", (2,)),
        ('[null, "1"]', (2,)),
        ("[null, [1]]", (2,)),
        ("[null, {}]", (2,)),
        ("[null]", (2,)),
        ("[[null], [1, 2]]", (2, 1)),
        ("[[null], null]", (2, 1)),
    ],
)
def test_beside_null_nothing_else_is_let_through(text: str, shape: tuple[int, ...]) -> None:
    assert read_missing(parsed(text), shape) is None


@pytest.mark.parametrize("size", SIZES)
def test_every_number_arrives_however_many_there_are(size: int) -> None:
    values = np.linspace(0.5, size - 0.5, size)
    rows = to_float32(values, 1, "here")
    assert rows.dtype == np.float32
    assert rows.tolist() == [[place + 0.5 for place in range(size)]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_no_number_that_is_not_finite_goes_unseen(size: int, odd: float) -> None:
    for place in {0, size // 2, size - 1}:
        rows = np.zeros((1, size), np.float32)
        assert first_not_finite(rows) is None
        rows[0, place] = odd
        assert first_not_finite(rows) == 0
        assert first_infinite(rows) == (None if np.isnan(odd) else 0)


@pytest.mark.parametrize("width", [2, FEW])
def test_the_first_odd_row_is_counted_from_0(width: int) -> None:
    rows = np.zeros((4, width), np.float32)
    rows[1, -1], rows[2, 0], rows[3, 0] = np.nan, np.inf, np.inf
    assert (first_not_finite(rows), first_infinite(rows)) == (1, 2)


@pytest.mark.parametrize("size", [2, 2 * BLOCK, 2 * FEW])
def test_a_number_too_large_for_float32_is_refused_without_a_warning(size: int) -> None:
    values = np.zeros(size)
    values[-1] = -3.5e38
    with pytest.raises(InputError) as error:
        to_float32(values, 2, "here")
    assert str(error.value) == (
        "here[1]: expected numbers that float32 can hold, found a larger one"
    )


def test_a_missing_value_stays_missing() -> None:
    rows = to_float32(np.array([1, np.nan, 3, 4]), 2, "here")
    assert np.isnan(rows).tolist() == [[False, True], [False, False]]
    assert rows[[0, 1, 1], [0, 0, 1]].tolist() == [1, 3, 4]


@given(st.lists(st.floats(-1e38, 1e38), min_size=1, max_size=20))
def test_numbers_become_float32_as_numpy_rounds_them(values: list[float]) -> None:
    found = numbers(json.dumps(values), len(values))
    assert found is not None
    rows = to_float32(found, 1, "here")
    assert rows.tobytes() == np.array(values, np.float64).astype(np.float32).tobytes()


@pytest.fixture
def turns() -> Iterator[list[None]]:
    """A list that a second thread adds to whenever it gets the interpreter's lock.

    It gets it only from who gives it up: of itself the interpreter would switch after 5 s.
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
    time.sleep(0.02)  # until nobody waits for the lock who was promised it sooner
    yield taken
    over.set()
    thread.join()
    sys.setswitchinterval(interval)


def lets_others_in(work: Callable[[], object], turns: list[None], times: int) -> bool:
    before = len(turns)
    for _ in range(times):
        work()
        if len(turns) > before:
            return True
    return False


def test_a_row_is_read_without_letting_another_thread_in(turns: list[None]) -> None:
    row = list(range(784))
    text = json.dumps(row)
    content = np.array([row], np.float32)

    def read() -> FloatArray:
        found = numbers(text, 784)
        assert found is not None
        return to_float32(found, 1, "here")

    assert not lets_others_in(read, turns, 2000)
    assert not lets_others_in(lambda: first_not_finite(content), turns, 2000)


def test_many_rows_let_another_thread_in(turns: list[None]) -> None:
    values = np.zeros(1_000_000)
    assert lets_others_in(lambda: to_float32(values, 1, "here"), turns, 1000)
