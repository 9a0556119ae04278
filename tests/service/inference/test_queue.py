import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QueueFullError
from service.inference.question import Question, State, Ticket
from service.inference.queue import RowQueue


def ticket(size: int, *, deadline_ns: int | None = None) -> Ticket:
    rows = np.zeros((size, 4), np.float32)
    return Ticket(Question(rows, frozenset(), deadline_ns=deadline_ns), lambda _: None, 0)


def queue_of(*tickets: Ticket, capacity: int = 100, run_rows: int = 8) -> RowQueue:
    queue = RowQueue(capacity=capacity, run_rows=run_rows)
    for one in tickets:
        queue.put(one)
    return queue


def taken(queue: RowQueue, now_ns: int = 0) -> list[tuple[Ticket, int, int]]:
    """Return the parts of the next run; none of the tickets has expired."""
    parts, expired = queue.take(now_ns)
    assert not expired
    return [(part.ticket, part.start, part.stop) for part in parts]


def test_an_empty_queue_gives_nothing() -> None:
    assert queue_of().take(0) == ([], [])


def test_all_that_waits_goes_into_one_run_if_it_fits() -> None:
    one, two = ticket(3), ticket(5)
    assert taken(queue_of(one, two)) == [(one, 0, 3), (two, 0, 5)]
    assert (one.state, two.state) == (State.RUNNING, State.RUNNING)


def test_what_is_taken_makes_room() -> None:
    queue = queue_of(ticket(6), ticket(4), capacity=10)
    assert queue.rows == 10
    assert len(taken(queue)) == 1
    assert queue.rows == 4
    queue.put(ticket(6))


# Bounds.


def test_the_queue_is_full_by_rows_not_by_questions() -> None:
    queue = queue_of(ticket(8), capacity=10)
    with pytest.raises(QueueFullError) as error:
        queue.put(ticket(3))
    assert str(error.value) == ("queue: expected room for 3 rows, found 2 of 10; come again later")
    queue.put(ticket(2))  # to the last row
    assert queue.rows == 10


def test_a_question_that_found_no_room_leaves_nothing_behind() -> None:
    first = ticket(8)
    queue = queue_of(first, capacity=10)
    with pytest.raises(QueueFullError):
        queue.put(ticket(3))
    assert queue.rows == 8
    assert taken(queue) == [(first, 0, 8)]
    assert taken(queue) == []


@pytest.mark.parametrize(
    ("waiting", "seconds"),
    [(0, 1), (1, 1), (10, 2), (11, 3)],  # at 0.2 s a row, a tenth of what the one run took
)
def test_the_time_to_come_again_follows_from_what_waits(waiting: int, seconds: int) -> None:
    queue = queue_of(*[ticket(1) for _ in range(waiting)], capacity=waiting)
    queue.ran(rows=2, ns=4_000_000_000)
    with pytest.raises(QueueFullError) as error:
        queue.put(ticket(1))
    assert error.value.retry_after == seconds


def test_before_any_run_a_second_is_as_good_a_guess_as_any() -> None:
    with pytest.raises(QueueFullError) as error:
        queue_of(ticket(10), capacity=10).put(ticket(1))
    assert error.value.retry_after == 1


def test_the_time_a_row_takes_is_learned_little_by_little() -> None:
    queue = queue_of(ticket(10), capacity=10)
    for _ in range(100):
        queue.ran(rows=1, ns=1_000_000_000)
    with pytest.raises(QueueFullError) as error:
        queue.put(ticket(1))
    assert error.value.retry_after == 10


# Fairness.


def test_a_small_question_is_not_split_but_goes_whole_into_the_next_run() -> None:
    one, two = ticket(5), ticket(4)
    queue = queue_of(one, two)
    assert taken(queue) == [(one, 0, 5)]
    assert taken(queue) == [(two, 0, 4)]


def test_a_question_of_just_a_runs_rows_goes_whole() -> None:
    one, two = ticket(1), ticket(8)
    queue = queue_of(one, two)
    assert taken(queue) == [(one, 0, 1)]
    assert taken(queue) == [(two, 0, 8)]


def test_a_large_question_goes_to_the_back_after_each_part() -> None:
    large, small = ticket(20), ticket(3)
    queue = queue_of(large, small)
    assert taken(queue) == [(large, 0, 8)]
    assert taken(queue) == [(small, 0, 3), (large, 8, 13)]
    assert (large.left, large.state) == (7, State.WAITING)
    assert taken(queue) == [(large, 13, 20)]
    assert (large.left, large.state) == (0, State.RUNNING)


def test_a_large_question_fills_the_room_that_a_small_one_leaves() -> None:
    small, large = ticket(3), ticket(20)
    queue = queue_of(small, large)
    assert taken(queue) == [(small, 0, 3), (large, 0, 5)]


