import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QueueFullError
from service.inference.queue import InferenceRequest, PendingRequest, RequestState, RowQueue


def pending(size: int, *, deadline_ns: int | None = None) -> PendingRequest:
    rows = np.zeros((size, 4), np.float32)
    request = InferenceRequest(rows, frozenset(), deadline_ns=deadline_ns)
    return PendingRequest(request, lambda _: None, queued_ns=7)


def queue_of(*requests: PendingRequest, capacity: int = 100, max_batch_rows: int = 8) -> RowQueue:
    queue = RowQueue(capacity=capacity, max_batch_rows=max_batch_rows)
    for request in requests:
        queue.put(request)
    return queue


def taken(queue: RowQueue, now_ns: int = 0) -> list[tuple[PendingRequest, int, int]]:
    """Return the parts of the next batch; no request has expired."""
    parts, expired = queue.take(now_ns)
    assert not expired
    return [(part.pending, part.start, part.stop) for part in parts]


def test_a_request_has_no_gate_scale_and_no_deadline_by_default() -> None:
    request = InferenceRequest(np.zeros((5, 4), np.float32), frozenset({"logits"}))
    assert (request.gate_scale, request.deadline_ns) == (None, None)


def test_a_pending_request_begins_waiting_with_all_its_rows() -> None:
    one = pending(5)
    assert (one.state, one.size, one.remaining, one.queued_ns) == (RequestState.WAITING, 5, 5, 7)
    assert (one.outputs, one.error) == (None, None)


def test_two_pending_requests_with_the_same_rows_differ() -> None:
    assert pending(5) != pending(5)


def test_an_empty_queue_has_no_batch() -> None:
    assert queue_of().take(0) == ([], [])


def test_all_waiting_requests_form_one_batch_if_they_fit() -> None:
    one, two = pending(3), pending(5)
    assert taken(queue_of(one, two)) == [(one, 0, 3), (two, 0, 5)]
    assert (one.state, two.state) == (RequestState.RUNNING, RequestState.RUNNING)


def test_taken_rows_make_room() -> None:
    queue = queue_of(pending(6), pending(4), capacity=10)
    assert queue.rows == 10
    assert len(taken(queue)) == 1
    assert queue.rows == 4
    queue.put(pending(6))


# Bounds.


def test_the_queue_counts_rows_not_requests() -> None:
    queue = queue_of(pending(8), capacity=10)
    with pytest.raises(QueueFullError) as error:
        queue.put(pending(3))
    assert str(error.value) == "queue: expected room for 3 rows, found 2 of 10; retry later"
    queue.put(pending(2))  # to the last row
    assert queue.rows == 10


def test_a_rejected_request_leaves_the_queue_unchanged() -> None:
    first = pending(8)
    queue = queue_of(first, capacity=10)
    with pytest.raises(QueueFullError):
        queue.put(pending(3))
    assert queue.rows == 8
    assert taken(queue) == [(first, 0, 8)]
    assert taken(queue) == []


@pytest.mark.parametrize(
    ("waiting", "seconds"),
    [(0, 1), (1, 1), (10, 2), (11, 3)],  # at 0.2 s a row, a tenth of the time of the one batch
)
def test_the_time_to_retry_depends_on_the_waiting_rows(waiting: int, seconds: int) -> None:
    queue = queue_of(*[pending(1) for _ in range(waiting)], capacity=waiting)
    queue.batch_completed(rows=2, ns=4_000_000_000)
    with pytest.raises(QueueFullError) as error:
        queue.put(pending(1))
    assert error.value.retry_after == seconds


def test_before_any_batch_the_time_to_retry_is_a_second() -> None:
    with pytest.raises(QueueFullError) as error:
        queue_of(pending(10), capacity=10).put(pending(1))
    assert error.value.retry_after == 1


def test_the_time_of_a_row_is_a_moving_average() -> None:
    queue = queue_of(pending(10), capacity=10)
    for _ in range(100):
        queue.batch_completed(rows=1, ns=1_000_000_000)
    with pytest.raises(QueueFullError) as error:
        queue.put(pending(1))
    assert error.value.retry_after == 10


# Fairness.


def test_a_small_request_is_not_split_but_goes_into_the_next_batch() -> None:
    one, two = pending(5), pending(4)
    queue = queue_of(one, two)
    assert taken(queue) == [(one, 0, 5)]
    assert taken(queue) == [(two, 0, 4)]


def test_a_request_of_exactly_the_batch_size_is_not_split() -> None:
    one, two = pending(1), pending(8)
    queue = queue_of(one, two)
    assert taken(queue) == [(one, 0, 1)]
    assert taken(queue) == [(two, 0, 8)]


def test_a_large_request_goes_to_the_back_after_each_part() -> None:
    large, small = pending(20), pending(3)
    queue = queue_of(large, small)
    assert taken(queue) == [(large, 0, 8)]
    assert taken(queue) == [(small, 0, 3), (large, 8, 13)]
    assert (large.remaining, large.state) == (7, RequestState.WAITING)
    assert taken(queue) == [(large, 13, 20)]
    assert (large.remaining, large.state) == (0, RequestState.RUNNING)


def test_a_large_request_fills_the_rest_of_a_batch() -> None:
    small, large = pending(3), pending(20)
    queue = queue_of(small, large)
    assert taken(queue) == [(small, 0, 3), (large, 0, 5)]


