"""Scores that no network had, for the sentences about them."""

from models.evaluation import Evaluation
from models.intervals import Interval
from models.scores import Baseline, LabelScores, Scores

SCORES = Evaluation(rows=100, accuracy=0.8, loss=0.51234, openness=())
BASELINE = Baseline(label="yes", accuracy=0.6)


def scores(confusion: tuple[tuple[int, ...], ...], interval: Interval = (0.7, 0.9)) -> Scores:
    """Return scores with this confusion matrix and this interval of the accuracy."""
    labels = (
        LabelScores(label=f"label {number}", rows=1, precision=0, recall=0, f1=0)
        for number in range(len(confusion))
    )
    return Scores(
        overall=SCORES,
        interval=interval,
        balanced_accuracy=0.75,
        macro_f1=0.7,
        calibration_error=0.0,
        labels=tuple(labels),
        confusion=confusion,
    )


GOOD = scores(((5, 1), (1, 5)))
