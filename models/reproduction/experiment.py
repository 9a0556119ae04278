"""An experiment of the papers: its name, what it needs, and the function that runs it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from models.presets import Preset
from models.progress import OnProgress
from models.recipe import Count, Precision
from models.reproduction.findings import Findings
from models.reproduction.trainings import Trainings

DataKind = Literal["mnist", "cifar10", "cifar100"]
Repetitions = Annotated[int, Field(ge=1, le=1000)]  # more would fill the memory with plans


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a user may change in an experiment; None keeps the experiment's own number."""

    seeds: Repetitions | None = None
    epochs: Count | None = None
    trials: Repetitions | None = None  # of each network in a search
    precision: Precision | None = None

    def applied(self, preset: Preset) -> Preset:
        """Return the preset with the changed epochs and precision."""
        training = preset.training
        return replace(
            preset,
            training=replace(
                training,
                epochs=self.epochs or training.epochs,
                precision=self.precision or training.precision,
            ),
        )


@dataclass(frozen=True, kw_only=True)
class Task:
    """An experiment in progress: its trainings, the effort, and its own directory `out`."""

    out: Path
    trainings: Trainings
    effort: Effort
    bar: Callable[[str, int], OnProgress]  # of a description and the total


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One entry of `highway reproduce`.

    `duration` is the time on two processors, in words; `validation_share` is the share of rows held
    out for validation; `options` are the fields of `Effort` that have an effect.
    """

    name: str
    about: str
    source: str  # the paper and its section
    data: DataKind
    duration: str
    validation_share: float
    options: tuple[str, ...]
    run: Callable[[Task], Findings]
