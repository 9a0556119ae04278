"""Which layer has the least typical gates, and does closing that layer matter most? On MNIST.

    python -m benchmarks.typicality.layers --mnist FOLDER RUN [RUN ...]

FOLDER holds MNIST's four files; each RUN is a finished training on them. For corrupted images, the
layer with the smallest p-value is compared with the layer whose closing changes the predicted
label's log-probability most. For ordinary images, the gates of one layer are disturbed, and the
layer with the smallest p-value is compared with that one. Kinds and strengths were fixed before.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kstest, rankdata
from torch import Tensor, nn

from benchmarks.serving.page import table
from benchmarks.typicality.inputs import ROWS, SEED, atypical_inputs
from models.data.dataset import FloatRows, Labels, Part
from models.data.source import Source, load
from models.gates.layer_typicality import LayerTypicality
from models.networks.layers import HighwayLayer
from models.networks.network import HighwayClassifier, unit_gates
from models.run import Run

Values = NDArray[np.float64]
Row = dict[str, object]
KINDS = ("stripe", "noise", "shifted")
BATCH = 200
STUCK_SHARE, STUCK_LOG_ODDS = 0.1, 8.0  # of a layer's units


@dataclass(frozen=True)
class Closed:
    """Rows with every layer closed in turn: p-values, changes and labels, (rows, layers) each.

    A change is that of the log-probability of the predicted label, without its sign.
    """

    p_values: Values
    changes: Values
    labels: Labels
    predicted: Labels


class Probe:
    """A network whose layers are closed or disturbed, and the typicality of its layers."""

    def __init__(self, network: HighwayClassifier, typicality: LayerTypicality) -> None:
        self.network, self.typicality = network.eval(), typicality
        self.blocks = [block for block in network.blocks if isinstance(block, HighwayLayer)]
        self.layers = len(self.blocks)

    @torch.no_grad()
    def run(self, x: FloatRows, closed: int | None = None) -> tuple[Tensor, Tensor]:
        """Return logits and gates (rows, units), with a layer closed if one is given."""
        scale = torch.ones(1, self.layers)
        if closed is not None:
            scale[0, closed] = 0
        logits, units = [], []
        for rows in torch.from_numpy(x).split(BATCH):
            output, gates = self.network(rows, scale)
            logits.append(output)
            units.append(torch.cat([unit_gates(gate) for gate in gates], dim=1))
        return torch.cat(logits), torch.cat(units)

    @torch.no_grad()
    def p_values(self, x: FloatRows) -> Values:
        """Return the typicality of the layers, (rows, layers)."""
        logits, units = self.run(x)
        p_values = self.typicality(torch.softmax(logits, dim=1), units)
        return np.asarray(p_values.double().numpy())

    def close_each(self, x: FloatRows) -> Closed:
        """Close every layer in turn."""
        logits, _ = self.run(x)
        predicted = logits.argmax(dim=1, keepdim=True)
        changes, labels = [], []
        for layer in range(self.layers):
            other, _ = self.run(x, closed=layer)
            both = (torch.log_softmax(one, dim=1).gather(1, predicted) for one in (logits, other))
            changes.append(torch.abs(next(both) - next(both)))
            labels.append(other.argmax(dim=1, keepdim=True))
        return Closed(
            self.p_values(x),
            torch.cat(changes, dim=1).double().numpy(),
            torch.cat(labels, dim=1).numpy(),
            predicted[:, 0].numpy(),
        )

    @contextmanager
    def disturbed(self, layer: int, fault: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Change the log-odds of a layer's gates while the block runs."""

        def change(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
            h, t = output.chunk(2, dim=1)
            return torch.cat([h, fault(t)], dim=1)

        hook = self.blocks[layer].branches.register_forward_hook(change)
        yield
        hook.remove()


def _units(t: Tensor, rows: int) -> Tensor:
    """Return a random normal number for each unit, the same at all positions."""
    return torch.randn((rows, t.shape[1]) + (1,) * (t.dim() - 2))


def _stuck(t: Tensor) -> Tensor:
    # The same units for all rows.
    units = torch.rand((1, t.shape[1]) + (1,) * (t.dim() - 2)) < STUCK_SHARE
    return torch.where(units, torch.tensor(STUCK_LOG_ODDS), t)


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "noise in every log-odds, of spread 1": lambda t: t + _units(t, len(t)),
    "1 added to every log-odds": lambda t: t + 1,
    "a tenth of the units stuck open": _stuck,
}


