"""Tables of docs/typicality.md and docs/measurements/typicality.md."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.page import table
from benchmarks.typicality.inputs import CHOSEN_ON, KINDS, OTHERS
from benchmarks.typicality.outsiders import NOTMNIST
from benchmarks.typicality.results import SHARES, Network, Results, has_letters
from service.contract import TYPICALITY_COLUMNS

NAMES = {"dense-10": "dense", "mnist-conv-16": "convolutional"}
SCORES = ("softmax", "energy", "k-NN", "raw gates", *TYPICALITY_COLUMNS)
OTHER_SCORES = ("softmax", "energy", "k-NN")
SUMMARY = {  # scores of the user's page
    "softmax": "largest probability",
    "energy": "energy",
    "k-NN": "50th nearest training row (Sun et al. 2022)",
    **{column: f"`{column}`" for column in TYPICALITY_COLUMNS},
}
UNSEEN_SEED = 2  # and higher seeds; the method was chosen on seeds 0 and 1
SPREAD, DETECTED, MISSING = "spread of combined", "detected, %", "–"
Row = dict[str, object]


def aurocs(networks: list[Network], score: str, kinds: tuple[str, ...]) -> NDArray[np.float64]:
    """Return (seeds, kinds)."""
    return np.array([[network.auroc[score][kind] for kind in kinds] for network in networks])


def networks(results: Results) -> str:
    """Return how the networks were trained, and their rows."""
    rows: list[Row] = []
    for preset, name in NAMES.items():
        some = results.of(preset)
        accuracies = [100 * network.accuracy for network in some]
        rows.append(
            {
                "networks": f"{name}, {len(some)} seeds",
                "epochs": _unique(network.epochs for network in some),
                "accuracy, %": f"{min(accuracies):.1f} to {max(accuracies):.1f}",
                "held-out rows": _unique(network.held_out_rows for network in some),
                "ordinary rows": _unique(network.ordinary_rows for network in some),
                "least gain": f"{min(map(_gain, some)):.3f}",
            }
        )
    return table(rows)


def _unique(numbers: Iterable[int]) -> str:
    return ", ".join(f"{number:,}" for number in sorted(set(numbers)))


def _gain(network: Network) -> float:
    """Return the mean AUROC of combined minus the best of softmax, energy and k-NN."""
    values = {score: float(aurocs([network], score, KINDS).mean()) for score in SCORES}
    return values["combined"] - max(values[score] for score in OTHER_SCORES)


def summary(results: Results) -> str:
    """Return the means over all kinds and seeds, a row for each score, and notMNIST's letters."""
    rows: list[Row] = []
    for score, name in SUMMARY.items():
        row: Row = {"score": name}
        for preset in NAMES:
            mean = float(aurocs(results.of(preset), score, KINDS).mean())
            row[f"`{preset}`"] = f"**{mean:.3f}**" if score == "combined" else f"{mean:.3f}"
        rows.append(row)
    if NOTMNIST in results.kinds:
        row = {"score": f"`combined`, {NOTMNIST}"}
        for preset in NAMES:
            cells = _kind_cells(results.of(preset), NOTMNIST)
            row[f"`{preset}`"] = cells["combined"].strip("*")
        rows.append(row)
    return table(rows)


def by_layer(results: Results) -> str:
    """Return the means over all kinds and seeds with the gates of one layer, and of all."""
    layers = max(len(network.by_layer) for network in results.networks)
    rows: list[Row] = []
    for preset, name in NAMES.items():
        some = results.of(preset)
        for column in ("gates", "combined"):
            by_seed = np.array([[layer[column] for layer in one.by_layer] for one in some])
            cells = [f"{mean:.3f}" for mean in by_seed.mean(axis=0)]
            cells += [MISSING] * (layers - len(cells))
            row: Row = {"network": name, "p-value": column}
            row |= {f"layer {number}": cell for number, cell in enumerate(cells, start=1)}
            rows.append(row | {"all": f"{aurocs(some, column, KINDS).mean():.3f}"})
    return table(rows)


def by_kind(results: Results) -> str:
    """Return the means over the seeds for each kind, with a number for each preset."""
    rows: list[Row] = []
    for kind in results.kinds:
        columns = [_kind_cells(results.of(preset), kind) for preset in NAMES]
        rows.append({"kind": kind} | _joined(columns))
    return table(rows)


def _kind_cells(networks: list[Network], kind: str) -> dict[str, str]:
    """Return the cells of a kind, the best score in bold."""
    if kind == NOTMNIST and not all(map(has_letters, networks)):
        return dict.fromkeys((*SCORES, SPREAD, DETECTED), MISSING)
    means = {score: float(aurocs(networks, score, (kind,)).mean()) for score in SCORES}
    best = max(means.values())
    cells = {score: _bold(mean, best) for score, mean in means.items()}
    cells[SPREAD] = f"{spread(aurocs(networks, 'combined', (kind,))):.3f}"
    detected = np.mean([network.detected["combined"][kind] for network in networks])
    return cells | {DETECTED: f"{100 * detected:.0f}"}


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
    return cells | {SPREAD: f"{spread(values['combined']):.3f}"}


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
    "networks": networks,
    "means": means,
    "kinds": by_kind,
    "layers": by_layer,
    "uniform": uniform,
}
USER_TABLES: dict[str, Callable[[Results], str]] = {"summary": summary}
