"""A process for each configuration: malloc's thresholds and arenas belong to a process."""

import ctypes
import multiprocessing
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.session.configurations import Configuration
from service.arrays import FloatArray
from service.classifier import Classifier
from service.contract import GATE_MEAN, INPUT, PROBABILITIES, TYPICALITY
from service.memory import limit_free_memory

OUTPUTS = [PROBABILITIES, GATE_MEAN, TYPICALITY]  # the server always computes these
LARGEST = 1024


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Microseconds of a run."""

    wall: float
    processor: float


class Runner:
    """A session in this process."""

    def __init__(self, file: Path, configuration: Configuration) -> None:
        if not configuration.own_malloc:
            limit_free_memory()
        content = file.read_bytes()
        self._compute: Callable[[FloatArray], object]
        if configuration.server:
            classifier = Classifier(content, threads=configuration.threads)
            features = classifier.metadata.input.size
            self._compute = lambda rows: classifier.compute(OUTPUTS, rows)
        else:
            session, options = configuration.session(content), configuration.run_options()
            features = session.get_inputs()[0].shape[1]
            self._compute = lambda rows: session.run(OUTPUTS, {INPUT: rows}, options)
        random = np.random.default_rng(0)
        self._rows = random.uniform(0, 255, (LARGEST, features)).astype(np.float32)

    def time(self, rows: int, repeats: int) -> Duration:
        """Return the mean time of a run, after one that is not counted."""
        values = self._rows[:rows]
        self._compute(values)
        wall, processor = perf_counter(), process_time()
        for _ in range(repeats):
            self._compute(values)
        factor = 1e6 / repeats
        return Duration(
            wall=factor * (perf_counter() - wall), processor=factor * (process_time() - processor)
        )

    def resident(self, runs: int, largest: int, seed: int) -> float:
        """Compute batches of random sizes, small ones more often; return the resident MB."""
        powers = np.random.default_rng(seed).uniform(0, np.log(largest + 1), runs)
        for rows in np.exp(powers).astype(int):
            self._compute(self._rows[:rows])
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6

    def process_id(self) -> int:
        """Return the id of this process."""
        return os.getpid()

    def resident_trimmed(self) -> float:
        """Return the resident MB after the heaps are trimmed."""
        ctypes.CDLL(None).malloc_trim(0)
        return self.resident(0, 1, 0)


class Process:
    """A runner in a process of its own."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def call(self, name: str, *arguments: object) -> Any:
        """Call a method of the runner."""
        self._connection.send((name, arguments))
        return self._connection.recv()


@contextmanager
def processes(file: Path, configurations: dict[str, Configuration]) -> Iterator[dict[str, Process]]:
    """Start a process for each configuration, and end them."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        started = {}
        for name, configuration in configurations.items():
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, file, configuration))
            process.start()
            stack.callback(process.join)
            stack.callback(here.send, None)
            started[name] = Process(here)
        yield started


def _serve(connection: Connection, file: Path, configuration: Configuration) -> None:
    runner = Runner(file, configuration)
    while (call := connection.recv()) is not None:
        name, arguments = call
        connection.send(getattr(runner, name)(*arguments))
