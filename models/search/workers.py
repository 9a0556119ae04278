"""Trials side by side, each process on one of them at a time."""

import multiprocessing
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from optuna.trial import Trial
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from models.errors import StoppedError
from models.search.config import Effort
from models.search.study import Study
from models.search.trial import Bench, Outcome, Worker

Running = dict["Future[Outcome]", Trial]


def try_all(study: Study, bench: Bench, effort: Effort) -> None:
    """Run trials until `effort.trials` of them are over; those that are over already count.

    This process alone writes the record, so that nothing waits for a lock. The workers are spawned,
    for a fork would copy torch's threads in the middle of whatever they do.
    """
    pool = ProcessPoolExecutor(
        effort.jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=Worker.begin,
        initargs=(bench,),
    )
    try:
        with _progress(study, effort) as progress:
            _repeat(study, pool, effort, progress)
    except (KeyboardInterrupt, StoppedError) as error:
        raise _stopped(study, effort, "") from error
    except BrokenProcessPool as error:
        reason = ": a process of it was ended from outside, perhaps for want of memory"
        raise _stopped(study, effort, reason) from error
    finally:
        for child in multiprocessing.active_children():  # none works any more but after a fault
            child.kill()
        pool.shutdown(cancel_futures=True)


def _repeat(study: Study, pool: ProcessPoolExecutor, effort: Effort, progress: Progress) -> None:
    running: Running = {}
    while True:
        while len(running) < effort.jobs and (asked := study.ask(effort.trials)) is not None:
            trial, number, numbers = asked
            with _deaf_to_ctrl_c():
                running[pool.submit(Worker.attempt, number, numbers)] = trial
        if not running:
            return
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            study.tell(running.pop(future), future.result())
            progress.update(progress.task_ids[0], advance=1, best=_best(study))


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let processes that start meanwhile never hear of Ctrl-C: this one hears it, and ends them.

    A Ctrl-C that comes meanwhile is kept for this process until afterwards.
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
    progress = Progress(
        TextColumn("trials"),
        MofNCompleteColumn(),
        BarColumn(),
        TextColumn("{task.fields[best]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    over = min(len(study.records()), effort.trials)
    progress.add_task("search", total=effort.trials, completed=over, best=_best(study))
    return progress


def _best(study: Study) -> str:
    losses = [record.outcome.loss for record in study.records() if not record.failed]
    return f"best validation loss {min(losses):.4f}" if losses else ""


def _stopped(study: Study, effort: Effort, reason: str) -> StoppedError:
    return StoppedError(
        f"stopped{reason}: {len(study.records())} of {effort.trials} trials are kept in "
        f"{study.out}; go on with the same command"
    )
