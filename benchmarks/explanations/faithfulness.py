"""Occlusion and integrated gradients: their rank correlation, and which finds what matters.

A part is a patch of an image or a column of a table. Both methods give each part a score: how much
it adds to the log-odds of the predicted label.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.explanations.gradients import integrated_gradients, log_odds
from benchmarks.explanations.networks import Subject
from models.data.dataset import FloatRows
from service.arrays import FloatArray
from service.contract import PROBABILITIES
from service.inference.occlusion import occlude_columns, occlude_patches
from service.inference.variants import Variants

BATCH_ROWS = 64
DELETED = (1, 2, 4, 8)  # parts
METHODS = ("occlusion", "integrated gradients", "random")

Scores = NDArray[np.float64]  # (parts,)
Row = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The results for a network: correlations (rows,), probabilities (rows, len(DELETED) + 1).

    The first probabilities are those of the unchanged rows.
    """

    name: str
    correlations: Scores
    probabilities: Mapping[str, Scores]

    def correlation_row(self) -> Row:
        """Return a row of the table of correlations."""
        low, middle, high = np.quantile(self.correlations, (0.25, 0.5, 0.75))
        return {
            "network": self.name,
            "rows": len(self.correlations),
            "mean rank correlation": f"{self.correlations.mean():.2f}",
            "median": f"{middle:.2f}",
            "middle half": f"{low:.2f} to {high:.2f}",
        }

    def deletion_rows(self) -> list[Row]:
        """Return the rows of the table of deletions."""
        return [
            {
                "network": self.name,
                "first deleted by": method,
                **{
                    f"{count} deleted": f"{mean:.3f}"
                    for count, mean in zip((0, *DELETED), means.mean(axis=0), strict=True)
                },
            }
            for method, means in self.probabilities.items()
        ]


class Parts:
    """The parts of one row that differ from their replacement, and both methods' scores."""

    def __init__(self, subject: Subject, row: FloatRows) -> None:
        self._subject = subject
        self.row = row
        self.before = subject.outputs(row[None])[PROBABILITIES][0]
        self.label = int(self.before.argmax())
        self.baseline, places, occluded = self._occluded()
        differs = [bool((row[place] != self.baseline[place]).any()) for place in places]
        self.places = [place for place, keep in zip(places, differs, strict=True) if keep]
        self.occlusion: Scores = -occluded[differs]
        parts = integrated_gradients(subject.network, row, self.baseline, self.label)
        self.gradients: Scores = np.array([parts[place].sum() for place in self.places])

    def _occluded(self) -> tuple[FloatRows, list[NDArray[np.intp]], Scores]:
        """Return the replacement of the row, the indices of each part, and its log-odds."""
        subject, shape = self._subject, self._subject.input.shape
        indices = np.arange(subject.input.size).reshape(shape)
        variants = Variants(subject.compute, self.row.reshape(shape), BATCH_ROWS)
        if subject.input.kind == "table":
            found = asyncio.run(occlude_columns(variants, subject.usual, self.label))
            replaced = found.outputs[PROBABILITIES]
            return subject.usual.replacement(self.row), [*indices[:, None]], self._odds(replaced)
        patches = asyncio.run(occlude_patches(variants, subject.usual.usual, self.before))
        height, width = patches.patch
        places = [
            indices[top : top + height, left : left + width].reshape(-1)
            for top in patches.tops
            for left in patches.lefts
        ]
        pixels = np.full_like(self.row, subject.usual.usual[0])
        return pixels, places, self._odds(patches.probabilities.reshape(len(places), -1))

    def _odds(self, values: FloatArray) -> Scores:
        logits = torch.from_numpy(values).double().clamp_min(1e-30).log()
        odds: Scores = log_odds(logits, self.label).numpy()
        return odds

    def after_deletion(self, order: Iterable[int]) -> Scores:
        """Return the label's probability, (len(DELETED) + 1,), with the first parts replaced."""
        ordered = [self.places[index] for index in order]
        rows = np.repeat(self.row[None], len(DELETED) + 1, axis=0)
        for row, count in zip(rows[1:], DELETED, strict=True):
            for place in ordered[:count]:
                row[place] = self.baseline[place]
        return self._subject.outputs(rows)[PROBABILITIES][:, self.label].astype(np.float64)


def compared(subject: Subject, rows: int) -> Comparison:
    """Compare the methods on the first test rows; rows with few parts are left out."""
    correlations: list[float] = []
    after: dict[str, list[Scores]] = {method: [] for method in METHODS}
    random = np.random.default_rng(0)
    for row in subject.rows[:rows]:
        parts = Parts(subject, row)
        if len(parts.places) <= max(DELETED):
            continue
        correlations.append(float(spearmanr(parts.occlusion, parts.gradients).statistic))
        orders: Sequence[Iterable[int]] = (
            np.argsort(-parts.occlusion, kind="stable"),
            np.argsort(-parts.gradients, kind="stable"),
            random.permutation(len(parts.places)),
        )
        for method, order in zip(METHODS, orders, strict=True):
            after[method].append(parts.after_deletion(order))
    return Comparison(
        name=subject.name,
        correlations=np.array(correlations),
        probabilities={method: np.array(values) for method, values in after.items()},
    )
