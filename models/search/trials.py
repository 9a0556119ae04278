"""Trials: ordinary run directories, trained side by side in processes of their own."""

import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from optuna.trial import Trial
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from models.data.dataset import Dataset
from models.data.source import load
from models.errors import DivergedError, StoppedError
from models.networks.preparation import Preparation
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
    pool = ProcessPoolExecutor(
        effort.jobs,
        mp_context=_start_method(context.hardware),
        initializer=Worker.start,
        initargs=(context,),
    )
    try:
        with _progress(study, effort) as progress:
            _run_all(study, pool, effort, progress)
    except (KeyboardInterrupt, StoppedError) as error:
        raise _stopped(study, effort, "") from error
    except BrokenProcessPool as error:
        reason = ": the system ended a worker process, possibly for lack of memory"
        raise _stopped(study, effort, reason) from error
    finally:
        for child in multiprocessing.active_children():  # they still train only after an error
            child.kill()
        pool.shutdown(cancel_futures=True)


def _start_method(hardware: Hardware) -> multiprocessing.context.BaseContext:
    """Return how workers start: not as forks of this process, whose threads may hold locks.

    On Linux they are forks of a process that has imported Lightning once for all, unless they use
    an accelerator, whose driver must not be loaded before a fork.
    """
    if hardware.accelerator != "cpu" or sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    method = multiprocessing.get_context("forkserver")
    method.set_forkserver_preload(["models.search.trials", "models.training.trainer"])
    return method


def run_trial(
    context: TrialContext, dataset: Dataset, number: int, settings: TrialSettings
) -> Outcome:
    """Train one trial; a loss that is not finite is an outcome, any other error is raised.

    An interrupted trial starts again; a finished one that the journal lacks is read.
    """
    from models.training.trainer import train  # imports Lightning, which takes seconds

    run, config = context.run(number), context.run_config(settings)
    if not _finished(run, config):
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


def _finished(run: Run, config: RunConfig) -> bool:
    """Return whether `run` is a finished run of `config`, by any source revision."""
    return run.finished and config == replace(run.config(), source_revision=config.source_revision)


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
        torch.set_num_threads(context.threads)
        threading.Thread(target=_exit_with_parent, daemon=True).start()

    @classmethod
    def run_trial(cls, number: int, settings: TrialSettings) -> Outcome:
        """Train one trial."""
        if cls.dataset is None:
            cls.dataset = load(cls.context.config.data.source)
        return run_trial(cls.context, cls.dataset, number, settings)


def _exit_with_parent() -> None:
    """Exit when the search is killed, so that a resumed search does not train beside this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_all(study: Study, pool: ProcessPoolExecutor, effort: Effort, progress: Progress) -> None:
    running: Running = {}
    while True:
        while len(running) < effort.jobs:
            started = study.start_trial(effort.trials)
            if started is None:
                break
            trial, number, settings = started
            with _sigint_blocked():
                running[pool.submit(Worker.run_trial, number, settings)] = trial
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            study.finish_trial(running.pop(future), future.result())
            progress.update(progress.task_ids[0], advance=1, best=_best(study))


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT while workers start: they inherit the mask, and this process ends them.

    This process receives a Ctrl-C of that time when it unblocks the signal.
    """
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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


def _stopped(study: Study, effort: Effort, reason: str) -> StoppedError:
    return StoppedError(
        f"stopped{reason}: {len(study.records())} of {effort.trials} trials are kept in "
        f"{study.out}; run the same command again to resume"
    )
