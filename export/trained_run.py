"""A trained run: the contents of its directory, read once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.errors import PlainNetworkError
from export.graph import ServedNetwork
from models.data.dataset import Dataset
from models.errors import RunError
from models.run import Run
from models.run_config import RunConfig


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """Everything that export and verification need of a run.

    `metrics` is the last line of `metrics.jsonl`; `gate_baseline` has values for JSON.
    """

    path: Path
    config: RunConfig
    served: ServedNetwork
    dataset: Dataset
    metrics: dict[str, float]
    gate_baseline: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "TrainedRun":
        """Read a run directory; a `RunError` if it is incomplete.

        A network without highway layers raises `PlainNetworkError`.
        """
        run = Run(path)
        config = run.config()
        layers = len(config.network.highway_blocks)
        if not layers:
            raise PlainNetworkError(
                f"{path}: expected a network with highway layers, found a plain one; it has no "
                "gates to serve"
            )
        gate_baseline = run.baseline()
        baseline_layers = len(gate_baseline["overall"]["mean"])
        if baseline_layers != layers:
            raise RunError(
                f"{path}: expected a gate baseline of {layers} layers, found one of "
                f"{baseline_layers}; train again"
            )
        return cls(
            path=path,
            config=config,
            served=ServedNetwork(run.network(config), run.typicality(config)),
            dataset=run.dataset(config),
            metrics=run.metrics()[-1],
            gate_baseline=gate_baseline,
        )
