"""Classification report: scores of each label, confusion matrix, calibration error, baseline."""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error

from models.data.dataset import Dataset, Part
from models.evaluation import Evaluation, evaluate, rows_in_order
from models.intervals import Interval
from models.networks.classifier import GatedClassifier

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
    interval: Interval  # 95 % confidence interval of the accuracy
    balanced_accuracy: float  # mean recall of the labels with rows
    macro_f1: float  # mean F1 of the labels that have rows or are predicted
    calibration_error: float
    labels: tuple[LabelScores, ...]
    confusion: tuple[tuple[int, ...], ...]

    def frame(self) -> pd.DataFrame:
        """Return a row of scores for each label."""
        return pd.DataFrame(map(asdict, self.labels)).set_index("label")


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The accuracy of always predicting the label of most training rows."""

    label: str
    accuracy: float

    @classmethod
    def of(cls, dataset: Dataset, part: Part) -> "Baseline":
        """Measure it on the rows of `part`, at least one."""
        majority = int(np.bincount(dataset.train.y).argmax())
        return cls(label=dataset.labels[majority], accuracy=float((part.y == majority).mean()))

    def is_beaten_by(self, interval: Interval) -> bool:
        """Return whether the interval of an accuracy lies above the baseline."""
        return interval[0] > self.accuracy


def never_predicted(*parts: Scores) -> tuple[str, ...]:
    """Return the labels that have rows in these parts of the data and are predicted in none."""
    confusion = np.sum([scores.confusion for scores in parts], axis=0)
    missing = (confusion.sum(axis=0) == 0) & (confusion.sum(axis=1) > 0)
    return tuple(
        label.label for label, absent in zip(parts[0].labels, missing, strict=True) if absent
    )


def score(network: GatedClassifier, part: Part, labels: tuple[str, ...]) -> Scores:
    """Score the network on the rows of `part`, at least one."""
    overall = evaluate(network, part)
    scores, indices = probabilities(network, part), range(len(labels))
    predicted = scores.argmax(dim=1).numpy()
    calibration_error = multiclass_calibration_error(
        scores, torch.from_numpy(part.y), num_classes=len(labels), n_bins=CALIBRATION_BINS
    )
    by_label = precision_recall_fscore_support(part.y, predicted, labels=indices, zero_division=0.0)
    _, recall, f1, rows = by_label
    columns = (values.tolist() for values in by_label)
    confusion = confusion_matrix(part.y, predicted, labels=indices)
    return Scores(
        overall=overall,
        interval=overall.accuracy_interval(),
        balanced_accuracy=float(recall[rows > 0].mean()),
        macro_f1=float(f1[rows + confusion.sum(axis=0) > 0].mean()),
        calibration_error=float(calibration_error),
        labels=tuple(
            LabelScores(label=label, rows=rows, precision=precision, recall=recall, f1=f1)
            for label, precision, recall, f1, rows in zip(labels, *columns, strict=True)
        ),
        confusion=tuple(map(tuple, confusion.tolist())),
    )


@torch.no_grad()
def probabilities(network: GatedClassifier, part: Part) -> Tensor:
    """Return the probability of each label for each row, (rows, classes)."""
    network.eval()
    batches = [torch.softmax(network(x)[0], dim=1) for x, _ in rows_in_order(network, part)]
    return torch.cat(batches).cpu()
