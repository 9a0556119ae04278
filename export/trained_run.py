"""A trained run: the contents of its directory, read once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from export.errors import PlainNetworkError
from export.graph import ServedNetwork
from models.errors import RunError
from models.kept_rows import KeptRows
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
    rows: KeptRows
    metrics: dict[str, float]
    gate_baseline: dict[str, Any]

    @classmethod
    def read(
        cls, path: Path, *, data: str | None = None, module: nn.Module | None = None
    ) -> "TrainedRun":
        """Read a run directory, with the rows that it keeps.

        A network of one's own is rebuilt from `module`, of its class.

        If `data` is given, the rows are read from the data at that path, with all test rows; so are
        those of a run of an older release, which keeps none. Raises `RunError` if the run is
        incomplete or the data are missing, `PlainNetworkError` without highway layers.
        """
        run = Run(path)
        config = run.config()
        layers = len(config.gate_layers)
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
            served=ServedNetwork(run.classifier(module, config), run.typicality(config)),
            rows=_rows(run, config, data),
            metrics=run.metrics()[-1],
            gate_baseline=gate_baseline,
        )


def _rows(run: Run, config: RunConfig, data: str | None) -> KeptRows:
    kept = run.rows(config) if data is None else None
    return kept or KeptRows.of(run.dataset(config, data), whole_test=True)
