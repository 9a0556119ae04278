import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QueueFullError
from service.inference.queue import (
    SHARED_NS,
    InferenceRequest,
    PendingRequest,
    RequestState,
    RowQueue,
)


def pending(size: int, client: str = "", *, deadline_ns: int | None = None) -> PendingRequest:
    rows = np.zeros((size, 4), np.float32)
    request = InferenceRequest(rows, frozenset(), deadline_ns=deadline_ns)
    return PendingRequest(request, lambda _: None, client, queued_ns=7)


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


@pytest.mark.parametrize(("waiting", "seconds"), [(0, 1), (1, 1), (10, 2), (11, 3)])
def test_the_time_to_retry_depends_on_the_waiting_rows(waiting: int, seconds: int) -> None:
    queue = queue_of(*[pending(1) for _ in range(waiting)], capacity=waiting)
    queue.pace.calibrate(1_600_000_000, 1_600_000_000, 8)  # 0.2 s a row in batches of 8
    with pytest.raises(QueueFullError) as error:
        queue.put(pending(1))
    assert error.value.retry_after == seconds


def test_before_any_batch_the_time_to_retry_is_a_second() -> None:
    with pytest.raises(QueueFullError) as error:
        queue_of(pending(10), capacity=10).put(pending(1))
    assert error.value.retry_after == 1


# The bound of the time in the queue.


def slow_queue(*requests: PendingRequest) -> RowQueue:
    """Return a queue of a model that takes 10 ms a row, and that may wait for 50 ms."""
    queue = RowQueue(capacity=1000, max_batch_rows=8, max_wait_ns=50_000_000)
    queue.pace.calibrate(80_000_000, 80_000_000, 8)
    for request in requests:
        queue.put(request)
    return queue


def test_a_request_is_refused_once_the_rows_before_it_take_too_long() -> None:
    queue = slow_queue(pending(3), pending(2))
    queue.put(pending(1))  # behind 5 rows, 50 ms
    with pytest.raises(QueueFullError) as error:
        queue.put(pending(1))
    assert str(error.value) == (
        "queue: expected a wait of at most 50 ms, found about 60 ms; retry later"
    )
    assert (queue.rows, error.value.retry_after) == (6, 1)


def test_the_time_to_retry_is_the_estimated_wait() -> None:
    with pytest.raises(QueueFullError) as error:
        slow_queue(pending(330)).put(pending(1))
    assert error.value.retry_after == 4  # 3.3 s, rounded up


def test_a_request_that_alone_takes_longer_than_the_bound_is_served_if_nothing_waits() -> None:
    queue = slow_queue(pending(1000))
    assert queue.rows == 1000


def test_there_is_no_bound_of_time_before_the_model_is_measured() -> None:
    queue = RowQueue(capacity=1000, max_batch_rows=8, max_wait_ns=1)
    for _ in range(10):
        queue.put(pending(100))
    assert queue.rows == 1000


def test_the_check_on_the_head_refuses_what_the_queue_would_refuse() -> None:
    queue = slow_queue(pending(5))
    queue.check_room("")
    queue.put(pending(1))
    with pytest.raises(QueueFullError, match="found about 60 ms"):
        queue.check_room("")
    taken(queue)
    queue.check_room("")


def test_the_check_on_the_head_refuses_if_the_queue_has_no_room() -> None:
    queue = queue_of(pending(9), capacity=10)
    queue.check_room("")
    queue.put(pending(1))
    with pytest.raises(QueueFullError) as error:
        queue.check_room("")
    assert str(error.value) == "queue: expected room for a row, found 0 of 10; retry later"


def test_the_estimated_wait_is_the_time_of_the_waiting_rows() -> None:
    assert slow_queue(pending(3), pending(2)).wait_ns == 50_000_000


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


# Fairness between clients: batches of 8 rows, so turns of one row.


def test_clients_take_turns_in_a_batch() -> None:
    greedy = [pending(1, "greedy") for _ in range(20)]
    small = [pending(1, "small") for _ in range(3)]
    queue = queue_of(*greedy, *small)
    assert [part[0] for part in taken(queue)] == [
        *(greedy[0], small[0], greedy[1], small[1], greedy[2], small[2]),
    ]


def test_a_client_that_was_just_beside_another_gets_short_batches() -> None:
    greedy = [pending(1, "greedy") for _ in range(20)]
    queue = queue_of(*greedy, pending(1, "small"))
    taken(queue)
    parts, _ = queue.take(7 + SHARED_NS - 1)
    assert [part.pending for part in parts] == [greedy[1]]
    parts, _ = queue.take(7 + SHARED_NS)  # the other one may be gone
    assert [part.pending for part in parts] == greedy[2:10]


def test_a_turn_in_a_shared_batch_is_short_in_time() -> None:
    queue = queue_of(pending(90, "greedy"), pending(1, "small"), max_batch_rows=64)
    assert [part[1:] for part in taken(queue)] == [(0, 8), (0, 1)]
    queue.pace.calibrate(200_000, 64 * 200_000, 64)  # 0.2 ms for a row
    queue.put(pending(1, "small"))
    assert [part[1:] for part in taken(queue)] == [(8, 10), (0, 1)]
    queue.pace.calibrate(1_000, 64 * 1_000, 64)  # 1 µs: no batch is long
    assert [part[1:] for part in taken(queue)] == [(10, 74)]