def test_what_is_left_of_a_large_question_is_not_split_further_once_it_fits() -> None:
    large, small = ticket(12), ticket(5)
    queue = queue_of(large, small)
    assert taken(queue) == [(large, 0, 8)]
    assert taken(queue) == [(small, 0, 5)]  # and 3 rows free, for the 4 that are left
    assert taken(queue) == [(large, 8, 12)]


def test_two_large_questions_take_turns() -> None:
    one, two = ticket(16), ticket(16)
    queue = queue_of(one, two)
    turns = [taken(queue)[0][0] for _ in range(4)]
    assert turns == [one, two, one, two]


def test_small_questions_that_keep_coming_do_not_keep_a_large_one_waiting() -> None:
    large = ticket(20)
    queue = queue_of(large)
    runs = 0
    while large.state is State.WAITING:
        queue.put(ticket(4))
        queue.put(ticket(4))
        runs += any(part[0] is large for part in taken(queue))
    assert runs == 3


# Leaving.


def test_a_withdrawn_question_frees_its_rows_at_once_and_never_runs() -> None:
    one, two = ticket(8), ticket(2)
    queue = queue_of(one, two, capacity=10)
    assert queue.withdraw(one)
    assert queue.rows == 2
    queue.put(ticket(8))
    assert taken(queue)[0] == (two, 0, 2)


def test_a_withdrawn_large_question_frees_what_no_run_has_had() -> None:
    large = ticket(20)
    queue = queue_of(large)
    taken(queue)
    assert queue.withdraw(large)
    assert (queue.rows, taken(queue)) == (0, [])


def test_a_question_cannot_be_withdrawn_twice_nor_once_its_last_rows_run() -> None:
    one, two = ticket(8), ticket(2)
    queue = queue_of(one, two)
    taken(queue)
    assert queue.withdraw(two)
    assert not queue.withdraw(two)
    assert not queue.withdraw(one)
    assert queue.rows == 0


# Deadlines.


def test_a_question_whose_deadline_passed_is_not_run() -> None:
    late, early = ticket(3, deadline_ns=100), ticket(3, deadline_ns=101)
    queue = queue_of(late, early)
    parts, expired = queue.take(101)
    assert expired == [late]
    assert [part.ticket for part in parts] == [early]
    assert (late.state, queue.rows) == (State.OVER, 0)


def test_a_large_question_can_run_out_of_time_between_its_parts() -> None:
    large = ticket(20, deadline_ns=100)
    queue = queue_of(large)
    assert taken(queue, 50) == [(large, 0, 8)]
    assert queue.take(150) == ([], [large])
    assert queue.rows == 0


def test_a_withdrawn_question_does_not_expire() -> None:
    one = ticket(3, deadline_ns=100)
    queue = queue_of(one)
    queue.withdraw(one)
    assert queue.take(150) == ([], [])


# Waking.


def test_only_the_first_question_after_nothing_was_found_wakes_the_thread() -> None:
    queue = queue_of()
    assert queue.put(ticket(1))
    assert not queue.put(ticket(1))
    taken(queue)
    assert not queue.put(ticket(1))  # the thread is in a run and will look again
    taken(queue)
    assert taken(queue) == []
    assert queue.put(ticket(1))


def test_a_thread_that_found_only_late_questions_looks_again_before_it_sleeps() -> None:
    queue = queue_of(ticket(1, deadline_ns=100))
    queue.take(150)
    assert not queue.put(ticket(1))


# Whatever happens.


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 10))
def test_every_row_is_taken_once_and_in_order(sizes: list[int], run_rows: int) -> None:
    tickets = [ticket(size) for size in sizes]
    queue = queue_of(*tickets, capacity=600, run_rows=run_rows)
    given_out: dict[Ticket, list[int]] = {one: [] for one in tickets}
    while parts := taken(queue):
        assert sum(stop - start for _, start, stop in parts) <= run_rows
        assert len({one for one, _, _ in parts}) == len(parts)  # at most one part of each
        for one, start, stop in parts:
            assert one.size > run_rows or stop - start == one.size
            given_out[one] += range(start, stop)
    assert list(given_out.values()) == [list(range(size)) for size in sizes]


PUT, WITHDRAW, TAKE = "put", "withdraw", "take"


@given(st.lists(st.tuples(st.sampled_from([PUT, PUT, WITHDRAW, TAKE]), st.integers(1, 20))))
def test_the_rows_that_wait_are_counted_right_whatever_happens(
    steps: list[tuple[str, int]],
) -> None:
    queue, tickets = queue_of(capacity=40), list[Ticket]()
    for now, (kind, number) in enumerate(steps):
        if kind == PUT:
            one = ticket(number, deadline_ns=now + 3 if number % 3 == 0 else None)
            waiting = queue.rows
            try:
                queue.put(one)
            except QueueFullError:
                assert waiting + number > 40
            else:
                tickets.append(one)
        elif kind == WITHDRAW and tickets:
            queue.withdraw(tickets[number % len(tickets)])
        elif kind == TAKE:
            queue.take(now)
        left = sum(one.left for one in tickets if one.state is State.WAITING)
        assert queue.rows == left <= 40