def test_the_rest_of_a_large_request_is_not_split_if_it_fits_a_batch() -> None:
    large, small = pending(12), pending(5)
    queue = queue_of(large, small)
    assert taken(queue) == [(large, 0, 8)]
    assert taken(queue) == [(small, 0, 5)]  # with room for 3 rows, and 4 remain
    assert taken(queue) == [(large, 8, 12)]


def test_two_large_requests_take_turns() -> None:
    one, two = pending(16), pending(16)
    queue = queue_of(one, two)
    assert [taken(queue)[0][0] for _ in range(4)] == [one, two, one, two]


def test_a_stream_of_small_requests_does_not_block_a_large_one() -> None:
    large = pending(20)
    queue = queue_of(large)
    batches = 0
    while large.state is RequestState.WAITING:
        queue.put(pending(4))
        queue.put(pending(4))
        batches += any(part[0] is large for part in taken(queue))
    assert batches == 3


# Withdrawal.


def test_a_withdrawn_request_frees_its_rows_and_is_not_taken() -> None:
    one, two = pending(8), pending(2)
    queue = queue_of(one, two, capacity=10)
    assert queue.withdraw(one)
    assert queue.rows == 2
    queue.put(pending(8))
    assert taken(queue)[0] == (two, 0, 2)


def test_a_withdrawn_large_request_frees_its_remaining_rows() -> None:
    large = pending(20)
    queue = queue_of(large)
    taken(queue)
    assert queue.withdraw(large)
    assert (queue.rows, taken(queue)) == (0, [])


def test_a_request_cannot_be_withdrawn_twice_or_once_its_last_rows_are_in_a_batch() -> None:
    one, two = pending(8), pending(2)
    queue = queue_of(one, two)
    taken(queue)
    assert queue.withdraw(two)
    assert not queue.withdraw(two)
    assert not queue.withdraw(one)
    assert queue.rows == 0


# Deadlines.


def test_a_request_whose_deadline_has_passed_expires() -> None:
    late, early = pending(3, deadline_ns=100), pending(3, deadline_ns=101)
    queue = queue_of(late, early)
    parts, expired = queue.take(101)
    assert expired == [late]
    assert [part.pending for part in parts] == [early]
    assert (late.state, queue.rows) == (RequestState.DONE, 0)


def test_a_large_request_can_expire_between_its_parts() -> None:
    large = pending(20, deadline_ns=100)
    queue = queue_of(large)
    assert taken(queue, 50) == [(large, 0, 8)]
    assert queue.take(150) == ([], [large])
    assert queue.rows == 0


def test_a_withdrawn_request_does_not_expire() -> None:
    one = pending(3, deadline_ns=100)
    queue = queue_of(one)
    queue.withdraw(one)
    assert queue.take(150) == ([], [])


# Waking the thread.


def test_only_the_first_request_after_an_empty_take_wakes_the_thread() -> None:
    queue = queue_of()
    assert queue.put(pending(1))
    assert not queue.put(pending(1))
    taken(queue)
    assert not queue.put(pending(1))  # the thread computes a batch and then takes again
    taken(queue)
    assert taken(queue) == []
    assert queue.put(pending(1))


def test_a_thread_that_took_only_expired_requests_takes_again_before_it_waits() -> None:
    queue = queue_of(pending(1, deadline_ns=100))
    queue.take(150)
    assert not queue.put(pending(1))


# Random sequences.


@given(st.lists(st.integers(1, 30), max_size=20), st.integers(1, 10))
def test_every_row_is_taken_once_and_in_order(sizes: list[int], max_batch_rows: int) -> None:
    requests = [pending(size) for size in sizes]
    queue = queue_of(*requests, capacity=600, max_batch_rows=max_batch_rows)
    indices: dict[PendingRequest, list[int]] = {one: [] for one in requests}
    while parts := taken(queue):
        assert sum(stop - start for _, start, stop in parts) <= max_batch_rows
        assert len({one for one, _, _ in parts}) == len(parts)  # at most one part of each
        for one, start, stop in parts:
            assert one.size > max_batch_rows or stop - start == one.size
            indices[one] += range(start, stop)
    assert list(indices.values()) == [list(range(size)) for size in sizes]


PUT, WITHDRAW, TAKE = "put", "withdraw", "take"


@given(st.lists(st.tuples(st.sampled_from([PUT, PUT, WITHDRAW, TAKE]), st.integers(1, 20))))
def test_waiting_rows_are_counted_correctly_after_any_steps(
    steps: list[tuple[str, int]],
) -> None:
    queue, requests = queue_of(capacity=40), list[PendingRequest]()
    for now, (kind, number) in enumerate(steps):
        if kind == PUT:
            one = pending(number, deadline_ns=now + 3 if number % 3 == 0 else None)
            waiting = queue.rows
            try:
                queue.put(one)
            except QueueFullError:
                assert waiting + number > 40
            else:
                requests.append(one)
        elif kind == WITHDRAW and requests:
            queue.withdraw(requests[number % len(requests)])
        elif kind == TAKE:
            queue.take(now)
        remaining = sum(one.remaining for one in requests if one.state is RequestState.WAITING)
        assert queue.rows == remaining <= 40
