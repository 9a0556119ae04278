"""Worker processes that train side by side, and end with the process that started them."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

import torch

from models.errors import StoppedError
from models.recipe import Hardware

Result = TypeVar("Result")


class TrainingProcesses:
    """A pool of `jobs` processes of `threads` threads each; leaving the block kills them.

    `preload` are modules that every process needs, and `initializer` runs first in each.
    """

    def __init__(
        self,
        jobs: int,
        *,
        threads: int,
        hardware: Hardware,
        preload: list[str],
        initializer: Callable[..., None] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        self._pool = ProcessPoolExecutor(
            jobs,
            mp_context=_start_method(hardware, preload),
            initializer=_start,
            initargs=(threads, initializer, initargs),
        )

    def __enter__(self) -> "TrainingProcesses":
        return self

    def __exit__(self, *_error: object) -> None:
        for child in multiprocessing.active_children():  # they still train only after an error
            child.kill()
        self._pool.shutdown(cancel_futures=True)

    def submit(self, function: Callable[..., Result], *arguments: Any) -> "Future[Result]":
        """Run a function in one of the processes; SIGINT reaches this process alone."""
        with _sigint_blocked():
            return self._pool.submit(function, *arguments)


@contextmanager
def resumable(kept: Callable[[], str]) -> Iterator[None]:
    """Raise `StoppedError` after Ctrl-C or the loss of a process; `kept` says what is not lost."""
    try:
        yield
    except (KeyboardInterrupt, StoppedError) as error:
        raise _stopped("", kept()) from error
    except BrokenProcessPool as error:
        reason = ": the system ended a worker process, possibly for lack of memory"
        raise _stopped(reason, kept()) from error


def _stopped(reason: str, kept: str) -> StoppedError:
    return StoppedError(f"stopped{reason}: {kept}; run the same command again to resume")


def _start(
    threads: int, initializer: Callable[..., None] | None, initargs: tuple[Any, ...]
) -> None:
    torch.set_num_threads(threads)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    if initializer is not None:
        initializer(*initargs)


def _start_method(hardware: Hardware, preload: list[str]) -> multiprocessing.context.BaseContext:
    """Return how workers start: not as forks of this process, whose threads may hold locks.

    On Linux they are forks of a process that has imported Lightning once for all, unless they use
    an accelerator, whose driver must not be loaded before a fork.
    """
    if hardware.accelerator != "cpu" or sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    method = multiprocessing.get_context("forkserver")
    method.set_forkserver_preload([*preload, "models.training.trainer"])
    return method


def _exit_with_parent() -> None:
    """Exit when the parent is killed, so that a resumed command does not train beside this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
