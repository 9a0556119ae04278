import numpy as np
import pytest

from export.answers import (
    SAME,
    check_gate_scale,
    check_possible,
    check_rows_alone,
    extreme_rows,
    row_scale,
)
from export.engines import Answers, Engine
from export.errors import AnswerError, BatchError, GateScaleError
from service.classifier import FloatArray
from service.contract import OUTPUTS


def answers(count: int = 2) -> Answers:
    return {
        "logits": np.array([[-3.0, -3.0], [np.log(3.0), 0.0]], np.float32)[:count],
        "probabilities": np.array([[0.5, 0.5], [0.75, 0.25]], np.float32)[:count],
        "gate_mean": np.array([[0.0], [1.0]], np.float32)[:count],
        "gate_units": np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)[:count],
        "unusual": np.array([[1e-9, 0.5, 1.0], [1.0, 1e-9, 0.25]], np.float32)[:count],
    }


def test_extreme_rows_are_zeros_denormal_ones_largest_large_of_any_sign_and_random() -> None:
    found = extreme_rows(np.array([[0.0, 3.0], [1.0, np.nan]], np.float32))
    assert found[[0, 2, 3]].tolist() == [[0, 0], [1, 1], [3, 3]]
    assert np.abs(found[4:6]).tolist() == [[3000, 3000], [3000, 3000]]
    assert (found[1] > 0).all()
    assert (found[1] < np.finfo(np.float32).tiny).all()
    assert ((found[6] >= 0) & (found[6] <= 3)).all()


def test_a_rows_scale_is_its_largest_logit_and_one_at_least() -> None:
    assert row_scale(answers()).tolist() == [[3.0], [pytest.approx(np.log(3.0))]]
    small: Answers = {"logits": np.array([[0.5, -0.25]], np.float32)}
    assert row_scale(small).tolist() == [[1.0]]


def test_possible_answers_pass() -> None:
    check_possible(answers())


@pytest.mark.parametrize("output", OUTPUTS)
def test_answers_that_are_no_numbers_are_refused(output: str) -> None:
    found = answers()
    found[output][1, 0] = np.nan
    with pytest.raises(AnswerError) as error:
        check_possible(found)
    assert str(error.value) == f"{output}: expected finite numbers, found NaN or infinity"


def test_probabilities_that_do_not_add_up_are_refused() -> None:
    found = answers()
    found["probabilities"][1] = 0.25
    with pytest.raises(AnswerError) as error:
        check_possible(found)
    assert str(error.value) == "probabilities: expected rows that add up to 1, found 0.500000"


def test_probabilities_that_are_not_the_softmax_of_the_logits_are_refused() -> None:
    found = answers()
    found["probabilities"] = 2 * found["probabilities"] - np.float32(0.5)
    with pytest.raises(AnswerError) as error:
        check_possible(found)
    assert str(error.value) == ("probabilities: expected the softmax of the logits, found others")


@pytest.mark.parametrize(("output", "gate"), [("gate_mean", -0.5), ("gate_units", 1.5)])
def test_gates_beyond_zero_and_one_are_refused(output: str, gate: float) -> None:
    found = answers()
    found[output][:] = gate
    with pytest.raises(AnswerError) as error:
        check_possible(found)
    assert str(error.value) == (
        f"{output}: expected gates from 0 to 1, found {gate:.6f} to {gate:.6f}"
    )


def test_a_gate_of_one_and_a_roundings_width_is_a_gate_of_one() -> None:
    found = answers()
    found["gate_units"][:] = np.nextafter(np.float32(1), np.float32(2))
    check_possible(found)


@pytest.mark.parametrize(("least", "most"), [(0.0, 1.0), (-0.25, 0.5), (0.5, 1.5)])
def test_shares_of_usual_rows_that_are_none_are_refused(least: float, most: float) -> None:
    found = answers()
    found["unusual"] = np.array([[least, 0.5, 0.5], [0.5, 0.5, most]], np.float32)
    with pytest.raises(AnswerError) as error:
        check_possible(found)
    assert str(error.value) == (
        f"unusual: expected shares above 0 and up to 1, found {least:.6f} to {most:.6f}"
    )


def test_a_share_of_one_and_a_roundings_width_is_a_share_of_one() -> None:
    found = answers()
    found["unusual"][:] = np.nextafter(np.float32(1), np.float32(2))
    check_possible(found)


