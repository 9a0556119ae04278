"""The result of a training: the run directory, its scores and its history."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from models.commands.summary import balance_text, scores_text
from models.interface.loading import LoadedData
from models.interface.wording import python_words
from models.networks.classifier import GatedClassifier
from models.outcome import Outcome
from models.run import Run
from models.scores import Scores


@dataclass(frozen=True, kw_only=True, repr=False)
class TrainingResult:
    """A finished training; `network` has the weights of the kept epoch, which counts from 1."""

    run: Run
    data: LoadedData
    network: GatedClassifier
    outcome: Outcome
    epoch: int
    warnings: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The run directory, for `export_model` and the commands."""
        return self.run.path

    @property
    def scores(self) -> Scores:
        """The scores on the test rows."""
        return self.outcome.test

    @property
    def history(self) -> pd.DataFrame:
        """The metrics of each epoch, by epoch."""
        return pd.DataFrame(self.run.metrics()[:-1]).astype({"epoch": int}).set_index("epoch")

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        return "<br>".join(map(escape, self._lines()))

    def _lines(self) -> list[str]:
        baseline, config = self.outcome.baseline, self.run.config()
        scores = f"{scores_text(self.scores.overall)}, {balance_text(self.scores)}"
        return [
            f"{self.path}: {config.preset} on {config.data.name}, {scores}, always predicting "
            f"{baseline.label!r} {baseline.accuracy:.2%}, epoch {self.epoch} kept",
            *(f"warning: {python_words(warning)}" for warning in self.warnings),
        ]
