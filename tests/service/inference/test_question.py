import numpy as np

from service.inference.question import Question, State, Ticket

QUESTION = Question(np.zeros((5, 4), np.float32), frozenset({"logits"}))


def ticket() -> Ticket:
    return Ticket(QUESTION, lambda _: None, queued_ns=7)


def test_a_question_may_be_asked_without_scale_and_deadline() -> None:
    assert QUESTION.gate_scale is None
    assert QUESTION.deadline_ns is None


def test_a_ticket_begins_waiting_with_all_its_rows_left() -> None:
    one = ticket()
    assert (one.state, one.size, one.left, one.queued_ns) == (State.WAITING, 5, 5, 7)
    assert (one.outputs, one.error) == (None, None)


def test_what_a_run_has_taken_is_not_left() -> None:
    one = ticket()
    one.taken = 3
    assert one.left == 2


def test_two_tickets_of_one_question_are_two() -> None:
    assert ticket() != ticket()