def network(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
    """Two highway layers of one unit, H = x + 1, T = 1/2 and 3/4; two logits, the output and 0."""
    scale = np.ones((len(rows), 2), np.float32) if gate_scale is None else gate_scale
    x, gates = rows[:, :1], []
    for layer in range(2):
        gates.append(np.full_like(x, 0.5 + layer / 4))
        x = x + gates[-1] * scale[:, layer : layer + 1]
    logits = np.concatenate([x, 0 * x], axis=1)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    units = np.concatenate(gates, axis=1)
    return {
        "logits": logits,
        "probabilities": shares,
        "gate_mean": units,
        "gate_units": units,
        "unusual": np.full((len(rows), 3), 0.5, np.float32),
    }


ROW = np.array([0.25], np.float32)


def test_rows_that_keep_to_themselves_pass() -> None:
    check_rows_alone(network, np.arange(4, dtype=np.float32)[:, None], SAME["float32"])


def test_a_row_that_depends_on_its_neighbours_is_refused() -> None:
    def centred(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        return network(rows - rows.mean(axis=0), gate_scale)

    with pytest.raises(BatchError) as error:
        check_rows_alone(centred, np.array([[1.0], [2.0]], np.float32), SAME["float32"])
    assert str(error.value) == (
        "logits: expected row 0 to be answered in a batch as alone, found a difference of 0.5"
    )


def sharing(difference: float) -> Engine:
    """Return the network with shares that are so much less for every row but the first."""

    def answer(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        found = network(rows, gate_scale)
        found["unusual"][1:] -= np.float32(difference)
        return found

    return answer


def test_shares_of_usual_rows_may_differ_a_thousand_times_as_much() -> None:
    rows = np.array([[1.0], [1.0]], np.float32)  # whose largest logit is 2.25
    check_rows_alone(sharing(0.02), rows, SAME["float32"])
    with pytest.raises(BatchError) as error:
        check_rows_alone(sharing(0.03), rows, SAME["float32"])
    assert str(error.value) == (
        "unusual: expected row 1 to be answered in a batch as alone, found a difference of 0.03"
    )


def test_shares_of_usual_rows_that_a_scale_elsewhere_moves_are_refused() -> None:
    def moved_by_others(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        found = network(rows, gate_scale)
        if gate_scale is not None and len(rows) > 1:
            found["unusual"] = found["unusual"] - np.float32(0.25) * (gate_scale.min() == 0)
        return found

    with pytest.raises(GateScaleError) as error:
        check_gate_scale(moved_by_others, ROW, (1, 1), SAME["float32"])
    assert str(error.value) == (
        "gate_scale: expected to close highway layer 1 for one row of a batch alone, found that it "
        "matters to others"
    )


def test_a_gate_scale_that_scales_passes() -> None:
    check_gate_scale(network, ROW, (1, 1), SAME["float32"])


def test_a_gate_scale_whose_ones_change_something_is_refused() -> None:
    def shrinking(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        return network(rows, None if gate_scale is None else gate_scale * np.float32(0.9))

    with pytest.raises(GateScaleError) as error:
        check_gate_scale(shrinking, ROW, (1, 1), SAME["float32"])
    assert str(error.value) == "gate_scale: expected all ones to change nothing, found a change"


def test_gates_reported_after_the_scale_are_refused() -> None:
    def after(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        found = network(rows, gate_scale)
        if gate_scale is not None:
            found["gate_mean"] = found["gate_mean"] * gate_scale
        return found

    with pytest.raises(GateScaleError) as error:
        check_gate_scale(after, ROW, (1, 1), SAME["float32"])
    assert str(error.value) == (
        "gate_mean: expected gates as they are before gate_scale, found others when highway layer "
        "1 is closed"
    )


def test_a_scale_that_reaches_other_rows_is_refused() -> None:
    def first_for_all(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        if gate_scale is not None:
            gate_scale = np.repeat(gate_scale[:1], len(rows), axis=0)
        return network(rows, gate_scale)

    with pytest.raises(GateScaleError) as error:
        check_gate_scale(first_for_all, ROW, (1, 1), SAME["float32"])
    assert str(error.value) == (
        "gate_scale: expected to close highway layer 2 for one row of a batch alone, found that it "
        "matters to others"
    )


def test_a_gate_scale_that_never_matters_is_refused() -> None:
    with pytest.raises(GateScaleError) as error:
        check_gate_scale(lambda rows, scale: network(rows, None), ROW, (1, 1), SAME["float32"])
    assert str(error.value) == (
        "gate_scale: expected closed layers to matter, found that none does"
    )


def test_answers_with_closed_layers_must_be_possible_too() -> None:
    def divided(rows: FloatArray, gate_scale: FloatArray | None) -> Answers:
        found = network(rows, gate_scale)
        if gate_scale is not None:
            with np.errstate(invalid="ignore"):
                found["logits"] = found["logits"] * (gate_scale[:, :1] / gate_scale[:, :1])
        return found

    with pytest.raises(AnswerError) as error:
        check_gate_scale(divided, ROW, (1, 1), SAME["float32"])
    assert str(error.value) == "logits: expected finite numbers, found NaN or infinity"
