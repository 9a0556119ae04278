from collections.abc import Callable

import numpy as np
import pytest

from export.backends import Engine, Outputs
from export.errors import BatchError, GateScaleError, NumericsError, OutputValueError
from export.outputs import (
    TOLERANCE,
    check_agreement,
    check_batch_independence,
    check_gate_scale,
    check_values,
    extreme_rows,
    row_scale,
)
from service.arrays import FloatArray
from service.contract import OUTPUTS

ROW = np.array([0.25], np.float32)
FLOAT32 = TOLERANCE["float32"]


def valid_outputs() -> Outputs:
    return {
        "logits": np.array([[-3.0, -3.0], [np.log(3.0), 0.0]], np.float32),
        "probabilities": np.array([[0.5, 0.5], [0.75, 0.25]], np.float32),
        "gate_mean": np.array([[0.0], [1.0]], np.float32),
        "gate_units": np.array([[0.0, 0.0], [1.0, 1.0]], np.float32),
        "typicality": np.array([[1e-9, 0.5, 1.0], [1.0, 1e-9, 0.25]], np.float32),
        "layer_typicality": np.array([[1e-9], [1.0]], np.float32),
    }


def test_extreme_rows_are_zeros_denormal_ones_largest_large_of_both_signs_and_random() -> None:
    rows = extreme_rows(np.array([[0.0, 3.0], [1.0, np.nan]], np.float32))
    assert rows[[0, 2, 3]].tolist() == [[0, 0], [1, 1], [3, 3]]
    assert np.abs(rows[4:6]).tolist() == [[3000, 3000], [3000, 3000]]
    assert (rows[1] > 0).all()
    assert (rows[1] < np.finfo(np.float32).tiny).all()
    assert ((rows[6] >= 0) & (rows[6] <= 3)).all()


def test_a_rows_scale_is_its_largest_logit_and_at_least_one() -> None:
    assert row_scale(valid_outputs()).tolist() == [[3.0], [pytest.approx(np.log(3.0))]]
    small: Outputs = {"logits": np.array([[0.5, -0.25]], np.float32)}
    assert row_scale(small).tolist() == [[1.0]]


def test_valid_outputs_pass() -> None:
    check_values(valid_outputs())


@pytest.mark.parametrize("output", OUTPUTS)
def test_nan_is_rejected_in_every_output(output: str) -> None:
    outputs = valid_outputs()
    outputs[output][1, 0] = np.nan
    with pytest.raises(OutputValueError) as error:
        check_values(outputs)
    assert str(error.value) == f"{output}: expected finite numbers, found NaN or infinity"


@pytest.mark.parametrize(
    ("output", "values", "message"),
    [
        (
            "probabilities",
            [[0.5, 0.5], [0.25, 0.25]],
            "expected rows that sum to 1, found 0.500000",
        ),
        ("probabilities", [[0.5, 0.5], [1.0, 0.0]], "not the softmax of the logits"),
        ("gate_mean", [[0.0], [-0.5]], "expected gates in [0, 1], found -0.500000 to 0.000000"),
        ("gate_units", [[0.5], [1.5]], "expected gates in [0, 1], found 0.500000 to 1.500000"),
        ("typicality", [[0.0], [1.0]], "expected p-values in (0, 1], found 0.000000 to 1.000000"),
        ("typicality", [[-0.2], [1.0]], "expected p-values in (0, 1], found -0.200000 to 1.000000"),
        ("typicality", [[0.5], [1.5]], "expected p-values in (0, 1], found 0.500000 to 1.500000"),
        (
            "layer_typicality",
            [[0.0], [1.0]],
            "expected p-values in (0, 1], found 0.000000 to 1.000000",
        ),
    ],
)
def test_values_out_of_range_are_rejected(
    output: str, values: list[list[float]], message: str
) -> None:
    with pytest.raises(OutputValueError) as error:
        check_values({**valid_outputs(), output: np.array(values, np.float32)})
    assert str(error.value) == f"{output}: {message}"


@pytest.mark.parametrize("output", ["gate_units", "typicality", "layer_typicality"])
def test_one_plus_a_rounding_error_is_accepted(output: str) -> None:
    outputs = valid_outputs()
    outputs[output][:] = np.nextafter(np.float32(1), np.float32(2))
    check_values(outputs)


def network(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
    """Two highway layers of one unit, H = x + 1, T = 1/2 and 3/4; logits: the output and 0."""
    scale = np.ones((len(rows), 2), np.float32) if gate_scale is None else gate_scale
    x, gates = rows[:, :1], []
    for layer in range(2):
        gates.append(np.full_like(x, 0.5 + layer / 4))
        x = x + gates[-1] * scale[:, layer : layer + 1]
    logits = np.concatenate([x, 0 * x], axis=1)
    units = np.concatenate(gates, axis=1)
    return {
        "logits": logits,
        "probabilities": np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True),
        "gate_mean": units,
        "gate_units": units,
        "typicality": np.full((len(rows), 3), 0.5, np.float32),
        "layer_typicality": np.full((len(rows), 2), 0.5, np.float32),
    }


