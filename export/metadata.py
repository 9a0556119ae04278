"""What the artifact says of itself, gathered from the run directory."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from models.data.dataset import FloatRows
from models.network import HighwayClassifier, mean_gates
from models.run import Run
from service.contract import GATE_MEAN, INPUT, PROBABILITIES, Input, Layer, Metadata

GOLDEN_ROWS = 3


def describe(run: Run, *, name: str | None, version: str) -> Metadata:
    """Describe a run's network; its verification record is empty until it has been verified."""
    config = run.config()
    data = config.data
    layers = tuple(
        Layer(
            name=f"highway {block.number}",
            kind="dense",
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
    return Metadata(
        name=name or f"{data.name}-{config.preset}",
        version=version,
        labels=data.labels,
        layers=layers,
        input=Input(**asdict(data.input)),
        training=training,
        gate_baseline=run.baseline(),
        verification={},
    )


@torch.no_grad()
def golden_rows(network: HighwayClassifier, rows: FloatRows) -> dict[str, Any]:
    """Record torch's answers to the first few `rows`, for every later start to repeat."""
    chosen = rows[:GOLDEN_ROWS]
    logits, gates = network(torch.from_numpy(chosen))
    return {
        INPUT: _numbers(chosen),
        PROBABILITIES: _numbers(torch.softmax(logits, dim=1).numpy()),
        GATE_MEAN: _numbers(mean_gates(gates).numpy()),
    }


def _numbers(values: FloatRows) -> list[list[float]]:
    # float32's shortest decimals read back as the same float32, and are half as long as double's.
    return [[float(str(value)) for value in row] for row in np.asarray(values, np.float32)]


def _without_timings(metrics: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in metrics.items() if key != "seconds"}
