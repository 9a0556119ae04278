"""The record of a search: which numbers were tried, and what they came to.

Optuna keeps it, in one journal file that only grows: no server, no second service to run, and a
search that was killed is read back as it was. Ray Tune would do the same with a cluster's daemons
and workers of its own around every training, which networks of this size do not need.
"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from models.errors import RunError
from models.search.config import SamplerName
from models.search.space import Numbers, rounded, space
from models.search.trial import Outcome

JOURNAL = "study.journal"
NUMBER, ACCURACY, REASON = "number", "validation_accuracy", "reason"


@dataclass(frozen=True, kw_only=True)
class Record:
    """A trial that is over: with the losses of its last epoch, or the reason why it failed."""

    number: int
    numbers: Numbers
    outcome: Outcome

    @property
    def failed(self) -> bool:
        """Whether it has no loss."""
        return self.outcome.reason is not None


def sampler(name: SamplerName, seed: int, number: int) -> BaseSampler:
    """Return what draws the numbers of one trial, from the search's seed and the trial's number.

    One sampler for all trials would draw by the order in which processes ask, and anew after a
    stop. So at random a trial's numbers are its own, whatever runs beside or before it; TPE's
    depend on the trials that were over by then, and repeat with one job alone.
    """
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return TPESampler(seed=own) if name == "tpe" else RandomSampler(seed=own)


class Study:
    """The journal in a search's directory; one process at a time may hold it open."""

    def __init__(self, out: Path, *, sampler: SamplerName, seed: int, plain: bool) -> None:
        self.out, self.sampler, self.seed = out, sampler, seed
        self.space = space(plain=plain)
        self.path = out / JOURNAL

    def __enter__(self) -> "Study":
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # the table and the bar tell it all
        self.held = self.path.open("ab")
        try:
            _hold(self.held, self.out)
            _mend(self.path)
            self.study = _load(self.path)
        except BaseException:
            self.held.close()
            raise
        self._recover()
        self.begun = {record.number for record in self.records()}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.held.close()

    def ask(self, trials: int) -> tuple[Trial, int, Numbers] | None:
        """Begin the next of `trials` trials: its number and what to try; None when all began."""
        number = next((n for n in range(trials) if n not in self.begun), None)
        if number is None:
            return None
        if number in self.interrupted:  # at random it would draw the same; TPE has moved on
            self.study.enqueue_trial(self.interrupted[number])
        self.study.sampler = sampler(self.sampler, self.seed, number)
        trial = self.study.ask(fixed_distributions=self.space)
        trial.set_user_attr(NUMBER, number)
        self.begun.add(number)
        return trial, number, rounded(trial.params)

    def tell(self, trial: Trial, outcome: Outcome) -> None:
        """Record what a trial came to."""
        if outcome.reason is not None:
            trial.set_user_attr(REASON, outcome.reason)
            self.study.tell(trial, state=TrialState.FAIL)
            return
        trial.set_user_attr(ACCURACY, outcome.accuracy)
        self.study.tell(trial, outcome.loss)

    def records(self) -> list[Record]:
        """Return the trials that are over, by number."""
        trials = self.study.get_trials(states=(TrialState.COMPLETE, TrialState.FAIL))
        over = [_record(trial) for trial in trials if not _was_interrupted(trial)]
        return sorted(over, key=lambda record: record.number)

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


def _record(trial: FrozenTrial) -> Record:
    noted = trial.user_attrs
    return Record(
        number=noted[NUMBER],
        numbers=rounded(trial.params),
        outcome=Outcome(
            loss=math.nan if trial.value is None else trial.value,
            accuracy=noted.get(ACCURACY, math.nan),
            reason=noted.get(REASON),
        ),
    )


def _hold(journal: IO[bytes], out: Path) -> None:
    """Refuse a journal that another process works on; the system frees it when that one ends."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunError(
            f"{out}: expected a search that is not running, found another process at work on it; "
            "wait for its end, or choose another --out"
        ) from error


def _mend(path: Path) -> None:
    """Take away what a process killed in the middle of a write left: half a line, and a lock."""
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with path.open("r+b") as journal:
            journal.truncate(len(whole))
    # Nobody else holds it now, and Optuna would wait half a minute for it.
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _load(path: Path) -> optuna.Study:
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        return optuna.create_study(storage=storage, study_name="search", load_if_exists=True)
    except (ValueError, KeyError, TypeError, AssertionError) as error:  # all by way of Optuna
        raise RunError(
            f"{path}: expected the journal of a search, found something else; "
            "put the file back, or choose another --out"
        ) from error
