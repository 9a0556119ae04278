"""Checks that the outputs of any highway classifier pass, independent of its weights.

They need the file alone; torch is not imported.
"""

import numpy as np

from export.backends import Engine, FloatValues, Outputs
from export.errors import BatchError, GateScaleError, NumericsError, OutputValueError
from service.arrays import FloatArray
from service.contract import (
    GATE_MEAN,
    GATE_UNITS,
    LAYER_TYPICALITY,
    LOGITS,
    OUTPUTS,
    PROBABILITIES,
    TYPICALITY,
)

LARGE = 1000.0  # times the data's largest value
DENORMAL = 1e-40  # below float32's smallest normal number
SUM_TOLERANCE = 1e-5
GATE_OVERSHOOT = 2.0**-22  # onnxruntime computes some wide-open gates as 1.00000012
# By precision, times the row's largest logit where that is above 1. Batches of another size add up
# in another order, after which int8 may round the other way.
TOLERANCE = {"float32": 1e-5, "int8": 0.05}
# Multiplies the tolerance of an output: typicality depends on the last digits of gates that hardly
# vary on normal rows.
P_VALUES = (TYPICALITY, LAYER_TYPICALITY)
TOLERANCE_FACTOR = {name: 1000.0 if name in P_VALUES else 1.0 for name in OUTPUTS}


def extreme_rows(rows: FloatArray) -> FloatArray:
    """Return rows (7, features) that no data set contains.

    Zeros, denormal numbers, ones, the data's largest value, two rows of a thousand times that with
    random signs, and random values in the data's range.
    """
    features, known = rows.shape[1], rows[~np.isnan(rows)]
    largest = float(np.abs(known).max(initial=0)) or 1.0
    low, high = known.min(initial=0), known.max(initial=0)
    random = np.random.default_rng(0)
    constant = [np.full(features, value) for value in (0.0, DENORMAL, 1.0, largest)]
    large = LARGE * largest * random.choice([-1.0, 1.0], (2, features))
    uniform = random.uniform(low, high, features)
    return np.stack([*constant, *large, uniform]).astype(np.float32)


def row_scale(outputs: Outputs) -> FloatValues:
    """Return each row's largest logit, or 1 if that is less: (rows, 1).

    It is the unit of differences: extreme rows have huge logits with large rounding errors.
    """
    largest = np.abs(outputs[LOGITS]).max(axis=1, keepdims=True)
    return np.asarray(np.maximum(1.0, largest))


def check_values(outputs: Outputs) -> None:
    """Reject values that are not finite, not probabilities, or out of their output's range."""
    for name in OUTPUTS:
        if not np.isfinite(outputs[name]).all():
            raise OutputValueError(f"{name}: expected finite numbers, found NaN or infinity")
    probabilities, logits = outputs[PROBABILITIES], outputs[LOGITS].astype(np.float64)
    sums = probabilities.sum(axis=1)
    worst = sums[np.abs(sums - 1).argmax()]
    if abs(worst - 1) > SUM_TOLERANCE:
        raise OutputValueError(f"{PROBABILITIES}: expected rows that sum to 1, found {worst:.6f}")
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax = powers / powers.sum(axis=1, keepdims=True)
    if np.abs(probabilities - softmax).max() > SUM_TOLERANCE:
        raise OutputValueError(f"{PROBABILITIES}: not the softmax of the logits")
    for name in (GATE_MEAN, GATE_UNITS, *P_VALUES):
        low, high = outputs[name].min(), outputs[name].max()
        too_low = low <= 0 if name in P_VALUES else low < 0
        if too_low or high > 1 + GATE_OVERSHOOT:
            expected = "p-values in (0, 1]" if name in P_VALUES else "gates in [0, 1]"
            raise OutputValueError(f"{name}: expected {expected}, found {low:.6f} to {high:.6f}")


def check_batch_independence(engine: Engine, rows: FloatArray, tolerance: float) -> None:
    """Reject a graph in which a row's outputs depend on the other rows of its batch."""
    together = engine(rows, None)
    scale = row_scale(together)
    for row in range(len(rows)):
        alone = engine(rows[row : row + 1], None)
        for name in OUTPUTS:
            difference = float(np.abs(alone[name] - together[name][row : row + 1]).max())
            if not difference <= tolerance * TOLERANCE_FACTOR[name] * float(scale[row, 0]):
                raise BatchError(
                    f"{name}: expected the same values for row {row} alone and in a batch, found a "
                    f"difference of {difference:.2g}"
                )


def check_gate_scale(
    engine: Engine, row: FloatArray, widths: tuple[int, ...], tolerance: float
) -> None:
    """Reject a `gate_scale` that does anything but scale gates by layer and row.

    All ones must change nothing. Then a batch repeats `row` (features,) once for each layer, with
    that layer closed. Gates are outputs before they are scaled, so those up to and including the
    closed layer must not change, and each row's outputs must equal those of the row alone.
    """
    layers = len(widths)
    rows = np.tile(row, (layers, 1))
    plain, ones = engine(rows, None), engine(rows, np.ones((layers, layers), np.float32))
    if any(not np.array_equal(plain[name], ones[name]) for name in OUTPUTS):
        raise GateScaleError("gate_scale: all ones change the outputs")
    scales = 1 - np.eye(layers, dtype=np.float32)
    closed = engine(rows, scales)
    check_values(closed)
    if np.array_equal(closed[LOGITS], plain[LOGITS]):
        raise GateScaleError("gate_scale: closed layers do not change the logits")
    ends = np.cumsum(widths)
    for layer in range(layers):
        for name, end in ((GATE_MEAN, layer + 1), (GATE_UNITS, int(ends[layer]))):
            change = np.abs(closed[name][layer, :end] - plain[name][layer, :end]).max()
            if not change <= tolerance:
                raise GateScaleError(
                    f"{name}: expected gates before gate_scale, found other values when highway "
                    f"layer {layer + 1} is closed"
                )
        alone = engine(rows[:1], scales[layer : layer + 1])
        scale = float(row_scale(alone)[0, 0])
        moved = {name: np.abs(alone[name][0] - closed[name][layer]).max() for name in OUTPUTS}
        if any(not moved[name] <= tolerance * TOLERANCE_FACTOR[name] * scale for name in OUTPUTS):
            raise GateScaleError(
                f"gate_scale: closing highway layer {layer + 1} for one row of a batch changes "
                "other rows"
            )


def check_agreement(engine: Engine, reference: Engine, rows: FloatArray, tolerance: float) -> None:
    """Reject a graph whose outputs differ between onnxruntime and onnx's own evaluator."""
    computed, expected = engine(rows, None), reference(rows, None)
    for name in OUTPUTS:
        difference = float((np.abs(computed[name] - expected[name]) / row_scale(expected)).max())
        if not difference <= tolerance * TOLERANCE_FACTOR[name]:  # also rejects NaN
            raise NumericsError(
                f"{name}: expected onnxruntime and onnx's own evaluator to agree to within "
                f"{tolerance * TOLERANCE_FACTOR[name]:g}, found a difference of {difference:.2g}"
            )
