"""Simulated bursts through the ledger's observer: whether its weights are unbiased."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from service.classifier import read_metadata
from service.contract import GATE_MEAN, PROBABILITIES, TYPICALITY, Metadata
from service.inference.outputs import BatchOutputs
from service.inference.queue import InferenceRequest, PendingRequest
from service.inference.statistics import Timing
from service.ledger.observer import LedgerObserver
from service.ledger.strata import STRATA
from service.ledger.write_buffer import RowSample
from service.observers import SUCCESS, RequestEvent
from service.settings import BUNDLED_MODEL

ROWS = 1000  # of a burst
REQUEST_ROWS = 20
RATE = 100  # rows a second
LABEL_SHARES = (0.3, 0.2, 0.15, 0.1, 0.1, 0.08, 0.05, 0.01, 0.006, 0.004)
ATYPICAL_SHARE = 0.03
NAMES = ("very atypical", "atypical", "rare label", "low confidence", "ordinary")

Counts = NDArray[np.float64]  # (strata, labels)


@dataclass(frozen=True, kw_only=True)
class Bias:
    """The rows of a stratum in all bursts, and how far the weights are from them.

    `share` is that of the rows kept. `z` is the largest deviation of a label's weights from its
    rows, in standard errors, and `p_value` the probability that one of the `labels` has so large a
    deviation by chance (Bonferroni).
    """

    stratum: str
    rows: int
    kept: int
    share: float
    weights: float
    labels: int
    z: float
    p_value: float


def simulate(bursts: int) -> Iterator[Bias]:
    """Sample bursts of `ROWS` rows, each in an interval; yield each stratum, and all rows."""
    model = read_metadata(BUNDLED_MODEL.read_bytes())
    rows, kept, weights, squares = np.array(asyncio.run(_sums(model, bursts)))
    deviations = weights - rows
    for stratum, name in enumerate(NAMES):
        yield _bias(name, *(sums[stratum] for sums in (rows, kept, weights, deviations, squares)))
    overall = (sums[: len(STRATA)].sum(axis=0) for sums in (rows, kept, weights, deviations))
    yield _bias("all", *overall, squares[-1])


async def _sums(model: Metadata, bursts: int) -> list[Counts]:
    """Return sums over all bursts: rows, rows kept, weights, and squares of the deviations.

    The last row of the squares is that of all strata together.
    """
    samples: list[RowSample] = []
    observer = LedgerObserver(samples.append, rate=RATE, inputs="none", atypical=0.01)
    random = np.random.default_rng()
    shape = len(STRATA) + 1, len(model.labels)
    sums = [np.zeros(shape) for _ in range(4)]
    for _ in range(bursts):
        strata, labels = _burst(observer, model, random)
        (sample,) = samples
        samples.clear()
        taken = [int(row.request_id) * REQUEST_ROWS + row.row for row in sample.rows]
        rows, kept, weights = (np.zeros(shape) for _ in range(3))
        np.add.at(rows, (strata, labels), 1)
        np.add.at(kept, (strata[taken], labels[taken]), 1)
        np.add.at(weights, (strata[taken], labels[taken]), [row.weight for row in sample.rows])
        deviations = weights - rows
        deviations[-1] = deviations.sum(axis=0)
        for total, added in zip(sums, (rows, kept, weights, deviations**2), strict=True):
            total += added
    return sums


def _burst(
    observer: LedgerObserver, model: Metadata, random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Let the observer sample a burst, one batch; return the stratum and label of each row."""
    labels = random.choice(len(LABEL_SHARES), ROWS, p=LABEL_SHARES)
    batch = BatchOutputs(_outputs(model, labels, random))
    request = InferenceRequest(np.zeros((REQUEST_ROWS, 1), np.float32), frozenset())
    timing = Timing(0, 0, 0, 0, 0, ROWS)
    for number, first in enumerate(range(0, ROWS, REQUEST_ROWS)):
        pending = PendingRequest(request, lambda _: None, "", 0)
        pending.batch, pending.first = batch, first
        if observer.wants(SUCCESS, model, pending):
            event = RequestEvent(
                *("infer", model, {}, str(number), SUCCESS, REQUEST_ROWS, 0, 0),
                *(timing, request, batch, first),
            )
            observer.observe(event)
    observer.flush()
    assert batch.strata is not None
    return np.frombuffer(batch.strata, np.uint8).astype(np.intp), labels


def _outputs(
    model: Metadata, labels: NDArray[np.intp], random: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Return outputs with these labels; some rows are atypical, and others of low confidence."""
    atypical = random.random(ROWS) < ATYPICAL_SHARE
    return {
        PROBABILITIES: np.eye(len(LABEL_SHARES), dtype=np.float32)[labels],
        GATE_MEAN: np.zeros((ROWS, len(model.layers)), np.float32),
        TYPICALITY: np.column_stack(
            [
                np.full(ROWS, 0.5),
                random.random(ROWS),  # of which 5 % have low confidence
                np.where(atypical, 10.0 ** random.uniform(-6, -2, ROWS), 0.5),
            ]
        ).astype(np.float32),
    }


def _bias(name: str, *sums: NDArray[np.float64]) -> Bias:
    rows, kept, weights, deviations, squares = sums
    sampled = squares > 1e-9 * rows  # otherwise all rows were kept
    z = np.abs(deviations[sampled]) / np.sqrt(squares[sampled])
    largest = float(z.max(initial=0))
    return Bias(
        stratum=name,
        rows=round(rows.sum()),
        kept=round(kept.sum()),
        share=round(kept.sum() / max(1, rows.sum()), 4),
        weights=round(weights.sum(), 6),
        labels=len(z),
        z=round(largest, 2),
        p_value=round(min(1.0, len(z) * erfc(largest / sqrt(2))), 4),
    )
