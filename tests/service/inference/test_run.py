import numpy as np
import pytest

from service.classifier import FloatArray
from service.inference.question import Question, Ticket
from service.inference.queue import Part
from service.inference.run import Run, gathered, not_finite

TOO_LARGE = "expected values that the network can add up, found some so large that its answer is no"
INF, NAN = float("inf"), float("nan")


def array(*lines: list[float]) -> FloatArray:
    return np.array(lines, np.float32)


def part(rows: FloatArray, scale: FloatArray | None = None, *, skip: int = 0) -> Part:
    """Return the part of a question from its row `skip` on."""
    question = Question(rows, frozenset(), scale)
    return Part(Ticket(question, lambda _: None, 0), skip, len(rows))


def run(**outputs: FloatArray) -> Run:
    return Run([], 0, outputs, None, 0, 0, 0)


def test_one_question_alone_is_run_without_a_copy() -> None:
    rows = array([1, 2], [3, 4])
    together, scale = gathered([part(rows)])
    assert np.shares_memory(together, rows)
    assert scale is None


def test_rows_are_put_together_in_order() -> None:
    together, _ = gathered([part(array([1, 2])), part(array([3, 4], [5, 6]))])
    assert together.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_only_the_rows_of_the_part_are_taken() -> None:
    together, scale = gathered([part(array([1, 2], [3, 4]), array([0, 1], [1, 0]), skip=1)])
    assert together.tolist() == [[3, 4]]
    assert scale is not None
    assert scale.tolist() == [[1, 0]]


def test_one_scale_for_all_rows_stays_one_line_where_the_question_is_alone() -> None:
    _, scale = gathered([part(array([1, 2], [3, 4]), array([0, 1]))])
    assert scale is not None
    assert scale.tolist() == [[0, 1]]


def test_one_scale_for_all_rows_holds_for_each_part_of_a_split_question() -> None:
    rows = array([1, 2], [3, 4], [5, 6])
    _, scale = gathered([part(rows, array([0, 2]), skip=1), part(array([7, 8]))])
    assert scale is not None
    assert scale.tolist() == [[0, 2], [0, 2], [1, 1]]


def test_each_row_among_others_has_its_own_scale_and_ones_where_none_was_given() -> None:
    _, scale = gathered(
        [
            part(array([1, 2])),
            part(array([3, 4], [5, 6]), array([0, 1])),
            part(array([7, 8], [9, 0]), array([0.25, 0.5], [2, 3])),
        ]
    )
    assert scale is not None
    assert scale.dtype == np.float32
    assert scale.tolist() == [[1, 1], [0, 1], [0, 1], [0.25, 0.5], [2, 3]]


def test_no_scale_is_fed_where_no_question_has_one() -> None:
    assert gathered([part(array([1, 2])), part(array([3, 4]))])[1] is None


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_a_run_with_a_logit_that_is_no_number_is_not_finite(value: float) -> None:
    good = array([1, 2], [3, 4])
    assert not run(logits=array([1, 2], [3, value]), probabilities=good).finite
    assert run(logits=good, probabilities=good).finite


def test_where_nobody_wants_the_logits_their_softmax_tells() -> None:
    assert not run(probabilities=array([0, 1], [NAN, NAN])).finite
    assert run(probabilities=array([0, 1])).finite


def test_infinities_that_cancel_are_found() -> None:
    assert not run(logits=array([INF, -INF])).finite


def test_numbers_so_large_that_their_sum_overflows_are_numbers() -> None:
    assert run(logits=array([3e38, 3e38], [3e38, 3e38])).finite


def test_a_failed_run_has_no_answer_that_could_be_no_number() -> None:
    assert run().finite


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_the_first_row_without_a_finite_answer_is_named(value: float) -> None:
    logits = array([1, 2], [3, 4], [5, value], [value, 8])
    error = not_finite({"logits": logits}, 0)
    assert str(error) == f"row 2: {TOO_LARGE} number"


def test_the_row_is_counted_from_the_questions_first_row() -> None:
    assert str(not_finite({"logits": array([1, 2], [NAN, 4])}, 16)) == f"row 17: {TOO_LARGE} number"


def test_a_row_is_wrong_if_one_of_its_outputs_is() -> None:
    outputs = {"logits": array([1], [2], [NAN]), "gate_mean": array([1, 2], [3, INF], [5, 6])}
    assert str(not_finite(outputs, 0)) == f"row 1: {TOO_LARGE} number"


def test_finite_answers_have_no_error() -> None:
    assert not_finite({"logits": array([1, -3.4e38], [0, 3.4e38])}, 0) is None
