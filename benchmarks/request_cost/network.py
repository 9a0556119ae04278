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
from service.classifier import read_metadata
from service.contract import GATE_MEAN, INPUT, OUTPUTS, PROBABILITIES, TYPICALITY
from service.model_session import ON_REQUEST
from service.runtime import onnxruntime
from service.subgraph import subgraph

COMPUTED = {
    "probabilities alone": (PROBABILITIES,),
    "with mean gates": (PROBABILITIES, GATE_MEAN),
    "with typicality": (PROBABILITIES, TYPICALITY),
    "with both": (PROBABILITIES, GATE_MEAN, TYPICALITY),
    "all but the typicality of layers, as the server does": tuple(set(OUTPUTS) - ON_REQUEST),
    "all outputs": OUTPUTS,
}
ALWAYS = (PROBABILITIES, GATE_MEAN, TYPICALITY)  # the outputs that the server fetches, if computed


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The time of a batch in µs with a graph that computes these outputs only."""

    outputs: str
    rows: int
    microseconds: float


def batches(file: Path, rows: int, rounds: Rounds) -> Iterator[Batch]:
    """Measure batches in turn, each round in the other order."""
    content = file.read_bytes()
    sessions = {
        name: Configuration(arena=False).session(subgraph(content, set(outputs)))
        for name, outputs in COMPUTED.items()
    }
    feeds = {INPUT: random_rows(rows, read_metadata(content).input.size)}
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for number in range(rounds.pairs):
        for name in list(sessions)[:: 1 if number % 2 else -1]:
            fetched = [output for output in ALWAYS if output in COMPUTED[name]]
            times[name].append(_microseconds(sessions[name], fetched, feeds, rounds.seconds))
    for name, measured in times.items():
        yield Batch(outputs=name, rows=rows, microseconds=median(measured))


def _microseconds(
    session: onnxruntime.InferenceSession,
    fetched: list[str],
    feeds: dict[str, np.ndarray],
    seconds: float,
) -> float:
    session.run(fetched, feeds)
    count, began, end = 0, process_time(), perf_counter() + seconds
    while not count or perf_counter() < end:
        session.run(fetched, feeds)
        count += 1
    return (process_time() - began) * 1e6 / count
