"""Classification report: precision and recall per label, confusion matrix, calibration error."""

from dataclasses import dataclass

import torch
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from models.data.dataset import Part
from models.evaluation import Evaluation, evaluate, rows_in_order
from models.networks.network import HighwayClassifier

CALIBRATION_BINS = 15


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """Scores of one label, each in [0, 1]; `rows` have this label."""

    label: str
    rows: int
    precision: float  # share of the rows predicted as this label that have it
    recall: float  # share of the rows with this label that are predicted as it
    f1: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of a network on some rows.

    `calibration_error` is the expected calibration error over 15 bins of equal width (Naeini
    2015): the mean difference between the probability of the predicted label and its accuracy.
    `confusion` has a row for each true label and a column for each predicted label.
    """

    overall: Evaluation
    interval: tuple[float, float]  # 95 % confidence interval of the accuracy
    calibration_error: float
    labels: tuple[LabelScores, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(network: HighwayClassifier, part: Part, labels: tuple[str, ...]) -> Scores:
    """Score the network on the rows of `part`, at least one."""
    overall = evaluate(network, part)
    scores, indices = probabilities(network, part), range(len(labels))
    predicted = scores.argmax(dim=1).numpy()
    calibration_error = multiclass_calibration_error(
        scores, torch.from_numpy(part.y), num_classes=len(labels), n_bins=CALIBRATION_BINS
    )
    by_label = precision_recall_fscore_support(part.y, predicted, labels=indices, zero_division=0.0)
    columns = (values.tolist() for values in by_label)
    confusion = confusion_matrix(part.y, predicted, labels=indices)
    return Scores(
        overall=overall,
        interval=overall.accuracy_interval(),
        calibration_error=float(calibration_error),
        labels=tuple(
            LabelScores(label=label, rows=rows, precision=precision, recall=recall, f1=f1)
            for label, precision, recall, f1, rows in zip(labels, *columns, strict=True)
        ),
        confusion=tuple(map(tuple, confusion.tolist())),
    )


@torch.no_grad()
def probabilities(network: HighwayClassifier, part: Part) -> Tensor:
    """Return the probability of each label for each row, (rows, classes)."""
    network.eval()
    batches = [torch.softmax(network(x)[0], dim=1) for x, _ in rows_in_order(network, part)]
    return torch.cat(batches).cpu()
