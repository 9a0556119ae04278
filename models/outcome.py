"""The scores of a finished training beside the baseline, and warnings about them."""

from dataclasses import dataclass

from models.data.dataset import Dataset
from models.networks.classifier import GatedClassifier
from models.scores import Baseline, Scores, never_predicted, score

MISSED_LABELS = 5  # named in a warning


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Scores on the test rows, on the validation rows if there are any, and the baseline."""

    test: Scores
    validation: Scores | None
    baseline: Baseline

    @classmethod
    def of(cls, network: GatedClassifier, dataset: Dataset) -> "Outcome":
        """Score a trained network."""
        labels, validation = dataset.labels, dataset.validation
        return cls(
            test=score(network, dataset.test, labels),
            validation=score(network, validation, labels) if len(validation) else None,
            baseline=Baseline.of(dataset, dataset.test),
        )

    def warnings(self, *, balanced: bool) -> tuple[str, ...]:
        """Return sentences for a network that is not better than a constant, or misses labels.

        `balanced` trainings trade accuracy for recall of rare labels: accuracies are not compared.
        """
        warnings = []
        baseline = self.baseline
        if not balanced and not baseline.is_beaten_by(self.test.interval):
            warnings.append(
                f"the accuracy is not certainly above {baseline.accuracy:.2%}, that of always "
                f"predicting {baseline.label!r}"
            )
        parts = (self.validation, self.test)
        missed = never_predicted(*(part for part in parts if part is not None))
        if missed:
            names = ", ".join(repr(label) for label in missed[:MISSED_LABELS])
            more = f" and {len(missed) - MISSED_LABELS} more" if len(missed) > MISSED_LABELS else ""
            help_text = "" if balanced else "; try --class-weight balanced"
            warnings.append(f"never predicted on validation or test rows: {names}{more}{help_text}")
        return tuple(warnings)