def test_a_single_row_is_in_the_next_batch_whatever_a_greedy_client_has_waiting() -> None:
    queue = queue_of(*[pending(20, "greedy") for _ in range(4)])
    taken(queue)
    small = pending(1, "small")
    queue.put(small)
    assert small in [part[0] for part in taken(queue)]


def test_large_requests_of_two_clients_share_each_batch() -> None:
    one, two = pending(20, "one"), pending(20, "two")
    queue = queue_of(one, two)
    assert taken(queue) == [(one, 0, 4), (two, 0, 4)]
    assert taken(queue) == [(one, 4, 8), (two, 4, 8)]


def test_the_large_requests_of_one_client_take_turns_beside_another_client() -> None:
    first, second, other = pending(20, "one"), pending(20, "one"), pending(20, "two")
    queue = queue_of(first, second, other)
    assert taken(queue) == [(first, 0, 4), (other, 0, 4)]
    assert taken(queue) == [(second, 0, 4), (other, 4, 8)]
    assert taken(queue) == [(first, 4, 8), (other, 8, 12)]


def test_a_client_with_larger_requests_gets_no_more_rows() -> None:
    queue = queue_of(*[pending(5, "five") for _ in range(30)], capacity=500)
    for _ in range(150):
        queue.put(pending(1, "one"))
    rows = {"five": 0, "one": 0}
    for _ in range(20):
        for one, start, stop in taken(queue):
            rows[one.client] += stop - start
    assert abs(rows["five"] - rows["one"]) <= 10


def test_the_state_of_a_client_without_waiting_requests_is_freed() -> None:
    queue = queue_of(pending(3, "one"), pending(3, "two"))
    assert queue.clients == 2
    withdrawn = pending(1, "three")
    queue.put(withdrawn)
    queue.withdraw(withdrawn)
    taken(queue)
    assert queue.clients == 0


def test_a_client_with_nothing_waiting_is_not_refused_for_the_rows_of_another() -> None:
    queue = slow_queue(pending(500, "greedy"))
    queue.check_room("small")
    queue.put(pending(1, "small"))
    with pytest.raises(QueueFullError):
        queue.check_room("greedy")


def test_two_clients_each_wait_for_the_rows_of_both() -> None:
    queue = slow_queue(pending(2, "one"), pending(2, "two"))
    queue.put(pending(1, "one"))  # behind all 4 rows
    queue.put(pending(1, "two"))  # behind 5 rows, 50 ms
    with pytest.raises(QueueFullError, match="found about 60 ms"):
        queue.check_room("one")


def test_many_new_clients_wait_for_a_turn_of_each() -> None:
    queue = slow_queue(*[pending(1, f"client {i}") for i in range(8)])
    with pytest.raises(QueueFullError, match="found about 80 ms"):
        queue.check_room("client 8")


# Displaced requests.


def test_a_client_below_its_share_displaces_the_newest_requests_of_the_largest() -> None:
    greedy = [pending(4, "greedy") for _ in range(5)]
    queue = queue_of(*greedy, capacity=20)
    small = pending(2, "small")
    with pytest.raises(QueueFullError):
        queue.put(small)
    assert queue.displace(small) == [greedy[4]]
    assert (greedy[4].state, queue.rows) == (RequestState.DONE, 16)
    queue.put(small)
    assert [part[0] for part in taken(queue)] == [greedy[0], small]


def test_a_client_displaces_nothing_beyond_its_share() -> None:
    queue = queue_of(*[pending(4, "greedy") for _ in range(5)], capacity=20)
    assert queue.displace(pending(11, "other")) == []  # its share is 10 rows
    assert queue.displace(pending(1, "greedy")) == []
    assert queue.rows == 20


def test_a_full_queue_has_room_on_the_head_for_a_client_below_its_share() -> None:
    queue = queue_of(*[pending(4, "greedy") for _ in range(5)], capacity=20)
    queue.check_room("small")
    with pytest.raises(QueueFullError):
        queue.check_room("greedy")


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


# Random sequences.


@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from("abc")), max_size=20), st.integers(1, 30)
)
def test_every_row_is_taken_once_and_in_order(
    sizes: list[tuple[int, str]], max_batch_rows: int
) -> None:
    requests = [pending(size, client) for size, client in sizes]
    queue = queue_of(*requests, capacity=600, max_batch_rows=max_batch_rows)
    indices: dict[PendingRequest, list[int]] = {one: [] for one in requests}
    while parts := taken(queue):
        assert sum(stop - start for _, start, stop in parts) <= max_batch_rows
        assert len({one for one, _, _ in parts}) == len(parts)  # at most one part of each
        for one, start, stop in parts:
            assert one.size > max_batch_rows or stop - start == one.size
            indices[one] += range(start, stop)
    assert list(indices.values()) == [list(range(size)) for size, _ in sizes]
    assert queue.clients == 0


PUT, WITHDRAW, TAKE = "put", "withdraw", "take"


@given(st.lists(st.tuples(st.sampled_from([PUT, PUT, WITHDRAW, TAKE]), st.integers(1, 20))))
def test_waiting_rows_are_counted_correctly_after_any_steps(
    steps: list[tuple[str, int]],
) -> None:
    queue, requests = queue_of(capacity=40), list[PendingRequest]()
    for now, (kind, number) in enumerate(steps):
        if kind == PUT:
            one = pending(number, "abc"[now % 3], deadline_ns=now + 3 if number % 3 == 0 else None)
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