def test_rows_that_do_not_depend_on_their_batch_pass() -> None:
    check_batch_independence(network, np.arange(4, dtype=np.float32)[:, None], FLOAT32)


def test_a_row_that_depends_on_its_batch_is_rejected() -> None:
    def centred(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
        return network(rows - rows.mean(axis=0), gate_scale)

    with pytest.raises(BatchError) as error:
        check_batch_independence(centred, np.array([[1.0], [2.0]], np.float32), FLOAT32)
    assert str(error.value) == (
        "logits: expected the same values for row 0 alone and in a batch, found a difference of 0.5"
    )


def less_typical(difference: float) -> Engine:
    """Return the network with lower typicality for all rows but the first."""

    def compute(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
        outputs = network(rows, gate_scale)
        outputs["typicality"][1:] -= np.float32(difference)
        return outputs

    return compute


def test_typicality_may_differ_a_thousand_times_as_much() -> None:
    rows = np.array([[1.0], [1.0]], np.float32)  # their largest logit is 2.25
    check_batch_independence(less_typical(0.02), rows, FLOAT32)
    with pytest.raises(BatchError) as error:
        check_batch_independence(less_typical(0.03), rows, FLOAT32)
    assert str(error.value) == (
        "typicality: expected the same values for row 1 alone and in a batch, found a difference "
        "of 0.03"
    )


def test_a_gate_scale_that_scales_passes() -> None:
    check_gate_scale(network, ROW, (1, 1), FLOAT32)


def ones_scale_too(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
    return network(rows, None if gate_scale is None else gate_scale * np.float32(0.9))


def gates_after_the_scale(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
    outputs = network(rows, gate_scale)
    if gate_scale is not None:
        outputs["gate_mean"] = outputs["gate_mean"] * gate_scale
    return outputs


def first_scale_for_all_rows(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
    if gate_scale is not None:
        gate_scale = np.repeat(gate_scale[:1], len(rows), axis=0)
    return network(rows, gate_scale)


def typicality_of_other_rows(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
    outputs = network(rows, gate_scale)
    if gate_scale is not None and len(rows) > 1:
        outputs["typicality"] = outputs["typicality"] - np.float32(0.25) * (gate_scale.min() == 0)
    return outputs


def ignored_scale(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
    return network(rows, None)


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (ones_scale_too, "gate_scale: all ones change the outputs"),
        (
            gates_after_the_scale,
            "gate_mean: expected gates before gate_scale, found other values when highway layer 1 "
            "is closed",
        ),
        (
            first_scale_for_all_rows,
            "gate_scale: closing highway layer 2 for one row of a batch changes other rows",
        ),
        (
            typicality_of_other_rows,
            "gate_scale: closing highway layer 1 for one row of a batch changes other rows",
        ),
        (ignored_scale, "gate_scale: closed layers do not change the logits"),
    ],
)
def test_a_wrong_gate_scale_is_rejected(engine: Engine, message: str) -> None:
    with pytest.raises(GateScaleError) as error:
        check_gate_scale(engine, ROW, (1, 1), FLOAT32)
    assert str(error.value) == message


def test_the_values_of_closed_layers_are_checked() -> None:
    def divided(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
        outputs = network(rows, gate_scale)
        if gate_scale is not None:
            with np.errstate(invalid="ignore"):
                outputs["logits"] = outputs["logits"] * (gate_scale[:, :1] / gate_scale[:, :1])
        return outputs

    with pytest.raises(OutputValueError) as error:
        check_gate_scale(divided, ROW, (1, 1), FLOAT32)
    assert str(error.value) == "logits: expected finite numbers, found NaN or infinity"


@pytest.mark.parametrize(
    ("output", "accepted", "too_large", "message"),
    [
        ("logits", 9e-5, 1.0, "0.0001, found a difference of 1"),
        ("typicality", 0.09, 0.11, "0.1, found a difference of 0.11"),
    ],
)
def test_backends_that_disagree_are_rejected(
    output: str, accepted: float, too_large: float, message: str
) -> None:
    def shifted(difference: float) -> Callable[[FloatArray, FloatArray | None], Outputs]:
        def compute(rows: FloatArray, gate_scale: FloatArray | None) -> Outputs:
            outputs = network(rows, gate_scale)
            outputs[output] = outputs[output] - np.float32(difference)
            return outputs

        return compute

    rows = np.array([[-0.5]], np.float32)  # its largest logit is below 1
    check_agreement(network, shifted(accepted), rows, 1e-4)
    with pytest.raises(NumericsError) as error:
        check_agreement(network, shifted(too_large), rows, 1e-4)
    assert str(error.value) == (
        f"{output}: expected onnxruntime and onnx's own evaluator to agree to within {message}"
    )
