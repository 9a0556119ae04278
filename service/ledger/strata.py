"""Divides answered rows into strata, from the most atypical to the ordinary ones.

Each stratum is sampled by itself, so that the few rows that matter are kept among many others.
"""

import numpy as np
from numpy.typing import NDArray

from service.arrays import Outputs
from service.contract import PROBABILITIES, TYPICALITY, TYPICALITY_COLUMNS, Metadata
from service.ledger.fields import ModelKey, model_key

# In the order in which they are kept; a row belongs to the first one whose rule it meets.
VERY_ATYPICAL, ATYPICAL, RARE_LABEL, LOW_CONFIDENCE, ORDINARY = STRATA = range(5)

VERY_ATYPICAL_PART = 0.01  # of the threshold of atypical rows
RARE_SHARE = 0.01  # a label of a smaller share of the rows is rare
RARE_PART = 0.1  # and smaller than this part of the share that equally frequent labels have
MEMORY_ROWS = 100_000  # after which all counts of labels are halved
LOW_CONFIDENCE_SHARE = 0.05  # of held-out rows have a confidence that is low, by its p-value

# Labels are counted together, because that takes a tenth of the time: a part of all rows so far, or
# the rows of so many batches.
WAITING_PART, WAITING_BATCHES = 1 / 16, 256

_CONFIDENCE, _COMBINED = map(TYPICALITY_COLUMNS.index, ("confidence", "combined"))
_TRUE, _ORDINARY = b"\1", bytes((ORDINARY,))


class Stratification:
    """Finds the strata of all models' rows; it counts their labels to know the rare ones."""

    def __init__(self, atypical: float) -> None:
        """Rows are atypical if their combined p-value is at most `atypical`."""
        # As float32, like the p-values: one that equals the threshold is not above it.
        self._bounds = np.full(len(TYPICALITY_COLUMNS), -np.inf, np.float32)
        self._bounds[[_CONFIDENCE, _COMBINED]] = LOW_CONFIDENCE_SHARE, atypical
        self._very_atypical = np.float32(VERY_ATYPICAL_PART * atypical)
        self._labels: dict[ModelKey, LabelCounts] = {}
        self._model: Metadata | None = None  # of the last batch
        self._counts = LabelCounts(1)

    def strata(self, outputs: Outputs, model: Metadata) -> bytes:
        """Return the stratum of each row of a batch, and count their labels."""
        if model is not self._model:
            self._model, self._counts = model, self._label_counts(model)
        labels = outputs[PROBABILITIES].argmax(axis=1)
        rare = self._counts.rare(labels)
        typicality = outputs[TYPICALITY]
        low = typicality <= self._bounds
        if _TRUE not in low.tobytes() and (rare is None or _TRUE not in rare.tobytes()):
            return _ORDINARY * len(labels)
        strata = np.full(len(labels), ORDINARY, np.uint8)
        strata[low[:, _CONFIDENCE]] = LOW_CONFIDENCE
        if rare is not None:
            strata[rare] = RARE_LABEL
        strata[low[:, _COMBINED]] = ATYPICAL
        strata[typicality[:, _COMBINED] <= self._very_atypical] = VERY_ATYPICAL
        return strata.tobytes()

    def _label_counts(self, model: Metadata) -> "LabelCounts":
        key = model_key(model)
        counts = self._labels.get(key)
        if counts is None:
            counts = self._labels[key] = LabelCounts(len(model.labels))
        return counts


class LabelCounts:
    """Counts of the labels of one model's rows, in which older rows have less weight."""

    def __init__(self, labels: int) -> None:
        self._counts = np.zeros(labels)
        self._rows = 0.0
        self._rare_share = min(RARE_SHARE, RARE_PART / labels)
        self._rare: NDArray[np.bool_] | None = None  # by label; None if none is rare
        self._waiting: list[NDArray[np.intp]] = []  # labels of batches that are not counted yet
        self._waiting_rows = 0

    def rare(self, labels: NDArray[np.intp]) -> NDArray[np.bool_] | None:
        """Return for each row of a batch whether its label was rare before, and count them.

        None if no label is rare.
        """
        rare = None if self._rare is None else self._rare[labels]
        self._waiting.append(labels)
        self._waiting_rows += len(labels)
        if self._waiting_rows >= WAITING_PART * self._rows or len(self._waiting) >= WAITING_BATCHES:
            self._count()
        return rare

    def _count(self) -> None:
        labels = np.concatenate(self._waiting)
        self._counts += np.bincount(labels, minlength=len(self._counts))
        self._rows += len(labels)
        self._waiting, self._waiting_rows = [], 0
        if self._rows >= MEMORY_ROWS:
            self._counts *= 0.5
            self._rows *= 0.5
        rare = self._counts < self._rare_share * self._rows
        self._rare = rare if rare.any() else None
