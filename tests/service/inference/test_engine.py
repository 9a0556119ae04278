import asyncio
import threading
import time
from random import Random

import numpy as np
import pytest

from service.contract import OUTPUTS
from service.errors import DeadlineError, InputError, NotReadyError, QueueFullError
from service.inference.engine import Engine
from service.inference.question import Question, State, Ticket
from service.inference.queue import RowQueue
from tests.service.inference.conftest import (
    ALL,
    BROKEN,
    Watched,
    block_until,
    first_logits,
    numbered,
    opened,
    until,
)

pytestmark = pytest.mark.anyio

INF = float("inf")
LOGITS = frozenset({"logits"})
CLOSED = np.array([[0.0, 0.0]], np.float32)  # takes 1 from each logit
QUESTION = Question(numbered(3), LOGITS)
LATE = "deadline: expected an answer before it, found it passed"


async def test_a_question_is_answered_with_all_it_wants(watched: Watched) -> None:
    async with opened(watched) as office:
        ticket = office.ask(numbered(2))
        await office.answered(ticket)
    assert ticket.state is State.OVER
    assert ticket.outputs is not None
    assert {name: values.shape for name, values in ticket.outputs.items()} == {
        "logits": (2, 3),
        "probabilities": (2, 3),
        "gate_mean": (2, 2),
        "gate_units": (2, 4),
        "unusual": (2, 3),
    }
    assert first_logits(ticket) == [1, 2]


