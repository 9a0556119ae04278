"""Does the file answer as the trained network does? Nothing here swallows a failure."""

from dataclasses import dataclass

import numpy as np
import onnx
import torch

from export.errors import AnswerError, LabelError, NumericsError, StructureError
from models.data.dataset import FloatRows
from models.networks.network import HighwayClassifier, unit_gates
from service.classifier import Answer, Classifier
from service.contract import GATE_MEAN, GATE_UNITS, LOGITS, OUTPUTS, PROBABILITIES

LARGEST_BATCH = 64
BATCH_SIZES = (1, 2, 7, LARGEST_BATCH)
FEW_ROWS = 500  # of the data, for batches smaller than the largest: row by row takes its time
LARGE = 1000.0  # times the data's largest value

# Allowed difference for each output, times the largest logit of the row where that is above 1:
# float32 carries 24 bits, and both sides add in another order.
TOLERANCE = {LOGITS: 1e-4, PROBABILITIES: 1e-5, GATE_MEAN: 1e-5, GATE_UNITS: 1e-5}
SUM_TOLERANCE = 1e-5


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was compared with torch, and the largest absolute difference found for each output.

    On extreme rows the logits are huge, so there the difference is told as a share: it is divided
    by the row's largest logit where that is above 1, as the tolerance is multiplied by it.
    """

    rows: int  # of the data; the extreme ones come on top
    batch_sizes: tuple[int, ...]
    largest_difference: dict[str, float]
    largest_scaled_difference: dict[str, float]  # the extreme rows included
    ties: int  # rows whose two best labels lie closer together than the logits' difference


def check_structure(content: bytes) -> None:
    """Refuse what onnx's full check refuses, data outside the file, and traces of our source."""
    try:
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # onnx raises a dozen unrelated types here
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise StructureError(f"expected a sound ONNX model, found: {reason}") from error
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise StructureError("expected all weights inside the file, found external data")
    for node in model.graph.node:
        if node.metadata_props or node.doc_string:
            raise StructureError(
                f"expected nodes without source traces, found some on node '{node.name}'"
            )


def extreme_rows(rows: FloatRows) -> FloatRows:
    """Return rows (5, features) that no data set holds: zeros, largest, large both ways, random."""
    features, known = rows.shape[1], rows[~np.isnan(rows)]
    largest = float(np.abs(known).max(initial=0)) or 1.0
    random = np.random.default_rng(0).uniform(known.min(), known.max(), features)
    values = (0.0, largest, LARGE * largest, -LARGE * largest)
    return np.stack([*(np.full(features, value) for value in values), random]).astype(np.float32)


def check_answers(classifier: Classifier, rows: FloatRows) -> None:
    """Refuse answers that no highway classifier can give, to `rows` and to extreme ones."""
    together = _in_batches(classifier, np.concatenate([rows, extreme_rows(rows)]), LARGEST_BATCH)
    for name in OUTPUTS:
        if not np.isfinite(getattr(together, name)).all():
            raise AnswerError(f"{name}: expected finite numbers, found NaN or infinity")
    sums = together.probabilities.sum(axis=1)
    worst = sums[np.abs(sums - 1).argmax()]
    if abs(worst - 1) > SUM_TOLERANCE:
        raise AnswerError(f"{PROBABILITIES}: expected rows that add up to 1, found {worst:.6f}")
    for name in (GATE_MEAN, GATE_UNITS):
        gates = getattr(together, name)
        if gates.min() < 0 or gates.max() > 1:
            raise AnswerError(
                f"{name}: expected gates from 0 to 1, found {gates.min():.6f} to {gates.max():.6f}"
            )


@torch.no_grad()
def compare_with_torch(
    network: HighwayClassifier, classifier: Classifier, rows: FloatRows
) -> Report:
    """Answer `rows` and extreme ones with both, in batches of every size; compare every number.

    Batches smaller than the largest take the extreme rows and the first few of the data's.
    """
    count, rows = len(rows), np.concatenate([extreme_rows(rows), rows])
    extremes = len(rows) - count
    expected = _joined([_torch_answer(network, rows) for rows in _batches(rows, LARGEST_BATCH)])
    scale = np.maximum(1.0, np.abs(expected.logits).max(axis=1, keepdims=True))
    worst, worst_scaled = dict.fromkeys(OUTPUTS, 0.0), dict.fromkeys(OUTPUTS, 0.0)
    ties = 0
    for size in BATCH_SIZES:
        taken = len(rows) if size == LARGEST_BATCH else extremes + FEW_ROWS
        found = _in_batches(classifier, rows[:taken], size)
        for name in OUTPUTS:
            difference = np.abs(getattr(found, name) - getattr(expected, name)[:taken])
            scaled = float((difference / scale[:taken]).max())
            if not scaled <= TOLERANCE[name]:  # so written that NaN fails
                raise NumericsError(
                    f"{name}: expected torch's numbers to within {TOLERANCE[name]}, found a "
                    f"difference of {scaled:.2g} in batches of {size}"
                )
            worst[name] = max(worst[name], float(difference[extremes:].max()))
            worst_scaled[name] = max(worst_scaled[name], scaled)
        ties = max(ties, compare_labels(expected.logits[:taken], found.logits))
    return Report(
        rows=count,
        batch_sizes=BATCH_SIZES,
        largest_difference=worst,
        largest_scaled_difference=worst_scaled,
        ties=ties,
    )


def _torch_answer(network: HighwayClassifier, rows: FloatRows) -> Answer:
    logits, gates = network(torch.from_numpy(rows))
    units = [unit_gates(gate) for gate in gates]
    return Answer(
        logits=logits.numpy(),
        probabilities=torch.softmax(logits, dim=1).numpy(),
        gate_mean=torch.stack([gate.mean(dim=1) for gate in units], dim=1).numpy(),
        gate_units=torch.cat(units, dim=1).numpy(),
    )


def _in_batches(classifier: Classifier, rows: FloatRows, size: int) -> Answer:
    return _joined([classifier.run(batch) for batch in _batches(rows, size)])


def _batches(rows: FloatRows, size: int) -> list[FloatRows]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _joined(answers: list[Answer]) -> Answer:
    parts = {name: [getattr(answer, name) for answer in answers] for name in OUTPUTS}
    return Answer(**{name: np.concatenate(part) for name, part in parts.items()})


def compare_labels(expected: FloatRows, found: FloatRows) -> int:
    """Count the rows too close to call; of the others, each must have the same best label."""
    difference = np.abs(found - expected).max(axis=1)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    tied = first - second <= difference
    other = expected.argmax(axis=1) != found.argmax(axis=1)
    if (other & ~tied).any():
        row = int((other & ~tied).argmax())
        raise LabelError(
            f"row {row}: expected label {expected[row].argmax()} as torch says, "
            f"found {found[row].argmax()}"
        )
    return int(tied.sum())
