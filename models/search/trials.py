"""Trials: ordinary run directories, trained side by side in processes of their own."""

import shutil
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import Trial
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from models.data.dataset import Dataset
from models.data.source import load
from models.errors import DivergedError
from models.networks.preparation import Preparation
from models.processes import TrainingProcesses, resumable
from models.progress import progress_bar
from models.recipe import Hardware
from models.run import Run
from models.run_config import RunConfig
from models.search.config import Effort, SearchConfig, TrialSettings, with_settings
from models.search.study import Outcome, Study

TRIALS = "trials"
Running = dict["Future[Outcome]", Trial]


@dataclass(frozen=True, kw_only=True)
class TrialContext:
    """Directory, settings, data preparation and hardware of a search, the same for all trials."""

    out: Path
    config: SearchConfig
    preparation: Preparation
    hardware: Hardware
    threads: int  # of each process

    def run(self, number: int) -> Run:
        """Return the run directory of a trial."""
        return Run(self.out / TRIALS / f"{number:04d}")

    def run_config(self, settings: TrialSettings) -> RunConfig:
        """Return the configuration of a trial; a `ConfigError` if it cannot be built."""
        preset = with_settings(self.config.preset, settings)
        return RunConfig.of(self.config.data, preset, self.preparation, name="custom")


def run_trials(study: Study, context: TrialContext, effort: Effort) -> None:
    """Train until `effort.trials` trials are finished or failed, earlier ones included.

    Only this process writes the journal, so no process waits for a lock.
    """
    processes = TrainingProcesses(
        effort.jobs,
        threads=context.threads,
        hardware=context.hardware,
        preload=["models.search.trials"],
        initializer=Worker.start,
        initargs=(context,),
    )
    with resumable(lambda: _kept(study, effort)), processes, _progress(study, effort) as progress:
        _run_all(study, processes, effort, progress)


def run_trial(
    context: TrialContext, dataset: Dataset, number: int, settings: TrialSettings
) -> Outcome:
    """Train one trial; a loss that is not finite is an outcome, any other error is raised.

    An interrupted trial starts again; a finished one that the journal lacks is read.
    """
    from models.training.trainer import train  # imports Lightning, which takes seconds

    run, config = context.run(number), context.run_config(settings)
    if not (run.finished and run.config().same_settings(config)):
        shutil.rmtree(run.path, ignore_errors=True)
        run = Run.create(run.path, config)
        try:
            train(run, config, dataset, context.hardware, show_progress=False)
        except DivergedError as error:
            return Outcome(reason=str(error).partition(";")[0])
        finally:
            # Trials are not resumed, and a checkpoint is three times as large as the weights.
            if (checkpoint := run.checkpoint()) is not None:
                checkpoint.unlink()
    *epochs, test = run.metrics()
    kept = epochs[int(test["kept_epoch"]) - 1]
    return Outcome(loss=kept["validation_loss"], accuracy=kept["validation_accuracy"])


class Worker:
    """State of a worker process, which trains one trial after another.

    It loads the data itself: passing them through the pipe would delay the start of other workers.
    """

    context: TrialContext
    dataset: Dataset | None = None

    @classmethod
    def start(cls, context: TrialContext) -> None:
        """Initialise the process."""
        cls.context = context

    @classmethod
    def run_trial(cls, number: int, settings: TrialSettings) -> Outcome:
        """Train one trial."""
        if cls.dataset is None:
            cls.dataset = load(cls.context.config.data.source)
        return run_trial(cls.context, cls.dataset, number, settings)


def _run_all(
    study: Study, processes: TrainingProcesses, effort: Effort, progress: Progress
) -> None:
    running: Running = {}
    while True:
        while len(running) < effort.jobs:
            started = study.start_trial(effort.trials)
            if started is None:
                break
            trial, number, settings = started
            running[processes.submit(Worker.run_trial, number, settings)] = trial
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            study.finish_trial(running.pop(future), future.result())
            progress.update(progress.task_ids[0], advance=1, best=_best(study))


def _progress(study: Study, effort: Effort) -> Progress:
    progress = progress_bar(
        TextColumn("trials"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[best]}"),
    )
    completed = min(len(study.records()), effort.trials)
    progress.add_task("search", total=effort.trials, completed=completed, best=_best(study))
    return progress


def _best(study: Study) -> str:
    losses = [record.outcome.loss for record in study.records() if not record.failed]
    return f"best validation loss {min(losses):.4f}" if losses else ""


def _kept(study: Study, effort: Effort) -> str:
    return f"{len(study.records())} of {effort.trials} trials are kept in {study.out}"
