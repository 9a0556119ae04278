"""The journal of a search: the settings of each trial, and its outcome.

Optuna writes it as one append-only file, so a search that was killed is resumed without a server.
Ray Tune could do the same, but runs a cluster's daemons around every training, which networks of
this size do not need.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from models.directory import lock
from models.errors import RunError
from models.search.config import SamplerName, SearchConfig, TrialSettings, rounded, search_space

JOURNAL = "study.journal"
NUMBER, ACCURACY, REASON = "number", "validation_accuracy", "reason"  # attributes of a trial


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of a trial: validation scores after the kept epoch, or why there are none."""

    loss: float = math.nan
    accuracy: float = math.nan
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """A finished or failed trial, and the values that it had in the search space."""

    number: int
    settings: TrialSettings
    outcome: Outcome

    @property
    def failed(self) -> bool:
        """Whether the trial has a reason instead of a loss."""
        return self.outcome.reason is not None


def trial_sampler(name: SamplerName, seed: int, number: int) -> BaseSampler:
    """Return the sampler of one trial, seeded by the search's seed and the trial's number.

    With one sampler for all trials, the draws would depend on the order of the processes, and a
    resumed search would repeat them. Random draws depend on the trial's number only; those of TPE
    also depend on the trials finished so far, so they repeat only with one job.
    """
    trial_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return TPESampler(seed=trial_seed) if name == "tpe" else RandomSampler(seed=trial_seed)


@contextmanager
def open_study(out: Path, config: SearchConfig) -> Iterator["Study"]:
    """Open the journal in a search's directory, in one process at a time."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = out / JOURNAL
    with path.open("ab") as journal:
        lock(journal.fileno(), out, "running this search")
        _repair(path)
        yield Study(_load(path), out, config)


class Study:
    """The trials of a search: started by number, recorded with their outcome."""

    def __init__(self, study: optuna.Study, out: Path, config: SearchConfig) -> None:
        self.study, self.out = study, out
        self.sampler, self.seed = config.sampler, config.preset.training.seed
        self.space = search_space(plain=config.preset.plain)
        self._recover()
        self.started = {record.number for record in self.records()}

    def start_trial(self, trials: int) -> tuple[Trial, int, TrialSettings] | None:
        """Start the next of `trials` trials; return it, its number and its settings.

        None if all of them have been started.
        """
        number = next((n for n in range(trials) if n not in self.started), None)
        if number is None:
            return None
        if number in self.interrupted:  # a random sampler would repeat the settings; TPE would not
            self.study.enqueue_trial(self.interrupted[number])
        self.study.sampler = trial_sampler(self.sampler, self.seed, number)
        trial = self.study.ask(fixed_distributions=self.space)
        trial.set_user_attr(NUMBER, number)
        self.started.add(number)
        return trial, number, rounded(trial.params)

    def finish_trial(self, trial: Trial, outcome: Outcome) -> None:
        """Record the outcome of a trial."""
        if outcome.reason is not None:
            trial.set_user_attr(REASON, outcome.reason)
            self.study.tell(trial, state=TrialState.FAIL)
            return
        trial.set_user_attr(ACCURACY, outcome.accuracy)
        self.study.tell(trial, outcome.loss)

    def records(self) -> list[TrialRecord]:
        """Return the finished and failed trials, by number."""
        trials = self.study.get_trials(states=(TrialState.COMPLETE, TrialState.FAIL))
        records = [_record(trial) for trial in trials if not _was_interrupted(trial)]
        return sorted(records, key=lambda record: record.number)

    def _recover(self) -> None:
        """Close the trials that a killed search left open; their numbers are tried again."""
        while self.study.get_trials(states=(TrialState.WAITING,)):
            self.study.ask()
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
        self.interrupted = {
            trial.user_attrs[NUMBER]: trial.params
            for trial in self.study.get_trials(states=(TrialState.FAIL,))
            if _was_interrupted(trial) and NUMBER in trial.user_attrs
        }


def _was_interrupted(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and REASON not in trial.user_attrs


def _record(trial: FrozenTrial) -> TrialRecord:
    attributes = trial.user_attrs
    return TrialRecord(
        number=attributes[NUMBER],
        settings=rounded(trial.params),
        outcome=Outcome(
            loss=math.nan if trial.value is None else trial.value,
            accuracy=attributes.get(ACCURACY, math.nan),
            reason=attributes.get(REASON),
        ),
    )


def _repair(path: Path) -> None:
    """Remove an incomplete last line and a stale lock, left by a process killed during a write."""
    content = path.read_bytes()
    complete = content[: content.rfind(b"\n") + 1]
    if len(complete) < len(content):
        with path.open("r+b") as journal:
            journal.truncate(len(complete))
    # The lock excludes other processes, and Optuna would wait for this lock for half a minute.
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _load(path: Path) -> optuna.Study:
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        return optuna.create_study(storage=storage, study_name="search", load_if_exists=True)
    except (ValueError, KeyError, TypeError, AssertionError) as error:  # Optuna raises all of them
        raise RunError(
            f"{path}: not the journal of a search; restore the file, or choose another --out"
        ) from error