def closing_row(closed: Closed, ordinary: Closed, truth: Labels) -> Row:
    """Compare the layer with the smallest p-value and the effects of closing each layer."""
    named, most = closed.p_values.argmin(axis=1), closed.changes.argmax(axis=1)
    layers = range(closed.changes.shape[1])
    by_chance = sum(float((named == layer).mean() * (most == layer).mean()) for layer in layers)
    wrong = closed.predicted != truth
    repairs = ((closed.labels == truth[:, None]) & wrong[:, None])[wrong]
    possible = repairs.any(axis=1)
    repaired = repairs[np.arange(len(repairs)), named[wrong]]
    return {
        "same layer": f"{(named == most).mean():.3f}",
        "same if independent": f"{by_chance:.3f}",
        "correlation over layers": f"{_correlation(-closed.p_values, closed.changes):+.3f}",
        "repaired": f"{repaired[possible].mean():.3f} of {possible.sum()}",
        "repaired by any layer": f"{repairs[possible].mean():.3f}",
        "correlation over rows": f"{_over_rows(closed, ordinary):+.3f}",
    }


def _over_rows(closed: Closed, ordinary: Closed) -> float:
    """Return the mean over the layers of the rank correlation over corrupted and ordinary rows."""
    p_values = np.concatenate([closed.p_values, ordinary.p_values])
    changes = np.concatenate([closed.changes, ordinary.changes])
    return _correlation(-p_values.T, changes.T)


def _correlation(first: Values, second: Values) -> float:
    """Return Spearman's rank correlation, the mean over the rows of two tables."""
    ranks = [rankdata(values, axis=1) for values in (first, second)]
    x, y = (values - values.mean(axis=1, keepdims=True) for values in ranks)
    spread = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    known = spread > 0
    return float(((x * y).sum(axis=1)[known] / spread[known]).mean())


def fault_rows(probe: Probe, x: FloatRows) -> Iterator[Row]:
    """Yield, for each fault, the share of rows and layers in which the faulty layer is named."""
    for name, fault in FAULTS.items():
        shares = []
        for layer in range(probe.layers):
            torch.manual_seed(layer)
            with probe.disturbed(layer, fault):
                shares.append(float((probe.p_values(x).argmin(axis=1) == layer).mean()))
        yield {
            "fault": name,
            "named": f"{np.mean(shares):.3f}",
            "of the layers": f"{min(shares):.2f} to {max(shares):.2f}",
            "by chance": f"{1 / probe.layers:.3f}",
        }


def uniform_row(p_values: Values) -> Row:
    """Return the uniformity of each layer's p-values, the range of the layers."""
    distances = [float(kstest(layer, "uniform").statistic) for layer in p_values.T]
    shares = (p_values < 0.01).mean(axis=0)
    return {
        "distance": f"{min(distances):.3f} to {max(distances):.3f}",
        "below 0.01": f"{shares.min():.4f} to {shares.max():.4f}",
    }


def measure(probe: Probe, test: Part, rows: int) -> dict[str, list[Row]]:
    """Return the rows of the three tables for one network."""
    kinds = atypical_inputs(test)
    some = test.take(np.random.default_rng(SEED).permutation(len(test))[:ROWS]).take(slice(rows))
    ordinary = probe.close_each(some.x)
    return {
        "closing": [
            {"kind": kind} | closing_row(probe.close_each(kinds[kind][:rows]), ordinary, some.y)
            for kind in KINDS
        ],
        "faults": list(fault_rows(probe, some.x)),
        "uniform": [uniform_row(probe.p_values(test.x))],
    }


def main() -> None:
    """Print the tables of all runs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.typicality.layers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--mnist", required=True, metavar="FOLDER", help="MNIST's four files")
    parser.add_argument("--rows", type=int, default=500, help="of each kind, at most 2000")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run directory")
    options = parser.parse_args()
    torch.set_num_threads(1)
    test = load(Source.of(options.mnist)).test
    tables: dict[str, list[Row]] = {}
    for path in options.runs:
        run = Run(path)
        probe = Probe(run.network(), run.typicality().layers)
        for name, rows in measure(probe, test, options.rows).items():
            tables.setdefault(name, []).extend({"network": path.name} | row for row in rows)
    for name, rows in tables.items():
        print(f"{name}\n\n{table(rows)}\n", flush=True)


if __name__ == "__main__":
    main()
