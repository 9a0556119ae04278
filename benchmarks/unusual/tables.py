"""The tables of docs/unusual.md."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.page import table
from benchmarks.unusual.kinds import CHOSEN_ON, KINDS, OTHERS
from benchmarks.unusual.measures import SHARES
from benchmarks.unusual.results import Network, Results
from benchmarks.unusual.signs import SIGNS

NAMES = {"dense-10": "dense", "mnist-conv-16": "convolutional"}
OTHERS_SCORES = ("softmax", "energy", "k-NN", "first try")
SCORES = (*OTHERS_SCORES, *SIGNS)
UNSEEN_SEED = 2  # from here on; seeds 0 and 1 took part in the choice
Row = dict[str, object]


def aurocs(networks: list[Network], score: str, kinds: tuple[str, ...]) -> NDArray[np.float64]:
    """Return (seeds, kinds)."""
    return np.array([[network.auroc[score][kind] for kind in kinds] for network in networks])


def by_kind(results: Results) -> str:
    """Tell the means over the seeds, kind by kind, of each preset in turn."""
    columns = [_of_a_kind(results.of(preset)) for preset in NAMES]
    rows: list[Row] = []
    for kind in KINDS:
        rows.append({"kind": kind} | _paired([column[kind] for column in columns]))
    return table(rows)


def _of_a_kind(networks: list[Network]) -> dict[str, dict[str, str]]:
    """Return for each kind its cells, the best score in bold."""
    told = {}
    for kind in KINDS:
        means = {score: float(aurocs(networks, score, (kind,)).mean()) for score in SCORES}
        best = max(means.values())
        told[kind] = {score: _bold(mean, best) for score, mean in means.items()}
        told[kind]["spread of both"] = f"{spread(aurocs(networks, 'both', (kind,))):.3f}"
        noticed = np.mean([network.noticed["both"][kind] for network in networks])
        told[kind]["noticed, %"] = f"{100 * noticed:.0f}"
    return told


def spread(found: NDArray[np.float64]) -> float:
    """Return the standard deviation over the seeds of their means; 0 for a single one."""
    return float(found.mean(axis=1).std(ddof=1)) if len(found) > 1 else 0.0


def means(results: Results) -> str:
    """Tell the means over all kinds, over the halves of them, and over the seeds left out."""
    parts: dict[str, tuple[tuple[str, ...], int]] = {
        f"all {len(KINDS)} kinds": (KINDS, 0),
        f"the {len(CHOSEN_ON)} it was chosen on": (CHOSEN_ON, 0),
        f"the {len(OTHERS)} others": (OTHERS, 0),
        "all kinds, seeds 2 and up": (KINDS, UNSEEN_SEED),
    }
    rows: list[Row] = []
    for part, (kinds, first) in parts.items():
        columns = [_of_a_mean(results.of(preset), kinds, first) for preset in NAMES]
        rows.append({"mean over": part} | _paired(columns))
    return table(rows)


def _of_a_mean(networks: list[Network], kinds: tuple[str, ...], first: int) -> dict[str, str]:
    """Return the cells of one network's scores over seeds from `first`, the best in bold."""
    some = [network for network in networks if network.seed >= first]
    found = {score: aurocs(some, score, kinds) for score in SCORES}
    best = max(float(one.mean()) for one in found.values())
    told = {score: _bold(float(one.mean()), best, 4) for score, one in found.items()}
    return told | {"spread of both": f"{spread(found['both']):.3f}"}


def _paired(columns: list[dict[str, str]]) -> Row:
    """Join the cells of each preset in turn."""
    return {head: " / ".join(one[head] for one in columns) for head in columns[0]}


def uniform(results: Results) -> str:
    """Tell how uniform the p-values of the test rows are, with all held-out rows and with few."""
    rows: list[Row] = []
    for preset, name in NAMES.items():
        for sign in SIGNS:
            found = [network.uniform[sign] for network in results.of(preset)]
            distances = [one.distance for one in found]
            row: Row = {"network": name, "sign": sign}
            row["distance"] = f"{min(distances):.3f} to {max(distances):.3f}"
            for place, share in enumerate(SHARES):
                shares = [one.shares[place] for one in found]
                row[f"below {share:g}"] = (
                    f"{np.mean(shares):.4f} ({min(shares):.4f} to {max(shares):.4f})"
                )
            rows.append(row | _few(results.of(preset), sign))
    return table(rows)


def _few(networks: list[Network], sign: str) -> Row:
    """Tell the shares below 0.01 where few rows calibrate: the mean, and eight of ten draws."""
    told: Row = {}
    for place, one in enumerate(networks[0].few):
        shares = [network.few[place].below_hundredth[sign] for network in networks]
        low, high = np.quantile(shares, [0.1, 0.9])
        told[f"of {one.rows}, below 0.01"] = f"{np.mean(shares):.4f} ({low:.4f} to {high:.4f})"
    return told


def _bold(value: float, best: float, digits: int = 3) -> str:
    told = f"{value:.{digits}f}"
    return f"**{told}**" if told == f"{best:.{digits}f}" else told


TABLES: dict[str, Callable[[Results], str]] = {
    "means": means,
    "kinds": by_kind,
    "uniform": uniform,
}
