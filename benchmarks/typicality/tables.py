"""Tables of docs/measurements/typicality.md."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.page import table
from benchmarks.typicality.inputs import CHOSEN_ON, KINDS, OTHERS
from benchmarks.typicality.results import SHARES, Network, Results
from service.contract import TYPICALITY_COLUMNS

NAMES = {"dense-10": "dense", "mnist-conv-16": "convolutional"}
SCORES = ("softmax", "energy", "k-NN", "raw gates", *TYPICALITY_COLUMNS)
UNSEEN_SEED = 2  # and higher seeds; the method was chosen on seeds 0 and 1
Row = dict[str, object]


def aurocs(networks: list[Network], score: str, kinds: tuple[str, ...]) -> NDArray[np.float64]:
    """Return (seeds, kinds)."""
    return np.array([[network.auroc[score][kind] for kind in kinds] for network in networks])


def by_kind(results: Results) -> str:
    """Return the means over the seeds for each kind, with a number for each preset."""
    columns = [_cells_by_kind(results.of(preset)) for preset in NAMES]
    rows: list[Row] = []
    for kind in KINDS:
        rows.append({"kind": kind} | _joined([column[kind] for column in columns]))
    return table(rows)


def _cells_by_kind(networks: list[Network]) -> dict[str, dict[str, str]]:
    """Return the cells of each kind, the best score in bold."""
    cells = {}
    for kind in KINDS:
        means = {score: float(aurocs(networks, score, (kind,)).mean()) for score in SCORES}
        best = max(means.values())
        cells[kind] = {score: _bold(mean, best) for score, mean in means.items()}
        cells[kind]["spread of combined"] = f"{spread(aurocs(networks, 'combined', (kind,))):.3f}"
        detected = np.mean([network.detected["combined"][kind] for network in networks])
        cells[kind]["detected, %"] = f"{100 * detected:.0f}"
    return cells


def spread(values: NDArray[np.float64]) -> float:
    """Return the standard deviation over the seeds of their means; 0 for a single one."""
    return float(values.mean(axis=1).std(ddof=1)) if len(values) > 1 else 0.0


def means(results: Results) -> str:
    """Return the means over all kinds, over each half of them, and over the unseen seeds."""
    parts: dict[str, tuple[tuple[str, ...], int]] = {
        f"all {len(KINDS)} kinds": (KINDS, 0),
        f"the {len(CHOSEN_ON)} kinds used to choose the method": (CHOSEN_ON, 0),
        f"the other {len(OTHERS)} kinds": (OTHERS, 0),
        "all kinds, seeds 2 and up": (KINDS, UNSEEN_SEED),
    }
    rows: list[Row] = []
    for part, (kinds, first) in parts.items():
        columns = [_mean_cells(results.of(preset), kinds, first) for preset in NAMES]
        rows.append({"mean over": part} | _joined(columns))
    return table(rows)


def _mean_cells(networks: list[Network], kinds: tuple[str, ...], first: int) -> dict[str, str]:
    """Return the cells of the scores over seeds from `first`, the best in bold."""
    some = [network for network in networks if network.seed >= first]
    values = {score: aurocs(some, score, kinds) for score in SCORES}
    best = max(float(value.mean()) for value in values.values())
    cells = {score: _bold(float(value.mean()), best, 4) for score, value in values.items()}
    return cells | {"spread of combined": f"{spread(values['combined']):.3f}"}


def _joined(columns: list[dict[str, str]]) -> Row:
    """Join the cells of the presets."""
    return {head: " / ".join(column[head] for column in columns) for head in columns[0]}


def uniform(results: Results) -> str:
    """Return the uniformity of the test rows' p-values, with all held-out rows and with few."""
    rows: list[Row] = []
    for preset, name in NAMES.items():
        for column in TYPICALITY_COLUMNS:
            networks = results.of(preset)
            measures = [network.uniformity[column] for network in networks]
            distances = [measure.distance for measure in measures]
            row: Row = {"network": name, "p-value": column}
            row["distance"] = f"{min(distances):.3f} to {max(distances):.3f}"
            for index, share in enumerate(SHARES):
                shares = [measure.shares[index] for measure in measures]
                row[f"below {share:g}"] = (
                    f"{np.mean(shares):.4f} ({min(shares):.4f} to {max(shares):.4f})"
                )
            rows.append(row | _recalibrated(networks, column))
    return table(rows)


def _recalibrated(networks: list[Network], column: str) -> Row:
    """Return the shares below 0.01 with few calibration rows: the mean, and 8 of 10 draws."""
    row: Row = {}
    for index, first in enumerate(networks[0].recalibrations):
        shares = [network.recalibrations[index].below_hundredth[column] for network in networks]
        low, high = np.quantile(shares, [0.1, 0.9])
        row[f"of {first.rows}, below 0.01"] = f"{np.mean(shares):.4f} ({low:.4f} to {high:.4f})"
    return row


def _bold(value: float, best: float, digits: int = 3) -> str:
    text = f"{value:.{digits}f}"
    return f"**{text}**" if text == f"{best:.{digits}f}" else text


TABLES: dict[str, Callable[[Results], str]] = {
    "means": means,
    "kinds": by_kind,
    "uniform": uniform,
}
