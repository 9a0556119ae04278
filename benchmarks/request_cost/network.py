"""The processor time of the outputs in the network's graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

from benchmarks.request_cost.differences import Rounds
from benchmarks.serving.bodies import random_rows
from benchmarks.session.configurations import Configuration
from service.contract import GATE_MEAN, INPUT, OUTPUTS, PROBABILITIES, TYPICALITY
from service.runtime import onnxruntime

FETCHED = {
    "probabilities alone": (PROBABILITIES,),
    "with mean gates": (PROBABILITIES, GATE_MEAN),
    "with typicality": (PROBABILITIES, TYPICALITY),
    "with both": (PROBABILITIES, GATE_MEAN, TYPICALITY),
    "all outputs": OUTPUTS,
}
EVERYTHING = "the same as with both, but the whole graph, as the server does"


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The time of a batch in µs if only what these outputs need is computed."""

    outputs: str
    rows: int
    microseconds: float


def batches(file: Path, rows: int, rounds: Rounds) -> Iterator[Batch]:
    """Measure batches in turn, each round in the other order."""
    session = Configuration(arena=False).session(file.read_bytes())
    fetched_only = Configuration(arena=False, fetched_only=True).run_options()
    feeds = {INPUT: random_rows(rows, session.get_inputs()[0].shape[1])}
    runs = {name: (list(outputs), fetched_only) for name, outputs in FETCHED.items()}
    runs[EVERYTHING] = list(FETCHED["with both"]), None
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds.pairs):
        for name in list(runs)[:: 1 if number % 2 else -1]:
            times[name].append(_microseconds(session, runs[name], feeds, rounds.seconds))
    for name, measured in times.items():
        yield Batch(outputs=name, rows=rows, microseconds=median(measured))


def _microseconds(
    session: onnxruntime.InferenceSession,
    run: tuple[list[str], onnxruntime.RunOptions | None],
    feeds: dict[str, np.ndarray],
    seconds: float,
) -> float:
    names, options = run
    session.run(names, feeds, options)
    count, began, end = 0, process_time(), perf_counter() + seconds
    while not count or perf_counter() < end:
        session.run(names, feeds, options)
        count += 1
    return (process_time() - began) * 1e6 / count