async def test_the_event_loop_never_runs_the_model(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.answered(*[office.ask(numbered(20)) for _ in range(3)])
    assert {run.thread for run in watched.runs} == {"inference"}


async def test_answers_come_on_the_event_loops_thread(watched: Watched) -> None:
    threads = []
    async with opened(watched) as office:
        office.engine.submit(QUESTION, lambda _: threads.append(threading.current_thread()))
        await until(lambda: len(threads) == 1)
    assert threads == [threading.current_thread()]


async def test_an_idle_engine_uses_no_processor(watched: Watched) -> None:
    others = set(threading.enumerate())  # servers that other tests keep
    async with opened(watched) as office:
        await office.answered(office.ask(numbered(1)))
        named = {one for one in threading.enumerate() if one.name == "inference"}
        (thread,) = named - others
        assert thread.ident is not None
        clock = time.pthread_getcpuclockid(thread.ident)
        await asyncio.sleep(0.02)  # it looks once more, and falls asleep
        before = time.clock_gettime_ns(clock)
        await asyncio.sleep(0.05)
        assert time.clock_gettime_ns(clock) == before


# Several questions in one run.


async def test_what_arrives_during_a_run_goes_together_into_the_next(watched: Watched) -> None:
    async with opened(watched) as office:
        first = await office.occupy()
        tickets = [office.ask(numbered(2, 10 * n)) for n in range(1, 4)]
        watched.release()
        await office.answered(first, *tickets)
    assert watched.sizes == [1, 6]
    assert [first_logits(ticket) for ticket in tickets] == [[11, 12], [21, 22], [31, 32]]


async def test_what_arrives_at_once_goes_together_where_the_thread_slept(
    watched: Watched,
) -> None:
    async with opened(watched) as office:
        await until(lambda: office.engine._queue._idle)
        one = office.ask(numbered(1))
        time.sleep(0.005)  # the loop reads on, and the thread must not take the first alone
        two = office.ask(numbered(2))
        await office.answered(one, two)
    assert watched.sizes == [3]


async def test_a_run_computes_what_any_of_its_questions_wants(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.occupy()
        wanted: list[frozenset[str]] = [frozenset(), LOGITS, frozenset({"gate_units"}), LOGITS]
        tickets = [office.ask(numbered(1), outputs) for outputs in wanted]
        watched.release()
        await office.answered(*tickets)
    assert watched.runs[1].outputs == OUTPUTS
    for ticket, outputs in zip(tickets, wanted, strict=True):
        assert outputs <= (ticket.outputs or {}).keys()


async def test_labels_gates_and_unusualness_are_computed_in_every_run_and_no_more(
    watched: Watched,
) -> None:
    async with opened(watched) as office:
        await office.answered(office.ask(numbered(1), frozenset()))
    assert watched.runs[0].outputs == ("probabilities", "gate_mean", "unusual")


async def test_each_row_has_its_own_gate_scale_bit_for_bit(watched: Watched) -> None:
    rows = np.array([[0.3, -1.7, 2.1, 0.9], [1 / 3, 0.1, -0.7, 5.5]], np.float32)
    scales = [None, CLOSED, np.array([[0.3, 0.7], [1.1, 0.2]], np.float32), None]
    async with opened(watched) as office:
        alone = []
        for scale in scales:
            alone.append(office.ask(rows, gate_scale=scale))
            await office.answered(alone[-1])
        watched.runs.clear()
        await office.occupy()
        together = [office.ask(rows, gate_scale=scale) for scale in scales]
        watched.release()
        await office.answered(*together)
    assert watched.sizes == [1, 8]
    for one, other in zip(alone, together, strict=True):
        assert one.outputs is not None
        assert other.outputs is not None
        for name in ALL:
            assert np.array_equal(one.outputs[name], other.outputs[name]), name


async def test_no_scale_is_fed_where_none_was_given(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.answered(office.ask(numbered(1)))
        await office.answered(office.ask(numbered(1), gate_scale=CLOSED))
    assert [run.scale is None for run in watched.runs] == [True, False]


# Questions larger than a run.


async def test_a_large_question_is_put_together_from_its_parts(watched: Watched) -> None:
    scale = np.ones((20, 2), np.float32)
    scale[17] = 0
    async with opened(watched) as office:
        ticket = office.ask(numbered(20), gate_scale=scale)
        await office.answered(ticket)
    assert watched.sizes == [8, 8, 4]
    expected = [n + 1.0 for n in range(20)]
    expected[17] = 17
    assert first_logits(ticket) == expected
    assert ticket.outputs is not None
    assert ticket.outputs["gate_units"].shape == (20, 4)


async def test_a_large_question_does_not_end_before_its_last_part(watched: Watched) -> None:
    async with opened(watched) as office:
        ticket = office.ask(numbered(20))
        # All runs are over before the loop hears of the first: no row is left, none is answered.
        await block_until(lambda: len(watched.runs) == 3)
        assert (ticket.left, ticket.state) == (0, State.RUNNING)
        await office.answered(ticket)
    assert first_logits(ticket) == [n + 1.0 for n in range(20)]
    assert office.over == [ticket]


async def test_small_questions_get_their_turn_between_the_parts(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.occupy()
        large = office.ask(numbered(30, 100))
        small = office.ask(numbered(2, 10))
        watched.release()
        await office.answered(large, small)
    assert office.over.index(small) < office.over.index(large)
    assert watched.sizes == [1, 8, 8, 8, 8]
    assert watched.runs[2].first[:3] == [10, 11, 108]
    assert first_logits(small) == [11, 12]
    assert first_logits(large) == [n + 101.0 for n in range(30)]


async def test_two_large_questions_with_other_outputs_do_not_mix(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.occupy()
        one, two = office.ask(numbered(12), LOGITS), office.ask(numbered(13, 50), frozenset())
        watched.release()
        await office.answered(one, two)
    assert first_logits(one) == [n + 1.0 for n in range(12)]
    assert two.outputs is not None
    assert two.outputs.keys() == {"probabilities", "gate_mean", "unusual"}
    assert two.outputs["probabilities"].shape == (13, 3)


# Too many, too late, gone.


async def test_a_full_queue_refuses_and_tells_its_rows(watched: Watched) -> None:
    async with opened(watched, capacity=10) as office:
        await office.occupy()
        fits = office.ask(numbered(10))
        with pytest.raises(QueueFullError) as error:
            office.ask(numbered(1))
        assert str(error.value) == (
            "queue: expected room for 1 rows, found 0 of 10; come again later"
        )
        assert office.engine.waiting_rows == 10
        watched.release()
        await office.answered(fits)
        assert office.engine.waiting_rows == 0
        await office.answered(office.ask(numbered(10)))


async def test_how_long_runs_take_decides_when_to_come_again(watched: Watched) -> None:
    async with opened(watched, capacity=5000) as office:
        await office.occupy()
        await asyncio.sleep(0.01)  # for one row; a tenth of that is believed at first
        large = office.ask(numbered(5000))
        watched.hold()
        await until(lambda: watched.sizes == [1, 8])
        with pytest.raises(QueueFullError) as error:
            office.ask(numbered(9))
        office.engine.give_up(large)
    assert error.value.retry_after >= 4  # 4,992 rows of a millisecond each


async def test_a_question_given_up_while_it_waits_frees_its_rows_and_never_runs(
    watched: Watched,
) -> None:
    async with opened(watched, capacity=10) as office:
        await office.occupy()
        gone = office.ask(numbered(10, 50))
        office.engine.give_up(gone)
        assert office.engine.waiting_rows == 0
        stays = office.ask(numbered(10))
        watched.release()
        await office.answered(stays)
    assert watched.sizes == [1, 8, 2]
    assert gone not in office.over


async def test_a_question_given_up_while_it_runs_is_not_told(watched: Watched) -> None:
    async with opened(watched) as office:
        running = await office.occupy()
        office.engine.give_up(running)
        watched.release()
        await office.answered(office.ask(numbered(1)))
    assert running not in office.over


async def test_the_rest_of_a_large_question_given_up_does_not_run(watched: Watched) -> None:
    async with opened(watched) as office:
        watched.hold()
        large = office.ask(numbered(30))
        await until(lambda: watched.sizes == [8])
        office.engine.give_up(large)
        watched.release()
        await office.answered(office.ask(numbered(1)))
    assert watched.sizes == [8, 1]
    assert large not in office.over


async def test_a_question_whose_deadline_passed_in_the_queue_is_not_run(watched: Watched) -> None:
    now = time.perf_counter_ns()
    async with opened(watched) as office:
        await office.occupy()
        late = office.ask(numbered(3), deadline_ns=now)
        early = office.ask(numbered(2), deadline_ns=now + 60 * 10**9)
        watched.release()
        await office.answered(late, early)
    assert watched.sizes == [1, 2]
    assert (type(late.error), str(late.error)) == (DeadlineError, LATE)
    assert late.outputs is None
    assert first_logits(early) == [1, 2]


async def test_a_waiting_question_can_expire_while_a_run_is_under_way(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.occupy()
        late = office.ask(numbered(3))
        office.engine.expire(late)
        assert office.over == [late]
        assert str(late.error) == LATE
        assert office.engine.waiting_rows == 0
        watched.release()
        await office.answered(office.ask(numbered(1)))
    assert watched.sizes == [1, 1]


async def test_a_question_whose_last_rows_run_does_not_expire(watched: Watched) -> None:
    async with opened(watched) as office:
        running = await office.occupy()
        office.engine.expire(running)
        assert office.over == []
        watched.release()
        await office.answered(running)
        office.engine.expire(running)  # nor once it is answered
    assert office.over == [running]
    assert first_logits(running) == [1]


async def test_a_large_question_can_expire_between_its_parts(watched: Watched) -> None:
    async with opened(watched) as office:
        watched.hold()
        large = office.ask(numbered(20))
        await until(lambda: watched.sizes == [8])
        office.engine.expire(large)
        watched.release()
        await office.answered(office.ask(numbered(1)))
    assert watched.sizes == [8, 1]
    assert str(large.error) == LATE
    assert office.over.count(large) == 1


async def test_a_question_given_up_after_it_expired_is_not_told(watched: Watched) -> None:
    async with opened(watched) as office:
        gone = office.ask(numbered(1), deadline_ns=0)
        # The thread has found it late, the loop has not heard of it, and the client leaves.
        await block_until(lambda: gone.state is State.OVER)
        office.engine.give_up(gone)
        await office.answered(office.ask(numbered(1)))
    assert gone not in office.over


# One question's failure is no other's.


async def test_a_failing_run_harms_only_the_question_that_made_it_fail(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(watched) as office:
        await office.occupy()
        one, broken, two = (office.ask(numbered(2, first)) for first in (10, BROKEN, 20))
        watched.release()
        await office.answered(one, broken, two)
        assert watched.sizes == [1, 6, 2, 2, 2]  # together, then each alone
        assert first_logits(one) == [11, 12]
        assert first_logits(two) == [21, 22]
        assert (type(broken.error), str(broken.error)) == (RuntimeError, "a broken row")
        assert broken.outputs is None
        assert office.engine.alive
        await office.answered(again := office.ask(numbered(1)))
        assert first_logits(again) == [1]
    (record,) = caplog.records
    assert record.getMessage() == "a run of the model failed"
    assert record.exc_info is not None
    assert record.exc_info[1] is broken.error


async def test_rows_that_cannot_be_put_together_harm_only_the_question_they_are_of(
    watched: Watched,
) -> None:
    async with opened(watched) as office:
        await office.occupy()
        one, odd = office.ask(numbered(1)), office.ask(np.zeros((1, 5), np.float32))
        watched.release()
        await office.answered(one, odd)
    assert first_logits(one) == [1]
    assert odd.error is not None


async def test_a_large_question_that_fails_frees_its_other_rows_and_is_told_once(
    watched: Watched,
) -> None:
    rows = numbered(40)
    rows[[1, 9]] = BROKEN
    async with opened(watched) as office:
        watched.hold(after=1)
        large = office.ask(rows)
        await office.answered(large)
        assert str(large.error) == "a broken row"
        assert office.engine.waiting_rows == 0
        watched.release()
        await office.answered(office.ask(numbered(1)))
    assert watched.sizes in ([8, 1], [8, 8, 1])  # a second part may have begun before the news
    assert office.over.count(large) == 1


async def test_an_answer_that_cannot_be_given_harms_no_other(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(ticket: Ticket) -> None:
        raise OSError("gone")

    async with opened(watched) as office:
        await office.occupy()
        office.engine.submit(QUESTION, fail)
        other = office.ask(numbered(1, 5))
        watched.release()
        await office.answered(other)
    assert first_logits(other) == [6]
    assert [record.getMessage() for record in caplog.records] == ["an answer could not be given"]


def no_number(row: int) -> str:
    return (
        f"row {row}: expected values that the network can add up, found some so large that its "
        "answer is no number"
    )


async def test_an_answer_that_is_no_number_is_told_to_its_question_alone(
    watched: Watched,
) -> None:
    rows = numbered(3)
    rows[1:] = INF
    async with opened(watched) as office:
        await office.occupy()
        one, bad, two = office.ask(numbered(2)), office.ask(rows), office.ask(numbered(2, 20))
        watched.release()
        await office.answered(one, bad, two)
    assert watched.sizes == [1, 7]
    assert (type(bad.error), str(bad.error)) == (InputError, no_number(1))
    assert bad.outputs is None
    assert [first_logits(one), first_logits(two)] == [[1, 2], [21, 22]]


@pytest.mark.parametrize("row", [3, 8, 19])
async def test_the_row_is_counted_in_the_question_also_in_a_later_part(
    watched: Watched, row: int
) -> None:
    rows = numbered(20)
    rows[row] = INF
    async with opened(watched) as office:
        await office.occupy()
        other, bad = office.ask(numbered(5)), office.ask(rows)
        watched.release()
        await office.answered(other, bad)
    assert str(bad.error) == no_number(row)
    assert office.over.count(bad) == 1


async def test_very_large_numbers_are_numbers(watched: Watched) -> None:
    rows = np.array([[3e38, 3e38, 3e38, 0], [3e38, 3e38, 3e38, 0]], np.float32)
    async with opened(watched) as office:
        await office.answered(ticket := office.ask(rows))
    assert first_logits(ticket) == [np.float32(3e38)] * 2


@pytest.mark.parametrize("neighbour", [frozenset(), LOGITS])
async def test_what_a_neighbour_wants_does_not_change_the_answer(
    watched: Watched, neighbour: frozenset[str]
) -> None:
    rows = np.array([[-3e38, 0, 0, 0]], np.float32)
    scale = np.array([[-3e38, -3e38]], np.float32)  # logits -∞, -3e38, -3e38: chances 0, 0.5, 0.5
    async with opened(watched) as office:
        await office.occupy()
        ticket, _ = (
            office.ask(rows, frozenset(), gate_scale=scale),
            office.ask(numbered(1), neighbour),
        )
        watched.release()
        await office.answered(ticket)
    assert ticket.error is None


# What a ticket and the observer are told.


async def test_a_ticket_tells_its_times_and_how_full_its_run_was(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.occupy()
        one, two = office.ask(numbered(2)), office.ask(numbered(3))
        watched.release()
        await office.answered(one, two)
    run = office.runs[1]
    assert (run.rows, one.run_rows, two.run_rows) == (5, 5, 5)
    assert one.began_ns == two.began_ns == run.began_ns
    assert one.run_ns == run.ended_ns - run.began_ns
    assert one.queued_ns < run.began_ns <= run.model_ns < run.ended_ns


async def test_a_large_questions_time_is_that_of_all_its_runs(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.answered(ticket := office.ask(numbered(20)))
    assert ticket.began_ns == office.runs[0].began_ns
    assert ticket.run_ns == sum(run.ended_ns - run.began_ns for run in office.runs)
    assert ticket.run_rows == 4


async def test_a_run_is_told_to_the_observer_once_its_questions_are_answered(
    content: bytes,
) -> None:
    events: list[str] = []
    loop = asyncio.get_running_loop()
    queue = RowQueue(capacity=10, run_rows=8)
    engine = Engine(Watched(content), queue, lambda run: events.append(f"run of {run.rows}"))
    engine.start(loop)
    engine.submit(QUESTION, lambda _: events.append("answer"))
    await until(lambda: len(events) == 2)
    engine.close()
    assert events == ["answer", "run of 3"]


async def test_a_failed_run_is_told_with_its_error(watched: Watched) -> None:
    async with opened(watched) as office:
        await office.answered(ticket := office.ask(numbered(1, BROKEN)))
    assert [run.error for run in office.runs] == [ticket.error]


# The end.


async def test_an_engine_is_alive_from_start_to_close(watched: Watched) -> None:
    engine = Engine(watched, RowQueue(capacity=10, run_rows=8), lambda run: None)
    engine.close()  # before its start: nothing to end
    assert not engine.alive
    engine.start(asyncio.get_running_loop())
    assert engine.alive
    engine.close()
    engine.close()
    assert not engine.alive


async def test_a_close_answers_what_waits(watched: Watched) -> None:
    async with opened(watched) as office:
        tickets = [await office.occupy(), *(office.ask(numbered(n)) for n in (3, 20, 5))]
        watched.release()
        office.engine.close()
        await office.answered(*tickets)
    assert [len(first_logits(ticket)) for ticket in tickets] == [1, 3, 20, 5]


async def test_a_closed_engine_takes_no_question(watched: Watched) -> None:
    async with opened(watched) as office:
        office.engine.close()
        with pytest.raises(NotReadyError) as error:
            office.ask(numbered(1))
    assert str(error.value) == "model: expected one that is ready, found one that has stopped"
    assert office.engine.waiting_rows == 0


async def test_an_engine_that_has_not_started_takes_no_question(watched: Watched) -> None:
    engine = Engine(watched, RowQueue(capacity=10, run_rows=8), lambda run: None)
    with pytest.raises(NotReadyError):
        engine.submit(QUESTION, lambda ticket: None)


def test_a_run_that_outlives_the_event_loop_ends_the_thread_in_peace(watched: Watched) -> None:
    async def leave() -> Engine:
        engine = Engine(watched, RowQueue(capacity=10, run_rows=8), lambda run: None)
        engine.start(asyncio.get_running_loop())
        watched.hold()
        engine.submit(QUESTION, lambda ticket: None)
        await until(lambda: watched.sizes == [3])
        return engine

    engine = asyncio.run(leave())
    watched.release()
    engine.close()
    assert not engine.alive


# Identity.


@pytest.mark.parametrize("seed", range(3))
async def test_among_hundreds_of_questions_each_gets_its_own_answer(
    watched: Watched, seed: int
) -> None:
    random = Random(seed)
    numbers = iter(range(0, 10**6, 200))  # no two questions share a row

    async def client() -> None:
        for _ in range(20):
            size = random.choice([1, 1, 1, 2, 3, 7, 8, 9, 17, 64, random.randint(1, 200)])
            scale = np.array([[random.choice([0, 0.5, 1, 2]), 1]], np.float32)
            first = float(next(numbers))
            outputs = frozenset(random.sample(sorted(ALL), 2)) | LOGITS
            ticket = office.ask(numbered(size, first), outputs, gate_scale=scale)
            if random.random() < 0.1:
                office.engine.give_up(ticket)
                gone.append(ticket)
                continue
            asked.append(ticket)
            if random.random() < 0.7:
                await office.answered(ticket)
            added = float(scale.sum()) / 2
            expected[ticket] = [first + n + added for n in range(size)]

    asked: list[Ticket] = []
    gone: list[Ticket] = []
    expected: dict[Ticket, list[float]] = {}
    async with opened(watched, capacity=100_000) as office:
        await asyncio.gather(*[client() for _ in range(16)])
        await office.answered(*asked)
    assert len(asked) > 200
    assert {ticket: first_logits(ticket) for ticket in office.over} == expected
    assert len(office.over) == len(asked)  # none twice
    assert max(watched.sizes) == 8
    assert not set(gone) & set(office.over)
