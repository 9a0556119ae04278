"""One trial: an ordinary run directory, trained in a process of its own."""

import math
import multiprocessing
import os
import shutil
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from models.data.dataset import Dataset
from models.data.source import load
from models.errors import DivergedError
from models.networks.preparation import Preparation
from models.presets import Preset
from models.recipe import Hardware
from models.run import Run
from models.run_config import DataConfig, RunConfig
from models.search.space import Numbers, with_numbers

TRIALS = "trials"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a trial came to: validation scores after the last epoch, or why there are none."""

    loss: float = math.nan
    accuracy: float = math.nan
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all trials of a search share: data, base preset, machine, and where they are kept."""

    out: Path
    data: DataConfig
    preparation: Preparation
    preset: Preset
    hardware: Hardware
    threads: int  # of each process

    def run(self, number: int) -> Run:
        """Return the run directory of a trial."""
        return Run(self.out / TRIALS / f"{number:04d}")

    def config(self, numbers: Numbers) -> RunConfig:
        """Describe a trial as a training of its own; raises `ConfigError` for what cannot be."""
        chosen = with_numbers(self.preset, numbers)
        return RunConfig.of(self.data, chosen, self.preparation, name="custom")


def attempt(bench: Bench, dataset: Dataset, number: int, numbers: Numbers) -> Outcome:
    """Train one trial; a loss that is not finite is an outcome, any other fault is raised.

    A trial that was interrupted starts over; one that had ended, but was not recorded, is read.
    """
    from models.training.trainer import train  # imports Lightning, which takes seconds

    run, config = bench.run(number), bench.config(numbers)
    if not _ended(run, config):
        shutil.rmtree(run.path, ignore_errors=True)
        run = Run.create(run.path, config)
        try:
            train(run, config, dataset, bench.hardware, show_progress=False)
        except DivergedError as error:
            return Outcome(reason=str(error).partition(";")[0])
        finally:
            # Nothing goes on from here, and it is three times as large as the weights.
            if (checkpoint := run.checkpoint()) is not None:
                checkpoint.unlink()
    last = [line for line in run.metrics() if "epoch" in line][-1]
    return Outcome(loss=last["validation_loss"], accuracy=last["validation_accuracy"])


def _ended(run: Run, config: RunConfig) -> bool:
    if not run.finished:
        return False
    kept = run.config()
    return replace(kept, source_revision=config.source_revision) == config


class Worker:
    """The process that trains one trial after another.

    It loads the data by itself: sent through the pipe they would hold up the start of the others.
    """

    bench: Bench
    dataset: Dataset | None = None

    @classmethod
    def begin(cls, bench: Bench) -> None:
        """Get ready, in the new process."""
        cls.bench = bench
        torch.set_num_threads(bench.threads)
        threading.Thread(target=_end_with_parent, daemon=True).start()

    @classmethod
    def attempt(cls, number: int, numbers: Numbers) -> Outcome:
        """Train one trial."""
        if cls.dataset is None:
            cls.dataset = load(cls.bench.data.source)
        return attempt(cls.bench, cls.dataset, number, numbers)


def _end_with_parent() -> None:
    """End this process when the search is killed, before its next start trains the same trial."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
