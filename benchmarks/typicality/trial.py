"""Measurement of one network: its scores of normal rows and of atypical ones."""

import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from benchmarks.typicality.outsiders import NOTMNIST
from benchmarks.typicality.results import (
    DIGITS,
    Network,
    Recalibration,
    auroc,
    share_below,
    uniformity,
)
from benchmarks.typicality.scores import (
    COMBINED,
    GATES,
    Outputs,
    detectors,
    fitted,
    outputs_of,
    p_values,
)
from models.data.dataset import Dataset, FloatRows, Labels
from models.gates.typicality import GateOutputs, Typicality
from models.networks.network import HighwayClassifier
from models.run import Run
from service.contract import TYPICALITY_COLUMNS

FEW = (200, 1000)  # held-out rows
DRAWS = 10
ALARM = 0.01
Aurocs = dict[str, dict[str, float]]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Outputs of a network for its data and for each kind of atypical rows."""

    widths: list[int]
    labels: Labels
    trained: Outputs
    held_out: Outputs
    test: Outputs
    kinds: Mapping[str, Outputs]

    @classmethod
    def of(
        cls, network: HighwayClassifier, dataset: Dataset, kinds: Mapping[str, FloatRows]
    ) -> "Trial":
        """Run the network on all rows."""
        return cls(
            widths=[block.width for block in network.config.highway_blocks],
            labels=dataset.train.y,
            trained=outputs_of(network, dataset.train.x),
            held_out=outputs_of(network, dataset.validation.x),
            test=outputs_of(network, dataset.test.x),
            kinds={name: outputs_of(network, x) for name, x in kinds.items()},
        )

    def other_aurocs(self) -> Aurocs:
        """Return the AUROC of the other scores, by score and kind."""
        results: Aurocs = {}
        for name, score in detectors(self.trained).items():
            normal = score(self.test)
            results[name] = {kind: auroc(normal, score(rows)) for kind, rows in self.kinds.items()}
        return results

    def typicality_aurocs(self, module: Typicality) -> tuple[Aurocs, Aurocs]:
        """Return the AUROC, and the share of p-values below 0.01, by column and kind."""
        normal = p_values(module, self.test.gates())
        aurocs: Aurocs = {name: {} for name in TYPICALITY_COLUMNS}
        detected: Aurocs = {name: {} for name in TYPICALITY_COLUMNS}
        for kind, outputs in self.kinds.items():
            atypical = p_values(module, outputs.gates())
            for column, name in enumerate(TYPICALITY_COLUMNS):
                aurocs[name][kind] = auroc(-normal[:, column], -atypical[:, column])
                detected[name][kind] = share_below(atypical[:, column], ALARM)
        return aurocs, detected

    def by_layer(self) -> Iterator[dict[str, float]]:
        """Yield the mean AUROC with the gates of one layer alone, for each layer.

        notMNIST's letters do not count.
        """
        counted = [rows for kind, rows in self.kinds.items() if kind != NOTMNIST]
        for width, units in zip(self.widths, layer_slices(self.widths), strict=True):
            module = fitted(self.trained, self.labels, self.held_out, [width], units)
            normal = p_values(module, self.test.gates(units))
            kinds = [p_values(module, outputs.gates(units)) for outputs in counted]
            yield {
                TYPICALITY_COLUMNS[column]: round(
                    float(np.mean([auroc(-normal[:, column], -p[:, column]) for p in kinds])),
                    DIGITS,
                )
                for column in (GATES, COMBINED)
            }

    def recalibrations(self, module: Typicality) -> Iterator[Recalibration]:
        """Yield the shares of small p-values after calibration on few held-out rows."""
        for rows in FEW:
            shares = np.array([self._shares(module, rows, draw) for draw in range(DRAWS)])
            by_column = dict(zip(TYPICALITY_COLUMNS, shares.T.tolist(), strict=True))
            yield Recalibration(rows=rows, below_hundredth=by_column)

    def _shares(self, module: Typicality, rows: int, draw: int) -> list[float]:
        random = np.random.default_rng(draw)
        chosen = random.choice(len(self.held_out.logits), rows, replace=False)
        calibrated = deepcopy(module)
        calibrated.calibrate(GateOutputs(*(part[chosen] for part in self.held_out.gates())))
        p = p_values(calibrated, self.test.gates())
        return [share_below(column, ALARM) for column in p.T]


def layer_slices(widths: Sequence[int]) -> list[slice]:
    """Return the slice of each layer's units among all units."""
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]


def measure_run(run: Run, dataset: Dataset, kinds: Mapping[str, FloatRows]) -> Network:
    """Compute all results of the network of a finished run.

    Its validation rows are the held-out ones, and its test rows the ordinary ones.
    """
    began = time.perf_counter()
    config = run.config()
    trial = Trial.of(run.network(config), dataset, kinds)
    module = fitted(trial.trained, trial.labels, trial.held_out, trial.widths)
    aurocs, detected = trial.typicality_aurocs(module)
    normal = p_values(module, trial.test.gates())
    return Network(
        preset=config.preset,
        seed=config.training.seed,
        epochs=config.training.epochs,
        held_out_rows=len(dataset.validation),
        ordinary_rows=len(dataset.test),
        accuracy=float((trial.test.logits.argmax(axis=1) == dataset.test.y).mean()),
        auroc=trial.other_aurocs() | aurocs,
        detected=detected,
        by_layer=list(trial.by_layer()),
        uniformity={
            name: uniformity(p) for name, p in zip(TYPICALITY_COLUMNS, normal.T, strict=True)
        },
        recalibrations=list(trial.recalibrations(module)),
        seconds=round(time.perf_counter() - began, 1),
    )
