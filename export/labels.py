"""Does the file name the labels that the trained network names?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.engines import Numbers
from export.errors import LabelError


@dataclass(frozen=True, kw_only=True)
class LabelReport:
    """Accuracies in [0, 1], and the rows, from 0, where the labels may differ.

    They are `ties`: their two best logits are too close to call for float32.
    """

    torch_accuracy: float
    accuracy: float
    ties: tuple[int, ...]


def compare_labels(
    expected: Numbers, found: Numbers, labels: NDArray[np.int64], margin: float
) -> LabelReport:
    """Compare torch's logits with the file's, both (rows, classes).

    A row is a tie where its two best logits differ by less than `margin`, as a share of its largest
    one where that is above 1. Any other row must have the same label, or it is a `LabelError`.
    """
    scale = np.maximum(1.0, np.abs(expected).max(axis=1))
    second, first = np.sort(expected, axis=1)[:, -2:].T
    tied = first - second <= 2 * margin * scale  # either may err, in either direction
    ours, theirs = expected.argmax(axis=1), found.argmax(axis=1)
    wrong = (ours != theirs) & ~tied
    if wrong.any():
        row = int(wrong.argmax())
        raise LabelError(
            f"test row {row}: expected label {ours[row]} as torch says, found {theirs[row]}"
        )
    return LabelReport(
        torch_accuracy=float((ours == labels).mean()),
        accuracy=float((theirs == labels).mean()),
        ties=tuple(int(row) for row in tied.nonzero()[0]),
    )
