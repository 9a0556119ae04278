"""Random search by successive halving: many short trainings, few longer ones, one in full.

Section 3.1 of arXiv 1507.06228 trains 100 random settings of each network. Here most of them are
given up after one epoch (Jamieson and Talwalkar 2016, arXiv 1502.07943), so that a search fits in
minutes. Settings are ranked by the training loss, which is what that section measures. A few epochs
cannot tell which decay of the learning rate is good for many, so the full training has its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import optuna

from models.presets import Preset
from models.recipe import Precision
from models.reproduction.trainings import Training, Trainings, has_diverged
from models.run import METRICS, Run
from models.search.config import TrialSettings, rounded, search_space, with_settings
from models.search.study import trial_sampler

FINAL_RATE = 0.1  # of the initial learning rate, after the full training


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A number of trials, each of so many epochs."""

    trials: int
    epochs: int


@dataclass(frozen=True, kw_only=True)
class Halving:
    """The rungs of a search, with falling numbers of settings, and the epochs of the best.

    `precision` replaces that of the candidates; None keeps it.
    """

    rungs: tuple[Rung, ...] = (Rung(trials=16, epochs=1), Rung(trials=4, epochs=4))
    epochs: int = 40
    precision: Precision | None = None


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network whose settings are searched: a name for its runs, and its preset."""

    name: str
    preset: Preset


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best settings of a candidate, and their full training."""

    candidate: Candidate
    settings: TrialSettings
    run: Run

    @property
    def losses(self) -> list[float]:
        """The training loss of each epoch, in nats; not of the epoch in which it diverged."""
        return training_losses(self.run)

    @property
    def test_accuracy(self) -> float | None:
        """The accuracy on the test rows, from 0 to 1; None after a divergence."""
        return None if has_diverged(self.run) else self.run.metrics()[-1]["test_accuracy"]


def search(trainings: Trainings, candidates: Sequence[Candidate], halving: Halving) -> list[Found]:
    """Return the best settings of each candidate, trained for `halving.epochs` epochs.

    The trainings of a rung run side by side for all candidates.
    """
    drawn = {
        candidate.name: [
            draw_settings(candidate.preset, number) for number in range(halving.rungs[0].trials)
        ]
        for candidate in candidates
    }
    left = {candidate.name: list(range(halving.rungs[0].trials)) for candidate in candidates}
    for rung in halving.rungs:
        epochs = min(rung.epochs, halving.epochs)
        planned = {
            (candidate.name, number): _trial(
                candidate, number, drawn[candidate.name][number], epochs, halving.precision
            )
            for candidate in candidates
            for number in left[candidate.name][: rung.trials]
        }
        runs = dict(zip(planned, trainings.finished(planned.values()), strict=True))
        for candidate in candidates:
            numbers = left[candidate.name][: rung.trials]
            losses = {number: last_loss(runs[candidate.name, number]) for number in numbers}
            left[candidate.name] = sorted(numbers, key=lambda number: (losses[number], number))
    decay = {"drop_factor": FINAL_RATE ** (1 / halving.epochs)}
    best = {c.name: rounded(drawn[c.name][left[c.name][0]] | decay) for c in candidates}
    full = [_full(candidate, best[candidate.name], halving) for candidate in candidates]
    return [
        Found(candidate=candidate, settings=best[candidate.name], run=run)
        for candidate, run in zip(candidates, trainings.finished(full), strict=True)
    ]


def draw_settings(preset: Preset, number: int) -> TrialSettings:
    """Draw the settings of a trial, which depend on the preset's seed and the number only."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=trial_sampler("random", preset.training.seed, number))
    return rounded(study.ask(fixed_distributions=search_space(plain=preset.plain)).params)


def training_losses(run: Run) -> list[float]:
    """Return the training loss of each epoch, in nats: the mean over the epoch's batches.

    A training that diverged in its first epoch has none.
    """
    metrics = run.path / METRICS
    if not metrics.is_file() or not metrics.stat().st_size:
        return []
    return [line["train_loss"] for line in run.metrics() if "train_loss" in line]


def last_loss(run: Run) -> float:
    """Return the training loss of the last epoch, infinite after a divergence."""
    return math.inf if has_diverged(run) else training_losses(run)[-1]


def _trial(
    candidate: Candidate,
    number: int,
    settings: TrialSettings,
    epochs: int,
    precision: Precision | None,
) -> Training:
    name = f"{candidate.name}/trial-{number:02d}-epochs-{epochs}"
    preset = _preset(candidate, settings, epochs, precision)
    return Training(name=name, preset=preset, preset_name="custom", trial=True)


def _full(candidate: Candidate, settings: TrialSettings, halving: Halving) -> Training:
    name = f"{candidate.name}/best-epochs-{halving.epochs}"
    preset = _preset(candidate, settings, halving.epochs, halving.precision)
    return Training(name=name, preset=preset, preset_name="custom")


def _preset(
    candidate: Candidate, settings: TrialSettings, epochs: int, precision: Precision | None
) -> Preset:
    preset = with_settings(candidate.preset, settings)
    training = preset.training
    return replace(
        preset,
        training=replace(training, epochs=epochs, precision=precision or training.precision),
    )
