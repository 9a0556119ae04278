"""What the artifact says of itself, gathered from the run directory."""

import re
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from export.graph import ServedNetwork
from models.data.dataset import Dataset, FloatRows, InputSpec
from models.errors import RunError
from models.networks.blocks import HighwayBlock
from models.run import Run
from service.contract import (
    GATE_MEAN,
    INPUT,
    OUTPUTS,
    PROBABILITIES,
    UNUSUAL,
    Column,
    Input,
    Layer,
    Metadata,
)

GOLDEN_LABELS = 3


def describe(run: Run, *, name: str | None, version: str) -> Metadata:
    """Describe a run's network; its verification record is empty until it has been verified."""
    config = run.config()
    data = config.data
    baseline = run.baseline()
    if len(baseline["overall"]["mean"]) != len(config.network.highway_blocks):
        raise RunError(
            f"{run.path}: expected a gate baseline of {len(config.network.highway_blocks)} layers, "
            f"found one of {len(baseline['overall']['mean'])}; train again"
        )
    layers = tuple(
        Layer(
            name=f"highway {block.number}",
            kind="dense" if isinstance(block, HighwayBlock) else "convolution",
            width=block.width,
            number=block.number,
        )
        for block in config.network.highway_blocks
    )
    training = {
        "data": data.name,
        "data_digest": data.digest,
        "preset": config.preset,
        "source_revision": config.source_revision,
        "config": asdict(config.training),
        "metrics": _without_timings(run.metrics()[-1]),
    }
    if config.pruning is not None:
        training["pruning"] = asdict(config.pruning)
    return Metadata(
        name=name or _url_part(f"{data.name}-{config.preset}"),
        version=version,
        labels=data.labels,
        layers=layers,
        input=_input(data.input),
        training=training,
        gate_baseline=baseline,
        verification={},
    )


def _input(row: InputSpec) -> Input:
    columns = tuple(Column(name=c.name, categories=c.categories) for c in row.columns)
    return Input(
        kind=row.kind,
        shape=row.shape,
        unit=row.unit,
        low=row.low,
        high=row.high,
        columns=columns,
    )


def _url_part(text: str) -> str:
    """Make a name for URLs of a file's name, which may hold anything."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)


@torch.no_grad()
def golden_rows(served: ServedNetwork, dataset: Dataset) -> dict[str, Any]:
    """Record torch's answers to a few rows, for every later start to repeat.

    No row is anybody's: each is what training rows of one label are on average, a column of
    categories the most frequent one. In the last every value that a table can miss is missing.
    """
    chosen = np.stack(
        [
            typical_row(dataset.input, dataset.train.x[dataset.train.y == label])
            for label in range(min(GOLDEN_LABELS, len(dataset.labels)))
        ]
    )
    gaps = np.isnan(dataset.train.x).any(axis=0)
    if gaps.any():
        chosen = np.concatenate([chosen, np.where(gaps, np.float32(np.nan), chosen[:1])])
    ones = torch.ones(1, served.layers)
    answers = dict(zip(OUTPUTS, served(torch.from_numpy(chosen), ones), strict=True))
    told = (PROBABILITIES, GATE_MEAN, UNUSUAL)
    return {INPUT: numbers(chosen), **{name: numbers(answers[name].numpy()) for name in told}}


def typical_row(row: InputSpec, rows: FloatRows) -> FloatRows:
    """Return (features,): the mean of `rows` (n, features) where known, of categories the mode."""
    known = np.ma.masked_invalid(rows.astype(np.float64))
    typical = known.mean(axis=0).filled(np.nan)
    for index, column in enumerate(row.columns):
        if column.categories and not np.isnan(typical[index]):
            typical[index] = np.bincount(known[:, index].compressed().astype(np.int64)).argmax()
    return np.asarray(typical, np.float32)


def numbers(values: NDArray[Any]) -> list[list[float | None]]:
    """Write float32 as JSON can: its shortest decimals, null for a table's missing value."""
    return [
        [None if np.isnan(value) else float(str(value)) for value in row]
        for row in np.asarray(values, np.float32)
    ]


def _without_timings(metrics: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if key != "seconds"}
