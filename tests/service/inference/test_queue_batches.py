"""The number of rows of a batch, and the quick way to take all that waits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QueueFullError
from service.inference.queue import SHARED_NS, Part, PendingRequest, RowQueue
from tests.service.inference.test_queue import pending, queue_of, taken

# The size of a batch.


def test_before_any_measurement_a_batch_has_at_most_64_rows() -> None:
    assert queue_of(max_batch_rows=1000).batch_rows == 64
    assert queue_of(max_batch_rows=8).batch_rows == 8


@pytest.mark.parametrize(
    ("row_ns", "rows"),
    [
        (50_000, 64),  # 20 rows in a millisecond, but 64 rows are usual
        (15_625, 64),  # 64 rows in a millisecond
        (10_000, 100),
        (1_024, 976),  # 976.56 rows in a millisecond
        (500, 1000),  # 2,000 rows, above the configured maximum
    ],
)
def test_a_batch_has_more_than_64_rows_if_they_take_at_most_a_millisecond(
    row_ns: int, rows: int
) -> None:
    queue = queue_of(max_batch_rows=1000)
    queue.pace.calibrate(row_ns, 64 * row_ns, 64)
    assert queue.batch_rows == rows


def test_the_time_of_a_batch_without_rows_is_divided_among_those_of_a_full_one() -> None:
    queue = queue_of(max_batch_rows=1000)
    queue.pace.calibrate(505_000, 820_000, 64)  # 0.5 ms and 5 µs a row: 5.5 µs in full batches
    assert queue.batch_rows == 181


def test_a_configured_maximum_below_64_rows_holds_for_a_fast_model() -> None:
    queue = queue_of(max_batch_rows=8)
    queue.pace.calibrate(1, 8, 8)
    assert queue.batch_rows == 8


def test_a_slower_pace_makes_batches_smaller() -> None:
    request = pending(300)
    queue = queue_of(request, capacity=1000, max_batch_rows=1000)
    queue.pace.calibrate(10_000, 640_000, 64)
    assert taken(queue) == [(request, 0, 100)]
    queue.pace.calibrate(12_500, 800_000, 64)
    assert taken(queue) == [(request, 100, 180)]
    queue.pace.calibrate(100_000, 6_400_000, 64)
    assert taken(queue) == [(request, 180, 244)]
    assert taken(queue) == [(request, 244, 300)]


# All waiting requests at once.


class GeneralQueue(RowQueue):
    """A queue whose every batch is taken in turns, also if everything fits into one."""

    def _take_all(self, now_ns: int) -> tuple[list[Part], list[PendingRequest]]:
        rows = self.batch_rows
        self.rows += rows  # now they do not fit
        taken = self.take(now_ns)
        self.rows -= rows
        if not self.rows:  # as `take` does
            self._clients.clear()
            self._turns.clear()
        return taken


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "withdraw", "take"]),
        st.integers(1, 20),
        st.sampled_from([None, None, 1, 4]),
        st.sampled_from(["a", "a", "a", "b"]),
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from([0, SHARED_NS]))
def test_everything_at_once_is_what_would_be_taken_in_turns(
    steps: list[tuple[str, int, int | None, str]], step_ns: int
) -> None:
    quick, general = queue_of(), GeneralQueue(capacity=100, max_batch_rows=8)
    requests: list[tuple[PendingRequest, PendingRequest]] = []
    for number, (kind, size, lifetime, client) in enumerate(steps):
        now = 1 + number * max(step_ns, 1)
        if kind == "put":
            deadline = None if lifetime is None else now + lifetime * max(step_ns, 1)
            pair = tuple(pending(size, client, deadline_ns=deadline) for _ in range(2))
            accepted = []
            for queue, one in zip((quick, general), pair, strict=True):
                try:
                    queue.put(one)
                    accepted.append(one)
                except QueueFullError:
                    pass
            assert len(accepted) in (0, 2)
            if accepted:
                requests.append((pair[0], pair[1]))
        elif kind == "withdraw" and requests:
            one, other = requests[size % len(requests)]
            assert quick.withdraw(one) == general.withdraw(other)
        elif kind == "take":
            names = {one: index for index, pair in enumerate(requests) for one in pair}
            results = []
            for queue in (quick, general):
                parts, expired = queue.take(now)
                results.append(
                    (
                        [(names[part.pending], part.start, part.stop) for part in parts],
                        [names[one] for one in expired],
                    )
                )
            assert results[0] == results[1]
        assert (quick.rows, quick.clients) == (general.rows, general.clients)
        for one, other in requests:
            assert (one.state, one.taken) == (other.state, other.taken)
