"""What any highway classifier's answers must be, whatever its weights; no torch is needed."""

import numpy as np

from export.engines import Answers, Engine, Numbers
from export.errors import AnswerError, BatchError, GateScaleError
from service.classifier import FloatArray
from service.contract import GATE_MEAN, GATE_UNITS, LOGITS, OUTPUTS, PROBABILITIES, UNUSUAL

LARGE = 1000.0  # times the data's largest value
DENORMAL = 1e-40  # below float32's smallest normal number
SUM_TOLERANCE = 1e-5
GATE_ROUNDING = 2.0**-22  # onnxruntime gives some wide-open gates as 1.00000012
# Times the row's largest logit where above 1: the same sums in another order, after which whole
# numbers may be rounded the other way.
SAME = {"float32": 1e-5, "int8": 0.05}
# How many times more than the gates it is computed from may an output move: of gates that hardly
# vary on normal rows the last digits count.
STEEPNESS = {name: 1000.0 if name == UNUSUAL else 1.0 for name in OUTPUTS}


def extreme_rows(rows: FloatArray) -> FloatArray:
    """Return rows (7, features) that no data set holds.

    Zeros, denormal numbers, ones, the data's largest value, twice a thousand times that with signs
    by chance, and random values within the data's range.
    """
    features, known = rows.shape[1], rows[~np.isnan(rows)]
    largest = float(np.abs(known).max(initial=0)) or 1.0
    low, high = known.min(initial=0), known.max(initial=0)
    chance = np.random.default_rng(0)
    constant = [np.full(features, value) for value in (0.0, DENORMAL, 1.0, largest)]
    large = LARGE * largest * chance.choice([-1.0, 1.0], (2, features))
    random = chance.uniform(low, high, features)
    return np.stack([*constant, *large, random]).astype(np.float32)


def row_scale(answers: Answers) -> Numbers:
    """Return (rows, 1): each row's largest logit, and 1 where that is less.

    Differences are told in it: on extreme rows logits are huge, and so is what rounding does.
    """
    largest = np.abs(answers[LOGITS]).max(axis=1, keepdims=True)
    return np.asarray(np.maximum(1.0, largest))


def check_possible(answers: Answers) -> None:
    """Refuse answers that are no numbers, probabilities that are none, gates beyond 0 and 1."""
    for name in OUTPUTS:
        if not np.isfinite(answers[name]).all():
            raise AnswerError(f"{name}: expected finite numbers, found NaN or infinity")
    shares, logits = answers[PROBABILITIES], answers[LOGITS].astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    sums = shares.sum(axis=1)
    worst = sums[np.abs(sums - 1).argmax()]
    if abs(worst - 1) > SUM_TOLERANCE:
        raise AnswerError(f"{PROBABILITIES}: expected rows that add up to 1, found {worst:.6f}")
    if np.abs(shares - powers / powers.sum(axis=1, keepdims=True)).max() > SUM_TOLERANCE:
        raise AnswerError(f"{PROBABILITIES}: expected the softmax of the logits, found others")
    for name in (GATE_MEAN, GATE_UNITS):
        gates = answers[name]
        if gates.min() < 0 or gates.max() > 1 + GATE_ROUNDING:
            raise AnswerError(
                f"{name}: expected gates from 0 to 1, found {gates.min():.6f} to {gates.max():.6f}"
            )
    shares = answers[UNUSUAL]
    if shares.min() <= 0 or shares.max() > 1 + GATE_ROUNDING:
        raise AnswerError(
            f"{UNUSUAL}: expected shares above 0 and up to 1, found {shares.min():.6f} to "
            f"{shares.max():.6f}"
        )


def check_rows_alone(engine: Engine, rows: FloatArray, same: float) -> None:
    """Refuse a graph in which a row's answer depends on the rows beside it."""
    together = engine(rows, None)
    scale = row_scale(together)
    for row in range(len(rows)):
        alone = engine(rows[row : row + 1], None)
        for name in OUTPUTS:
            difference = float(np.abs(alone[name] - together[name][row : row + 1]).max())
            if not difference <= same * STEEPNESS[name] * float(scale[row, 0]):
                raise BatchError(
                    f"{name}: expected row {row} to be answered in a batch as alone, found a "
                    f"difference of {difference:.2g}"
                )


def check_gate_scale(engine: Engine, row: FloatArray, widths: tuple[int, ...], same: float) -> None:
    """Refuse a `gate_scale` that does anything but scale, layer by layer and row by row.

    All ones change nothing. In a batch of one `row` (features,) for each layer, where each closes
    another layer, the gates up to and in the closed layer are reported as they were, for they come
    before the scale; and every row answers as it does where it is alone.
    """
    layers = len(widths)
    rows = np.tile(row, (layers, 1))
    plain, ones = engine(rows, None), engine(rows, np.ones((layers, layers), np.float32))
    if any(not np.array_equal(plain[name], ones[name]) for name in OUTPUTS):
        raise GateScaleError("gate_scale: expected all ones to change nothing, found a change")
    closing = 1 - np.eye(layers, dtype=np.float32)
    closed = engine(rows, closing)
    check_possible(closed)
    if np.array_equal(closed[LOGITS], plain[LOGITS]):
        raise GateScaleError("gate_scale: expected closed layers to matter, found that none does")
    ends = np.cumsum(widths)
    for layer in range(layers):
        for name, end in ((GATE_MEAN, layer + 1), (GATE_UNITS, int(ends[layer]))):
            change = np.abs(closed[name][layer, :end] - plain[name][layer, :end]).max()
            if not change <= same:
                raise GateScaleError(
                    f"{name}: expected gates as they are before gate_scale, found others when "
                    f"highway layer {layer + 1} is closed"
                )
        alone = engine(rows[:1], closing[layer : layer + 1])
        scale = float(row_scale(alone)[0, 0])
        moved = {name: np.abs(alone[name][0] - closed[name][layer]).max() for name in OUTPUTS}
        if any(not moved[name] <= same * STEEPNESS[name] * scale for name in OUTPUTS):
            raise GateScaleError(
                f"gate_scale: expected to close highway layer {layer + 1} for one row of a batch "
                "alone, found that it matters to others"
            )
