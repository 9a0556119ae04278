"""Everything that a test says of a classifier: label by label, and how far to trust its shares."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from models.data.dataset import Part
from models.evaluation import Evaluation, evaluate, rows_in_order
from models.networks.network import HighwayClassifier

CALIBRATION_BINS = 15


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """One label: its rows in the data, and shares in [0, 1]."""

    label: str
    rows: int
    precision: float  # of the rows given this label, how many have it
    recall: float  # of the rows that have it, how many were given it
    f1: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How a network did on some rows.

    `calibration_error` is the expected one over 15 bins of equal width (Naeini 2015): by how much
    the probability of the chosen label differs from its accuracy, on average. `confusion` has a
    row for each true label and a column for each given one.
    """

    overall: Evaluation
    interval: tuple[float, float]  # of the accuracy, 95 %
    calibration_error: float
    labels: tuple[LabelScores, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(network: HighwayClassifier, part: Part, labels: tuple[str, ...]) -> Scores:
    """Score the network on the rows of `part`, one at least."""
    overall = evaluate(network, part)
    shares = probabilities(network, part)
    given = shares.argmax(dim=1).numpy()
    return Scores(
        overall=overall,
        interval=overall.accuracy_interval(),
        calibration_error=float(
            multiclass_calibration_error(
                shares,
                torch.from_numpy(part.y),
                num_classes=len(labels),
                n_bins=CALIBRATION_BINS,
            )
        ),
        labels=_by_label(part.y, given, labels),
        confusion=tuple(
            tuple(row)
            for row in confusion_matrix(part.y, given, labels=range(len(labels))).tolist()
        ),
    )


@torch.no_grad()
def probabilities(network: HighwayClassifier, part: Part) -> Tensor:
    """Return the probability of every label for every row, (rows, classes)."""
    network.eval()
    shares = [torch.softmax(network(x)[0], dim=1) for x, _ in rows_in_order(network, part)]
    return torch.cat(shares).cpu()


def _by_label(
    true: NDArray[np.int64], given: NDArray[np.int64], labels: tuple[str, ...]
) -> tuple[LabelScores, ...]:
    columns = precision_recall_fscore_support(
        true, given, labels=range(len(labels)), zero_division=0.0
    )
    return tuple(
        LabelScores(
            label=label,
            rows=int(rows),
            precision=float(precision),
            recall=float(recall),
            f1=float(f1),
        )
        for label, precision, recall, f1, rows in zip(labels, *columns, strict=True)
    )
